"""The sides of a comparison by name, the accuracy of their builds, and the load beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from device_agents.contract import InvalidReason
from lab.builds.folder import open_build
from lab.device.fake.build import write_fake_build
from lab.records import Cell, Context, Dimension, Inject, Run
from lab.report.verdict.sides import accuracy_words, busy_clause, busy_words, names_of
from tests.lab.report.report_runs import ENCODE, batches, run_of, trials_of
from tests.saved_checks import CUT

OLD, NEW = run_of(batches(4), line="nano-paper"), replace(run_of(batches(4), line="nano-w8a8"), build="b7" * 32)


@pytest.mark.parametrize(
    ("dimension", "candidate", "names"),
    [
        ("build", NEW, ("nano-paper", "nano-w8a8")),
        ("build", replace(NEW, build_line="nano-paper"), ("nano-paper (a3a3a3a3)", "nano-paper (b7b7b7b7)")),
        ("build", OLD, ("nano-paper (A)", "nano-paper (B)")),
        ("device", replace(OLD, device="virtual-2"), ("host", "virtual-2")),
        ("parameter", replace(OLD, cells=batches(1)), ("4 patches per batch", "1 patch per batch")),
        (
            "parameter",
            replace(OLD, inject=Inject("vit", 1.1)),
            ("nano-paper", "nano-paper with vit slowed by 10 %"),
        ),
    ],
)
def test_sides_are_named_by_what_differs(dimension: Dimension, candidate: Run, names: tuple[str, str]) -> None:
    """Builds by line, cells by what varies, devices by name; equal names get what tells them apart."""
    assert names_of(replace(CUT, dimension=dimension), OLD, candidate) == names


def test_the_accuracy_is_what_the_manifests_state(tmp_path: Path) -> None:
    """The stand-in build agrees at every position; a build that is gone is unknown; one build is said once."""
    write_fake_build(tmp_path)
    manifest = open_build(tmp_path).manifest
    known = {OLD.build: manifest}

    assert accuracy_words(("a", "b"), (OLD, NEW), known) == (
        "Top-1 agreement with fp32, stated by the manifests and not measured here: a 100.0 % of 1 position and "
        "b unknown (its build is not in the data root)."
    )
    assert "nano-paper, on both sides, 100.0 %" in accuracy_words(("a", "b"), (OLD, OLD), known)
    assert accuracy_words(("a", "b"), (OLD, NEW), {}).startswith("Accuracy unknown: ")


def test_a_busy_machine_is_said_with_how_often() -> None:
    """Two of three trials; where nobody looked it is unknown, and without a trial nothing is said."""
    cell = (Cell("c", {}),)
    trials = [replace(each, notes={"gate_waited_s": 1.0}) for each in trials_of(cell, {"encode_s": [[1.0] * 3]})]
    busy = [replace(each, flags=("busy",)) for each in trials[:2]] + trials[2:]
    phone = replace(OLD, context=Context({"device_kind": "phone"}))
    host = replace(OLD, context=Context({"device_kind": "host"}))

    assert busy_clause(host, busy, ENCODE) == ", on a busy machine: 2 of 3 trials"
    assert busy_clause(phone, busy[:1], ENCODE) == ", on a busy device: 1 of 1 trial"
    assert busy_clause(host, trials, ENCODE) == ""
    assert busy_words(host, busy, ENCODE) == (
        "The machine was busy: 2 of 3 counted trials began while something else used its cores."
    )
    assert busy_words(host, trials[:1], ENCODE).startswith("The machine was quiet: 0 of 1 counted trial began")
    starved = replace(trials[0], valid=False, reason=InvalidReason.STARVED)
    assert busy_words(host, [trials[0], starved, starved], ENCODE) == (
        "The machine was not always quiet: 0 of 1 counted trial began while something else used its cores; 2 more "
        "do not count, starved by it."
    )
    assert "is unknown" in busy_words(host, [replace(each, notes={}) for each in trials], ENCODE)
    assert busy_words(host, [], ENCODE) == ""
