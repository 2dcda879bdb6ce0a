"""How to get what is missing: a verb of the Makefile in a checkout, `pip` and `python -m` elsewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).absolute().parents[2]
CHECKOUT = (ROOT / "Makefile").is_file()
"""True if the lab runs from a checkout; an installed wheel has no Makefile beside it."""


DEFAULT = "nano-paper"
"""The line of the bundled reference model."""

BUNDLED = re.compile(r"(tiny|nano|bench)-(fp32|w8|w8a8|paper|paper-kv8)")
"""The lines that `make build` knows how to make, as the Makefile has them."""


def packages(extra: str = "") -> str:
    """Return the command that installs what the lab needs, or what an extra of the package adds."""
    if CHECKOUT:
        return "`make setup`"
    return f"`pip install 'pocketlab[{extra}]'`" if extra else "`pip install pocketlab`"


def reference_build(data: Path, line: str = DEFAULT) -> str:
    """Return the command that makes a build of the bundled model for a data root: that of `line` if it is one."""
    wanted = line if BUNDLED.fullmatch(line) else DEFAULT
    preset, _, recipe = wanted.partition("-")
    if CHECKOUT:
        words = "make build" if wanted == DEFAULT else f"make build BUILD={wanted}"
        return f"`{words}{_data(data)}`"
    return f"`python -m models.export {preset} --recipe {recipe} --out FOLDER` (after {packages('models')})"


def a_build(data: Path) -> str:
    """Return how to get a first build: make one, or bring one."""
    return f"{reference_build(data)} makes one; `lab builds add FOLDER --line NAME` adds one from its folder"


def llama_bench() -> str:
    """Return the command that builds llama.cpp's llama-bench for this machine."""
    return "`make llama-bench`" if CHECKOUT else "`python -m device_agents.adapters.llama_build --out FOLDER`"


def agent(abi: str, out: Path) -> str:
    """Return the command that builds the native agent for an ABI; `out` is where the lab looks for it."""
    if CHECKOUT:
        return f"`make agent ABI={abi}{_data(out.parent.parent)}`"
    command = f"python -m device_agents.native.build --abi {abi} --out {shlex.quote(str(out))}"
    return f"`{command}` (after {packages('agents')})"


def _data(data: Path) -> str:
    """Return what names a data root to make, unless it is the checkout's own."""
    root = data.absolute()
    return "" if root == ROOT / "lab-data" else f" DATA={shlex.quote(str(root))}"


def virtual_phone() -> str:
    """Return the command that starts virtual phones."""
    if CHECKOUT:
        return "`make farm-up`"
    return (
        "`python -m device_agents.virtual_phone up` as root, then `lab devices connect ADDRESS` with its address"
    )
