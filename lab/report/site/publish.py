"""A data root as a static site in a folder."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from lab.errors import LabError
from lab.report.night.view import DEMO
from lab.report.site.files import File, Site, files_of
from lab.report.site.folder import refuse_others, replace_site
from lab.report.site.frame import About
from lab.report.site.gather import planned
from lab.report.site.state import state_of
from lab.store import Store


@dataclass(frozen=True)
class Published:
    """A site that was written: how many files and bytes it has, and a sentence for each record left out."""

    files: int
    bytes: int
    left: tuple[str, ...]


def publish(
    store: Store,
    folder: Path,
    *,
    nights: int,
    runs: int,
    utc: str,
    tell: Callable[[str], None],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Published:
    """Write the site of a store to a folder, with pages of at most so many nights and runs.

    `tell` is called with a sentence for each record that cannot be shown, `progress` with how many records are
    done, and of how many. Raises `StoreError` and `DiskFull`; the folder then holds what it held.
    """
    refuse_others(folder.resolve())
    name = store.root.resolve().name
    hidden = _hiding(store.root, name)
    lost: list[str] = []

    def left_out(what: str, error: LabError) -> None:
        words = f"Left out: {what}: {error}"
        if hidden(words) not in lost:
            tell(words)
            lost.append(hidden(words))

    plan = planned(store, nights=nights, runs=runs, lost=left_out)
    state = state_of(store, left_out)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, plan.steps)

    def files() -> Iterator[File]:
        for path, text in files_of(Site(store, plan, about, state, left_out), lost, step):
            yield path, hidden(text)

    about = About(name, version("pocketlab"), utc, DEMO if plan.demo else "")
    progress(0, plan.steps)
    made = {"version": about.version, "data_root": about.name, "written_utc": about.utc}
    number, size = replace_site(folder, files(), made)
    return Published(number, size, (*plan.left, *lost))


def _hiding(root: Path, name: str) -> Callable[[str], str]:
    """Return what puts the name of a data root in the place of its path: messages about files name it whole."""
    forms = {str(root.absolute()), str(root.resolve())} - {"/"}
    forms |= {html.escape(each) for each in forms} | {json.dumps(each)[1:-1] for each in forms}
    longest = "|".join(re.escape(each) for each in sorted(forms, key=len, reverse=True))
    path = re.compile(rf"(?<![<.])(?:{longest})(?![\w-]|\.\w)")  # no tag, no link, no longer name

    return lambda text: path.sub(lambda _: name, text) if forms else text
