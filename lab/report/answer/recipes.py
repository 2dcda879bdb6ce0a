"""One table of builds that answered the same questions: size, speed, accuracy, and the difference to fp32."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from device_agents.contract import ForeignManifest
from lab.errors import BuildError, LabError
from lab.records import Interval, Run, Scores, Trial
from lab.records.telling import percent
from lab.report.answer.accuracy import marks
from lab.report.answer.right import ends, points
from lab.report.answer.saved import answer_of
from lab.report.table import Column, Head, Table, table
from lab.report.wording import estimate, kind_of, quantity
from lab.stats.clustered import difference, pairs_of, share
from lab.store import Store, glance
from lab.trial.answers import scores_in

SCENARIO, SPEED = "accuracy", "decode"
"""The scenario whose runs make the table, and the one whose runs say how fast a build decodes."""

REFERENCE = "fp32"
"""The recipe that the others are compared with."""

MIB = 2**20


@dataclass(frozen=True)
class Evaluated:
    """A build and its newest evaluation; `bytes` are its files, None if the build is gone.

    `speed` says in words what was measured, and where.
    """

    run: Run
    recipe: str
    bytes: int | None
    speed: str
    scores: Scores
    share: Interval
    against: Interval | None


def evaluated(store: Store) -> list[Evaluated]:
    """Return the newest evaluation of each build line on the device and the questions of the newest of all."""
    found: dict[str, tuple[Run, Trial, Scores]] = {}
    asked: tuple[str, str] | None = None
    for run in _runs(store, SCENARIO):
        if run.build_line in found or (first := _whole(store, run)) is None:
            continue
        key = (run.device, first[1].questions)
        asked = asked or key
        if key == asked:
            found[run.build_line] = (run, *first)
    recipes = {line: _recipe(store, run) for line, (run, _, _) in found.items()}
    reference = next((found[line][2] for line, recipe in recipes.items() if recipe == REFERENCE), None)
    return [
        Evaluated(
            run=run,
            recipe=recipes[line],
            bytes=_bytes(store, run),
            speed=_speed(store, run, trial),
            scores=scores,
            share=share((each.image, each.correct) for each in scores.answers),
            against=None
            if reference is None or scores is reference
            else difference(pairs_of(marks(reference), marks(scores))),
        )
        for line, (run, trial, scores) in sorted(found.items(), key=lambda each: -(_bytes(store, each[1][0]) or 0))
    ]


def recipes_table(found: Sequence[Evaluated]) -> Table:
    """Return the table of builds, the largest first."""
    columns: list[Column[Evaluated]] = [
        Column(Head("build", "words"), lambda e: e.run.build_line),
        Column(Head("size"), lambda e: "unknown" if e.bytes is None else f"{e.bytes / MIB:,.1f} MiB"),
        Column(Head("speed", "prose"), lambda e: e.speed),
        Column(Head("right"), lambda e: f"{percent(e.share.estimate)}\n{ends(e.share)}"),
        Column(Head(f"points more than {REFERENCE}"), lambda e: points(e.against)),
        Column(Head("run", "words"), lambda e: e.run.id[:13]),
    ]
    first = found[0]
    count = len(first.scores.answers)
    return table(
        columns,
        found,
        title=f"{count} questions ({first.scores.source}) on {first.run.device} ({kind_of(first.run)})",
        note="Each share above its 95 % interval, over questions in clusters of one image; differences are paired "
        "by question. Size: every file of the build but its inputs.",
    )


def _runs(store: Store, scenario: str) -> Iterator[Run]:
    """Yield the finished runs of a scenario that a user asked for, newest first."""
    for each in glance.newest(store.root, ("run",)):
        if (each.scenario, each.status, each.part_of) == (scenario, "finished", ""):
            yield store.run(each.id)


def _whole(store: Store, run: Run) -> tuple[Trial, Scores] | None:
    """Return the first valid trial of a run's first cell, and its scores."""
    folder = store.trials_folder(run.id)
    for trial in store.trials(run.id):
        scores = scores_in(folder / f"{trial.number:04d}")
        if trial.valid and trial.cell == run.cells[0].key and scores is not None and scores.answers:
            return trial, scores
    return None


def _recipe(store: Store, run: Run) -> str:
    try:
        return store.find_build(run.build).manifest.recipe
    except BuildError:
        return run.build_line.partition("-")[2]


def _bytes(store: Store, run: Run) -> int | None:
    try:
        manifest = store.find_build(run.build).manifest
    except BuildError:
        return None
    inputs = (
        () if isinstance(manifest, ForeignManifest) else tuple(f"{each}/" for each in manifest.inputs.values())
    )
    return sum(file.bytes for file in manifest.files if not file.path.startswith(inputs or ("\0",)))


def _speed(store: Store, run: Run, trial: Trial) -> str:
    """Return how fast a build decodes by its newest run of `decode`, or else how fast it answered."""
    for other in _runs(store, SPEED):
        if (other.build, other.device) == (run.build, run.device):
            try:
                summary = answer_of(store, other)[0].summaries[0]
            except LabError:
                continue
            if summary.interval is not None:
                return f"{estimate(summary.interval, 'tokens/s')} (decode, run {other.id[:13]})"
    rate = trial.samples.get("answers_per_s")
    return f"{quantity(rate[0], 'answers/s')} (this evaluation)" if rate else "unknown"
