"""Runs that are finished already, compared by their common blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lab.compare.stored import cells_of, dimension_between, judge_runs
from lab.errors import RunError
from lab.records import Context, Run
from lab.report.verdict.saved import beside_of
from lab.run.runner import open_run, run
from tests.lab.compare.compare_lab import TOML, Lab
from tests.lab.report.report_runs import batches, run_of


def test_two_finished_runs_are_compared_by_their_common_blocks(make: Callable[..., Lab]) -> None:
    """A block without a partner is left out; runs that were not interleaved get no interval and no verdict."""
    lab = make(
        script=lambda number: "dies" if number == 2 else "none", toml=TOML.replace("blocks = 4", "blocks = 6")
    )
    lab.noise, lab.slower = 0.01, 1.2
    done = []
    for bench in lab.benches:
        record = open_run(lab.scenario, bench, seed=1, suite="", line="fake")
        list(run(record, lab.scenario, bench))
        done.append(lab.store.run(record.id))

    found = judge_runs(lab.store, done[0], done[1], "build")

    assert (found.cells[0].verdict, found.cells[0].pairs) == ("cannot tell", 5)
    assert found.cells[0].change is not None
    assert found.cells[0].change.estimate == pytest.approx(1.2, rel=0.02)
    assert (found.cells[0].change.low, found.cells[0].change.high, found.cells[0].p) == (None, None, 1.0)
    assert ") needed 19 % more time for image encoding than fake (" in lab.told(found).cells[0].sentence
    assert "To get a verdict, measure in turn: `lab compare " in " ".join(lab.told(found).invalid)
    assert judge_runs(lab.store, done[0], done[1], "parameter").cells[0].verdict == "incomparable"
    with pytest.raises(RunError, match="wanted two runs"):
        judge_runs(lab.store, done[0], done[0], "build")


def test_a_ratio_that_nobody_asked_to_keep_is_not_saved(make: Callable[..., Lab]) -> None:
    """A page shows two runs beside each other as often as somebody looks."""
    lab = make()
    done = []
    for bench in lab.benches:
        record = open_run(lab.scenario, bench, seed=1, suite="", line="fake")
        list(run(record, lab.scenario, bench))
        done.append(lab.store.run(record.id))

    found, _ = beside_of(lab.store, done[0], done[1])

    assert (found.comparison.dimension, found.comparison.looks_most) == ("build", 0)
    assert lab.store.comparisons() == []


def test_the_dimension_of_two_runs_is_what_they_differ_in() -> None:
    """The narrowest that allows it; a build where none does, which then refuses them."""
    base = run_of(batches(4))
    facts = {**base.context.facts, "device_kind": "phone", "build": "a", "cells": "x", "device_agent": "1"}
    base = replace(base, context=Context(facts))

    def other(**changed: str) -> Run:
        return replace(base, context=Context({**facts, **changed}))

    assert dimension_between(base, base) == "build"
    assert dimension_between(base, other(build="b")) == "build"
    assert dimension_between(base, other(device_agent="2", build="b")) == "runtime"
    assert dimension_between(base, other(cells="y")) == "parameter"
    assert dimension_between(base, replace(base, device="phone-2")) == "device"
    assert dimension_between(base, other(device_kind="host")) == "build"


def test_sides_of_a_comparison_are_not_judged_a_second_time(make: Callable[..., Lab]) -> None:
    """Its results decided when it stopped: an interval for one look would be too narrow."""
    lab = make()
    found = lab.compare()

    with pytest.raises(RunError, match=f"`lab show {found.id[:13]}` prints it"):
        judge_runs(lab.store, lab.store.run(found.baseline_run), lab.store.run(found.candidate_run), "build")


def test_cells_are_paired_by_their_key_or_as_the_only_ones() -> None:
    """Several cells without a common key are refused with the keys of both runs."""
    first, second, other = (run_of(batches(*sizes)) for sizes in ((1, 4), (4, 6), (2,)))

    assert [(a.key, b.key) for a, b in cells_of(first, second)] == [("patches_per_batch=4",) * 2]
    assert cells_of(other, run_of(batches(3))) == [(batches(2)[0], batches(3)[0])]
    with pytest.raises(RunError, match="measured no common cell: patches_per_batch=1, patches_per_batch=4 and"):
        cells_of(first, other)
    with pytest.raises(RunError, match="measured no common cell: patches_per_batch=2 and patches_per_batch=1, "):
        cells_of(other, first)
