"""Commands in messages, made such that they can be pasted: with the path of `lab`, and with the data root.

Library code names commands as `lab show ID`. It does not know which data root the person named, and need not:
:func:`completed` adds the option wherever a text is printed.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

WITHOUT_DATA = ("scenarios", "study")
"""The commands that have no option --data."""

_HINT = re.compile(rf"(\\?`|<code>)lab (?!(?:{'|'.join(WITHOUT_DATA)})\b)([a-z][^`\\<]*)(\\?`|</code>)")
"""A command in backticks, which Markdown escapes, or set as code on a page."""

_given: list[Path] = []
"""The data root that this process was given, if it was given one."""


def remember(data: Path) -> Path:
    """Note the data root of the command that runs, and return it."""
    _given[:] = [data]
    return data


def completed(text: str, escape: Callable[[str], str] = str) -> str:
    """Return a text in which each command in backticks names the data root, where that is not the default.

    `escape` makes the option fit for where the text stands.
    """
    option = data_option(_given[0]) if _given else ""
    if not option:
        return text
    return _HINT.sub(lambda m: m[0] if " --data " in m[2] else f"{m[1]}lab {m[2]}{escape(option)}{m[3]}", text)


def program() -> str:
    """Return the command `lab` as it can be pasted here: its path where it is not on the PATH."""
    if shutil.which("lab"):
        return "lab"
    beside = Path(sys.executable).with_name("lab")
    return shlex.quote(os.path.relpath(beside)) if beside.exists() else f"{shlex.quote(sys.executable)} -m lab.cli"


def data_option(data: Path) -> str:
    """Return the option that names this data root, or nothing when it is the default."""
    default = Path(os.environ.get("POCKETLAB_DATA") or "lab-data")
    return "" if data.absolute() == default.absolute() else f" --data {shlex.quote(str(data))}"
