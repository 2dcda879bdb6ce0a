"""A demonstration: ninety nights of a simulated lab in a store of its own, and the report of the last one.

Run it as ``python -m lab.nightly.demo --data DIR``. Its devices are simulated: a figure is that of the world
(`demo_world.py`) times the noise of A/A trials that this lab recorded (`demo_noise.json`). Histories, screens,
comparisons and incidents are judged by the functions that judge a real night.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import typer

from lab.device.fake.build import write_fake_build
from lab.errors import LabError, StoreError
from lab.nightly import demo_world as world
from lab.nightly.demo_night import DemoLab, run_night
from lab.nightly.incidents import acted
from lab.nightly.simulated import stamp
from lab.records import BuildAt, Night
from lab.records.telling import number_of
from lab.report.night.files import write_reports
from lab.report.night.view import DEMO, view_of
from lab.scenario.known import SCENARIOS
from lab.scenario.suite import read_suite
from lab.store import Store

SEED = 20261129
NIGHTS = 90
BEGINS = time(1, tzinfo=UTC)
"""When a night begins."""

TOLD_NIGHTS = 15
"""Nights between two progress messages."""

NOISE = Path(__file__).with_name("demo_noise.json")


def main() -> int:
    """Fill the store, print where the report lies and what was injected, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.nightly.demo", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="an empty folder for the demonstration's store")
    parser.add_argument("--nights", type=int, default=NIGHTS, help=f"nights of history (default {NIGHTS})")
    arguments = parser.parse_args()
    try:
        nights = made_before(arguments.data)
        if nights:
            typer.echo(f"{arguments.data} holds a demonstration already; remove it to make another", err=True)
        else:
            begins = datetime.combine(datetime.now(UTC), BEGINS)
            nights = fill(arguments.data, max(1, arguments.nights), begins, tell=partial(typer.echo, err=True))
        night, store = nights[-1], Store(arguments.data)
        values = store.values(night.id)
        written = write_reports(arguments.data / "reports" / night.date, night, values)
        store.close()
    except LabError as error:
        typer.echo(f"demo: {error}", err=True)
        return 2
    typer.echo(f"{DEMO}\nThe last night: {view_of(night, values).verdict}")
    alerts = number_of(sum(len(each.told) for each in nights), "alert")
    typer.echo(f"{number_of(len(nights), 'night')} of simulated devices, {alerts}. Injected:")
    typer.echo("\n".join(f"  {words}" for words in world.injected()))
    typer.echo("\n".join(f"Wrote {path}" for path in written))
    data = shlex.quote(str(arguments.data))
    typer.echo(
        f"To print any night from {nights[0].date} to {night.date}: `lab nightly report DATE --data {data}`"
    )
    return 0


def made_before(root: Path) -> list[Night]:
    """Return the nights of a demonstration that lies there already, oldest first; none if there is none."""
    store = Store(root)
    found = [store.night(row.id) for row in reversed(store.nights(status="finished"))]
    store.close()
    return [night for night in found if night.demo]


def fill(
    root: Path, nights: int, last: datetime, *, tell: Callable[[str], None] = lambda words: None
) -> list[Night]:
    """Fill a new data root with nights, of which the last begins at `last`, and return them.

    `tell` receives progress messages. Raises `StoreError` for a data root that holds records already.
    """
    store = Store(root)
    if store.nights() or store.runs():
        raise StoreError(f"{root}: wanted an empty folder for the demonstration, found records; name another one")
    noise: Mapping[str, Sequence[Sequence[float]]] = json.loads(NOISE.read_text(encoding="utf-8"))["ratios"]
    builds: dict[str, dict[int, BuildAt]] = {line: {} for line in world.LINES}
    suite = read_suite(world.SUITE, SCENARIOS / "demo.toml")
    lab = DemoLab(store, suite, nights, noise, builds, np.random.default_rng(SEED))
    done = []
    for ago in range(nights - 1, -1, -1):
        add_builds(lab, ago)
        done.append(run_night(lab, last - timedelta(days=ago), ago))
        answer(store, done[-1], ago)
        if len(done) % TOLD_NIGHTS == 0:
            tell(f"{len(done)} of {number_of(nights, 'night')}")
    store.close()
    return done


def add_builds(lab: DemoLab, ago: int) -> None:
    """Add the builds that are new on a night: stand-ins that differ by a note."""
    for line, known in lab.builds.items():
        if world.built(line, ago, lab.nights) in known:
            continue
        revision = len(known) + 1
        with tempfile.TemporaryDirectory(prefix="pocketlab-demo-") as name:
            write_fake_build(Path(name))
            manifest = Path(name) / "manifest.json"
            note = f'"notes":["a stand-in of the demonstration: {line} {revision}"]'
            manifest.write_text(manifest.read_text(encoding="utf-8").replace('"notes":[]', note), encoding="utf-8")
            known[ago] = BuildAt(lab.store.add_build(Path(name), line).id, line, revision)


def answer(store: Store, night: Night, ago: int) -> None:
    """Say, some hours after a night, that its incident was expected, where the world knows that."""
    expected = {step.line: step.says for step in world.STEPS if step.says and step.began == ago}
    utc = stamp(datetime.fromisoformat(night.started_utc) + timedelta(hours=9))
    for incident in night.incidents:
        if incident.id in night.told and (note := expected.get(incident.line)):
            store.save_incident(acted(incident, "expected", who="demo", note=note, utc=utc, date=night.date))


if __name__ == "__main__":
    sys.exit(main())
