"""A small scenario in parts, and its file, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

HEADER = '[scenario]\nname = "x"\nquestion = "Which?"\nmetric = "encode_s"\n'
WORK = '[workload]\nkind = "encode_image"\ninput = "screen"\n'
SWEEP = "[sweep]\npatches_per_batch = [4, 1]\n"


def write(folder: Path, text: str, name: str = "x") -> Path:
    """Write a file called `name` and return it."""
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path
