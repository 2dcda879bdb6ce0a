"""How to get what is missing: a verb of the Makefile in a checkout, `pip` and `python -m` elsewhere."""

from __future__ import annotations

import shlex
from pathlib import Path

ROOT = Path(__file__).absolute().parents[2]
CHECKOUT = (ROOT / "Makefile").is_file()
"""True if the lab runs from a checkout; an installed wheel has no Makefile beside it."""


def packages(extra: str = "") -> str:
    """Return the command that installs what the lab needs, or what an extra of the package adds."""
    if CHECKOUT:
        return "`make setup`"
    return f"`pip install 'pocketlab[{extra}]'`" if extra else "`pip install pocketlab`"


def reference_build() -> str:
    """Return the command that makes the bundled reference model."""
    if CHECKOUT:
        return "`make build`"
    return f"`python -m models.export nano --recipe paper --out FOLDER` (after {packages('models')})"


def a_build() -> str:
    """Return how to get a first build: make one, or bring one."""
    return f"{reference_build()} makes one; `lab builds add FOLDER --line NAME` adds one from its folder"


def llama_bench() -> str:
    """Return the command that builds llama.cpp's llama-bench for this machine."""
    return "`make llama-bench`" if CHECKOUT else "`python -m device_agents.adapters.llama_build --out FOLDER`"


def agent(abi: str, out: Path) -> str:
    """Return the command that builds the native agent for an ABI; `out` is where the lab looks for it."""
    if CHECKOUT:
        data = out.parent.parent.absolute()
        given = "" if data == ROOT / "lab-data" else f" DATA={shlex.quote(str(data))}"
        return f"`make agent ABI={abi}{given}`"
    command = f"python -m device_agents.native.build --abi {abi} --out {shlex.quote(str(out))}"
    return f"`{command}` (after {packages('agents')})"


def virtual_phone() -> str:
    """Return the command that starts virtual phones."""
    if CHECKOUT:
        return "`make farm-up`"
    return (
        "`python -m device_agents.virtual_phone up` as root, then `lab devices connect ADDRESS` with its address"
    )
