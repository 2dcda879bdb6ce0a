"""Start the dashboard: ``python -m dashboards --data lab-data``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from lab.store.where import data_root

APP = Path(__file__).with_name("app.py")


def main() -> None:
    """Replace this process by the server of the pages, on loopback."""
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
    argv = [sys.executable, "-m", "streamlit", "run", str(APP), "--server.port", str(asked.port)]
    os.execv(sys.executable, argv)


if __name__ == "__main__":
    main()
