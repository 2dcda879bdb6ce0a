"""A data root as large as a rack's after a year: 50 devices, 30 scenarios, 365 nights, ten million samples.

The figures are made up (log-normal noise of 2 %). Every night has its record and its figures, every run its rows
in the index; the runs of the last night also have their files, with all of the samples.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from lab.files import make_folder
from lab.identifiers import new_run_id
from lab.records import (
    BuildAt,
    Cell,
    Context,
    Event,
    Finding,
    Incident,
    Interval,
    Member,
    Metric,
    Night,
    Planned,
    Run,
    Series,
    Trial,
    Value,
)
from lab.scenario.known import SCENARIOS
from lab.store import Store, tables
from lab.store.kinds import RUNS
from lab.store.raw import TrialFile, encode
from lab.store.root import identify

DEVICES, SCENARIOS_, NIGHTS, TRIALS = 50, 30, 365, 5
SAMPLES = math.ceil(10_000_000 / (DEVICES * SCENARIOS_ * TRIALS))
"""Samples of each trial of the last night."""

SEED = 20261130
FIRST = datetime.date(2025, 12, 1)
METRIC = Metric("encode_s", "image encoding", "s", "lower")
CELL = Cell("patches_per_batch=4", {"patches_per_batch": 4})
LINE = "nano-w4"
TOML = (SCENARIOS / "vit_batch.toml").read_text(encoding="utf-8")


def fill(root: Path, nights: int = NIGHTS, samples: int = SAMPLES) -> None:
    """Fill an empty data root with so many nights; each trial of the last one has so many samples."""
    store = Store(root)
    store.runs(1)  # makes the index
    drawn = np.random.default_rng(SEED)
    last: list[Run] = []
    engine, owner = sa.create_engine(f"sqlite:///{root / 'index.sqlite'}"), identify(root).id
    for at in range(nights):
        last = _night(store, at, drawn, incidents=at == nights - 1)
        with engine.begin() as connection:
            for table, rows in _rows(owner, last):
                connection.execute(table.insert(), rows)
    for run in last:
        _files(store, run, drawn, samples)
    store.close()


def _night(store: Store, at: int, drawn: np.random.Generator, *, incidents: bool) -> list[Run]:
    """Save a night, and return its runs; those of the last one are in its figures."""
    date = (FIRST + datetime.timedelta(at)).isoformat()
    moment = int(datetime.datetime.fromisoformat(f"{date}T01:00:00+00:00").timestamp() * 1e9)
    build = BuildAt(f"{at:064x}", LINE, at + 1)
    series = [
        Series(f"question_{scenario:02d}", CELL.key, LINE, METRIC.name, f"phone-{device:02d}")
        for scenario in range(SCENARIOS_)
        for device in range(DEVICES)
    ]
    night = Night(
        id=new_run_id(moment),
        started_utc=f"{date}T01:00:00Z",
        ended_utc=f"{date}T05:00:00Z",
        status="finished",
        suite="year",
        date=date,
        zone="UTC",
        seed=at,
        budget_s=14400.0,
        confirm_s=7200.0,
        planned=tuple(Planned(each.scenario, LINE, each.device, place + 1) for place, each in enumerate(series)),
        suite_toml="",
        builds={LINE: build},
        counts={"no change seen": len(series) - 20, "suspected": 20},
        findings=tuple(_finding(each, build, date) for each in series[:20]),
        incidents=tuple(_incident(series[place], build, date) for place in range(10)) if incidents else (),
    )
    for incident in night.incidents:
        store.save_incident(incident)
    runs = [_run(night, each, build, moment + place * 10**9) for place, each in enumerate(series, start=1)]
    store.save_night(night)
    figures = 0.2 * np.exp(0.02 * drawn.standard_normal(len(series)))
    store.save_values(
        night.id,
        [
            Value(
                series=each,
                metric=METRIC,
                build=build,
                run=run.id,
                value=float(figure),
                error=0.01,
                trials=TRIALS,
                lost=0,
                context={"device kind": "phone"},
                outcome="no change seen",
                usual=0.2,
                nights=30,
            )
            for each, run, figure in zip(series, runs, figures, strict=True)
        ],
    )
    return runs


def _finding(series: Series, build: BuildAt, date: str) -> Finding:
    return Finding(
        series=series,
        metric=METRIC,
        outcome="suspected",
        screens=("tonight",),
        score=1.2,
        usual=0.2,
        value=0.22,
        since=date,
        good=BuildAt(f"{build.revision - 2:064x}", LINE, build.revision - 1) if build.revision > 1 else None,
        bad=build,
        run="",
        why="tonight's figure is unusual",
    )


def _incident(series: Series, build: BuildAt, date: str) -> Incident:
    good = BuildAt(f"{build.revision - 2:064x}", LINE, build.revision - 1)
    member = Member(series, METRIC, Interval(1.08, 1.05, 1.11, 0.95, 12), 0.2, "")
    story = (Event(f"{date}T05:00:00Z", date, "new", "lab", "1 series got worse"),)
    return Incident(new_run_id(), f"{date}T05:00:00Z", "new", LINE, date, good, build, (member,), story)


def _run(night: Night, series: Series, build: BuildAt, moment: int) -> Run:
    facts = {"device_kind": "phone", "device": series.device, "build": build.id, "scenario": series.scenario}
    return Run(
        id=new_run_id(moment),
        scenario=series.scenario,
        suite=night.suite,
        build=build.id,
        build_line=build.line,
        device=series.device,
        started_utc=f"{night.date}T01:00:00Z",
        ended_utc=f"{night.date}T01:05:00Z",
        status="finished",
        seed=1,
        blocks=TRIALS,
        context=Context(facts),
        cells=(CELL,),
        scenario_toml=TOML,
        night=night.id,
    )


def _rows(owner: str, runs: list[Run]) -> Iterator[tuple[sa.Table, list[dict[str, object]]]]:
    """Yield the index's rows of a night's runs, of their trials and of the medians of these."""
    document = RUNS.encode(runs[0]).decode()
    columns = [each.name for each in tables.runs.columns if each.name not in ("root", "document")]
    yield (
        tables.runs,
        [
            {
                "root": owner,
                **{name: getattr(run, name) for name in columns},
                "document": _of(document, runs[0], run),
            }
            for run in runs
        ],
    )
    trial = {"root": owner, "cell": CELL.key, "valid": True, "reason": None, "wall_s": 4.0}
    numbered = [(run, number) for run in runs for number in range(1, TRIALS + 1)]
    yield (
        tables.trials,
        [
            {**trial, "run": run.id, "number": number, "block": number - 1, "started_utc": run.started_utc}
            | ({"valid": False, "reason": "too_warm"} if (number + int(run.id[-4:], 16)) % 50 == 0 else {})
            for run, number in numbered
        ],
    )
    median = {"root": owner, "metric": METRIC.name, "iterations": 20}
    yield (
        tables.medians,
        [{**median, "run": run.id, "number": number, "median": 0.2 + number * 1e-3} for run, number in numbered],
    )


def _of(document: str, first: Run, run: Run) -> str:
    """Return the document of a run, from that of another one of its night."""
    for ours, theirs in ((first.id, run.id), (first.scenario, run.scenario), (first.device, run.device)):
        document = document.replace(f'"{ours}"', f'"{theirs}"')
    return document


def _files(store: Store, run: Run, drawn: np.random.Generator, count: int) -> None:
    """Write a run's files: without syncing each of them, unlike a lab, which takes an hour for so many."""
    folder = make_folder(RUNS.path(store.root, run.id).parent)
    (folder / "run.json").write_bytes(RUNS.encode(run))
    for number in range(1, TRIALS + 1):
        samples = tuple(np.round(0.2 * np.exp(0.02 * drawn.standard_normal(count)), 6).tolist())
        trial = Trial(
            number,
            number - 1,
            CELL.key,
            True,
            None,
            "",
            run.started_utc,
            4.0,
            {METRIC.name: samples},
            state="steady",
        )
        place = make_folder(folder / "trials" / f"{number:04d}")
        (place / "trial.json").write_bytes(encode(TrialFile(trial=trial)))
    (store.root / "changed").touch()


if __name__ == "__main__":
    import sys

    fill(Path(sys.argv[1]))
