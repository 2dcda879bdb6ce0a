"""Sites of small stores, and a walk along every link of one."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

from lab.records import Night, Value
from lab.report.site.publish import Published, publish
from lab.scenario.known import SCENARIOS
from lab.store import Store
from tests.lab.report.incident.incident_records import comparison, sides
from tests.night_records import night, value
from tests.saved_answers import saved_run

UTC = "2026-11-30T06:00:00.000Z"


def small_store(folder: Path, own: Night | None = None, values: tuple[Value, ...] = ()) -> Store:
    """Return a store with a night, its incident, the comparison behind it with both runs, and a run of its own."""
    found = Store(folder)
    found.save_incident((own or night()).incidents[0])
    found.save_night(own or night())
    found.save_values(night().id, values or [replace(value(), outcome="regressed")])
    found.save_comparison(comparison())
    for run, trials in sides():
        found.create_run(replace(run, scenario_toml=(SCENARIOS / "decode.toml").read_text()))
        for trial in trials:
            found.save_trial(run.id, trial)
    saved_run(found)
    return found


def site_of(store: Store, folder: Path, *, nights: int = 30, runs: int = 500) -> Published:
    """Write a store's site to a folder."""
    return publish(store, folder, nights=nights, runs=runs, utc=UTC, tell=lambda words: None)


def walked(site: Path) -> set[str]:
    """Return every file that links from the index lead to; raise `AssertionError` for one that leads nowhere."""
    root, found, todo = site.resolve(), set[str](), ["index.html"]
    while todo:
        at = todo.pop()
        if at in found:
            continue
        found.add(at)
        if not at.endswith(".html"):
            continue
        page = (root / at).read_text()
        for link in map(unescape, re.findall(r'(?:href|src)="([^"]*)"', page)):
            assert "//" not in link and not link.startswith(("/", "data:", "javascript:")), (at, link)
            name, _, anchor = link.partition("#")
            target = (root / at).parent.joinpath(name).resolve() if name else root / at
            assert target.is_relative_to(root) and target.is_file(), (at, link)
            assert not anchor or f'id="{anchor}"' in target.read_text(), (at, link)
            todo.append(target.relative_to(root).as_posix())
    return found
