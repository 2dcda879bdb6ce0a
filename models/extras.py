"""Check that the optional packages which a program of models/ needs are installed."""

from __future__ import annotations

import sys
from importlib import import_module


def need(program: str, extras: str, *modules: str) -> None:
    """Import `modules`, or end `program` with exit status 2 and one line on stderr that says what to install.

    `extras` are the extras of pocketlab that bring the modules, as pip expects them: ``models,agents``.
    """
    missing = []
    for module in modules:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            missing.append(error.name or module)
    if missing:
        print(  # noqa: T201 - the program's message
            f"{program}: wanted the modules {', '.join(modules)}; this Python ({sys.executable}) has no "
            f"{', '.join(dict.fromkeys(missing))}: run `pip install 'pocketlab[{extras}]'` "
            f"(in a checkout: `pip install '.[{extras}]'`)",
            file=sys.stderr,
        )
        sys.exit(2)
