"""The iterations of a trial and the phases of one of them, read from its events."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.report.phases import Iteration, iterations_of, phases_of, rate_of, spans_of, typical
from lab.store import Store
from tests.lab.report.test_trace import events, text_of
from tests.saved_answers import saved_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a trial of two iterations, the first a warm-up."""
    place = tmp_path / "run" / "trials" / "0001"
    place.mkdir(parents=True)
    (place / "events.jsonl").write_text(text_of(events()))
    return place


def test_iterations_are_told_in_seconds_since_the_agent_began(folder: Path) -> None:
    """Warm-up included: the hello was at 4 ms, the first iteration at 5 ms."""
    found = iterations_of(folder)

    assert [(one.number, one.phase) for one in found.found] == [(0, "warmup"), (1, "measure")]
    assert [one.start_s for one in found.found] == pytest.approx([0.001, 0.011])
    assert [one.duration_s for one in found.found] == pytest.approx([0.009, 0.009])
    assert found.problem == ""


def test_the_spans_of_an_iteration_begin_where_it_does(folder: Path) -> None:
    """In the order of their starts; another iteration's are left out."""
    spans = spans_of(folder, 1)

    assert [(span.stage, span.unit, span.index) for span in spans] == [
        ("patch_embed", "cpu0", 0),
        ("first_token", "user", 0),
        ("vit", "npu0", 0),
        ("patch_embed", "cpu0", 1),
    ]
    assert [span.start_s for span in spans] == pytest.approx([0.0, 0.0, 0.002, 0.0025])
    assert spans_of(folder, 7) == ()


def test_a_stage_is_told_with_all_of_its_spans(folder: Path) -> None:
    """Two convolutions of 2 ms that got one wanted patch each, at a batch of four; the user's wait is no stage."""
    embed, vit = phases_of(spans_of(folder, 1))

    assert (embed.stage, embed.unit, embed.spans, embed.true, embed.padded) == ("patch_embed", "cpu0", 2, 2, 8)
    assert (embed.seconds, embed.cpu_s) == pytest.approx((0.004, 0.003))
    assert (vit.stage, vit.spans) == ("vit", 1)
    assert rate_of(embed) == pytest.approx(500.0)


def test_a_line_that_is_no_event_is_named_and_hides_nothing_before_it(folder: Path) -> None:
    """The agent died within a line, or somebody edited it."""
    path = folder / "events.jsonl"
    path.write_text(path.read_text() + "nonsense\n")

    found = iterations_of(folder)

    assert len(found.found) == 2
    assert found.problem.startswith("events.jsonl: line 12 is no event")
    assert len(spans_of(folder, 1)) == 4


def test_events_that_were_changed_after_their_run_ended_are_named(tmp_path: Path) -> None:
    """They are shown, and it is said that they are not what was sealed."""
    store = Store(tmp_path / "data")
    run = saved_run(store)
    place = store.trials_folder(run.id) / "0001"
    (place / "events.jsonl").write_text(text_of(events()))
    store.finish_run(run.id, "finished")
    store.close()
    assert iterations_of(place).problem == ""

    (place / "events.jsonl").write_text(text_of(events()[:-1]))

    assert "events.jsonl: changed since its run ended" in iterations_of(place).problem


def test_a_trial_without_events_says_so(tmp_path: Path) -> None:
    """A demonstration keeps no raw lines."""
    found = iterations_of(tmp_path / "run" / "trials" / "0001")

    assert found.found == ()
    assert found.problem == "it has no events: its agent wrote none, or its raw lines were not kept"


def test_the_typical_iteration_is_the_middle_one_of_those_that_count() -> None:
    """Not a warm-up, and not one before the trial was steady; of those that there are where none counts."""
    lengths = (9.0, 8.0, 1.0, 3.0, 2.0)
    found = [Iteration(n, "warmup" if n == 0 else "measure", 0.0, length) for n, length in enumerate(lengths)]

    assert typical(found, first_steady=1) == 4
    assert typical(found, first_steady=9) == 4
    assert typical(found[:1]) == 0
    assert typical([]) is None
