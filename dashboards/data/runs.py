"""Runs: which there are, their answers, their trials and files."""

from __future__ import annotations

import logging

from dashboards.data.source import kept, store
from lab.records import (
    Answer,
    Run,
    Trial,
)
from lab.records.explanation import Explanation
from lab.report.answer.own import newest_own as newest_own_of
from lab.report.answer.own import sides_among as sides_among_of
from lab.report.answer.percentiles import Row
from lab.report.answer.percentiles import percentiles as percentiles_of
from lab.report.answer.saved import answer_of
from lab.report.explain.saved import explained
from lab.report.kept import kept_explanation
from lab.report.phases import Iterations, Span, iterations_of, spans_of
from lab.report.pipeline import Pipeline, pipelines_of
from lab.report.series.heat import Start, starts_of
from lab.report.trace import trace_of_saved
from lab.store import Store, glance
from lab.store.attached import Attached, attached, content, tail
from lab.store.kinds import RunGroup, RunRow

log = logging.getLogger(__name__)

TAIL = 4000
"""How many characters of what an agent printed are shown: a judgement, a screenful."""


@kept(1)
def run_groups(store: Store) -> list[RunGroup]:
    """Return what was measured: a group for each scenario, device and line of builds."""
    return store.run_groups()


@kept(8)
def run_rows(store: Store, limit: int, wanted: tuple[tuple[str, str], ...]) -> list[RunRow]:
    """Return the newest runs with these values in their fields (scenario, device, status), newest first."""
    return store.run_rows(limit, **dict(wanted))


@kept(64)
def newest_own(store: Store, scenario: str, device: str, line: str) -> RunRow | None:
    """Return the newest finished run that answers a question of its own; None where all are sides, or lost."""
    return newest_own_of(store, scenario, device, line, lambda what, error: log.warning("%s: %s", what, error))


@kept(8)
def sides_among(store: Store, runs: tuple[str, ...]) -> dict[str, str]:
    """Return in words which of these runs are only a part of a comparison or an acceptance."""
    return sides_among_of(store, runs)


@kept(8)
def pipelines(store: Store, run_id: str) -> tuple[list[Pipeline], list[str]]:
    """Return the timeline of a pipelined cell of a run and of the same work in turn, and why there is none."""
    return pipelines_of(store.trials_folder(run_id), *answer_of(store, store.run(run_id)))


@kept(16)
def answer(store: Store, run_id: str) -> tuple[Answer, list[Trial]]:
    """Return a run's answer, and its trials."""
    return answer_of(store, store.run(run_id))


@kept(64)
def run(store: Store, text: str) -> Run:
    """Return the run whose id begins so; raise `StoreError` when there is none."""
    return store.run(text)


@kept(4)
def explanation(store: Store, run_id: str) -> Explanation:
    """Return why the trials of a run counted or not, as it was kept or computed now."""
    return kept_explanation(store.root, run_id) or explained(store, store.run(run_id))


@kept(8)
def percentiles(store: Store, run_id: str) -> tuple[Row, ...]:
    """Return the percentiles of a run's iterations and tokens."""
    return percentiles_of(*answer(run_id), store.trials_folder(run_id))


@kept(16)
def iterations(store: Store, run_id: str, number: int) -> Iterations:
    """Return the iterations of a trial from its events, warm-up included."""
    return iterations_of(store.trials_folder(run_id) / f"{number:04d}")


@kept(16)
def spans(store: Store, run_id: str, number: int, iteration: int) -> tuple[Span, ...]:
    """Return the spans of one iteration of a trial."""
    return spans_of(store.trials_folder(run_id) / f"{number:04d}", iteration)


def files(run_id: str, number: int) -> tuple[Attached, ...]:
    """Return the files of a trial that can be downloaded."""
    return attached(store().trials_folder(run_id) / f"{number:04d}")


def file(run_id: str, number: int, name: str) -> bytes:
    """Return the content of a file of a trial; raise `StoreError` for a too large one and for any other."""
    return content(store().trials_folder(run_id) / f"{number:04d}", name)


def file_tail(run_id: str, number: int, name: str) -> str:
    """Return the end of a text file of a trial."""
    return tail(store().trials_folder(run_id) / f"{number:04d}", name, TAIL)


def trace(run_id: str, number: int, iteration: int | None) -> bytes:
    """Return a trial, or one iteration of it, as a trace for Perfetto; raise `RunError` and `StoreError`."""
    _, pieces = trace_of_saved(store().root, [glance.one(store().root, "run", run_id)], number, iteration)
    return "".join(pieces).encode()


@kept(64)
def starts(store: Store, run_id: str) -> list[Start]:
    """Return the temperature at the start of each trial of a run that counts, and its figure."""
    found = store.run(run_id)
    return starts_of(found, store.trials(found.id), store.trials_folder(found.id))
