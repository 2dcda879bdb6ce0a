"""Start the dashboard: ``python -m dashboards --data lab-data``."""

from __future__ import annotations

import argparse
import os
import pkgutil
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from lab.errors import LabError
from lab.store.where import data_root

APP = Path(__file__).with_name("app.py")


def main() -> None:
    """Serve the pages on loopback until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m dashboards", description="Show a data root in the browser.")
    parser.add_argument("--data", type=Path, default=data_root(), help="folder of builds and results")
    parser.add_argument("--port", type=int, default=8501, help="port on this machine (default 8501)")
    parser.add_argument(
        "--writers",
        default=os.environ.get("POCKETLAB_WRITERS", "everyone"),
        help="who may act on incidents: everyone (default), nobody, or e-mail addresses with commas (needs login)",
    )
    asked = parser.parse_args()
    os.environ.update(POCKETLAB_DATA=str(asked.data.absolute()), POCKETLAB_WRITERS=asked.writers)
    try:
        get_ready()
    except ModuleNotFoundError as error:
        parser.exit(2, f"dashboards: {error}; `pip install 'pocketlab[dashboard]'` installs what pages need\n")
    from streamlit.web.cli import main as streamlit  # noqa: PLC0415 - after what it takes long to import

    sys.argv = ["streamlit", "run", str(APP), "--server.port", str(asked.port)]
    streamlit()


def get_ready() -> None:
    """Import what pages need, and open the index, so that the first page does not wait for either."""
    import pandas  # noqa: F401, PLC0415 - every table needs it

    from dashboards import charts, data, parts  # noqa: PLC0415 - takes a second: `--help` needs none

    for folder in (charts, parts):
        for module in pkgutil.iter_modules(folder.__path__):
            import_module(f"{folder.__name__}.{module.name}")
    with suppress(LabError):  # the pages say what is wrong with a data root
        data.store().nights()


if __name__ == "__main__":
    main()
