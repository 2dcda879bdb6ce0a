"""The timeline of an image's encoding, against the schedule that the paper prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.errors import RunError
from lab.report.answer.view import answer
from lab.report.pipeline import overlap_sentence, overlapped, pair_of, pipeline_of, typical
from tests.lab.report.report_runs import ENCODE, cell, run_of, trials_of

PIPED = cell("piped", patches_per_batch=4, pipelined=True, placement="split")
TURN = cell("turn", patches_per_batch=4, pipelined=False, placement="split")
ALL = cell("all", patches_per_batch=4, pipelined=False, placement="all")

PAPER = (
    ("patch_embed", "cpu", 0, 160), ("patch_embed", "cpu", 160, 160), ("patch_embed", "cpu", 320, 40),
    ("vit", "npu", 160, 800), ("vit", "npu", 960, 800), ("vit", "npu", 1760, 300),
)  # fmt: skip
"""Stage, role, start and duration in ms of Fig. 5: 2060 ms in all, of which 200 ms are hidden."""

Spans = Sequence[tuple[str, str, int, int]]


def _trial(folder: Path, *iterations: Spans, source: str = "measured") -> Path:
    """Write a trial's events: a warm-up, then these iterations, a minute apart."""
    lines: list[object] = []
    for number, spans in enumerate([PAPER[:1], *iterations]):
        begin = 60_000 * number
        lines += [
            {"event": "span", "stage": stage, "iteration": number, "index": place, "parent": None, "role": role,
             "unit": f"{role}0", "start_ns": (begin + start) * 10**6, "duration_ns": ms * 10**6, "cpu_ns": 0,
             "count": {"true": 4, "padded": 4}, "source": source}
            for place, (stage, role, start, ms) in enumerate(spans)
        ]  # fmt: skip
        lines.append({"event": "iteration", "iteration": number, "phase": "measure" if number else "warmup",
                      "start_ns": begin * 10**6, "duration_ns": 10**9})  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return folder


def test_the_papers_schedule_takes_2060_ms_and_hides_200(tmp_path: Path) -> None:
    """Of three measured iterations the one that was asked for is read, from its own beginning."""
    found = pipeline_of(_trial(tmp_path / "t" / "0001", PAPER[3:], PAPER, PAPER[:3]), "piped", 1, 1)

    assert (found.iteration, found.whole_s, round(found.overlapped_s, 9)) == (2, 2.06, 0.2)
    assert [(each.name, each.start_s, each.duration_s) for each in found.stages[:3]] == [
        ("patch_embed", 0.0, 0.16),
        ("patch_embed", 0.16, 0.16),
        ("vit", 0.16, 0.8),
    ]
    assert overlap_sentence(found, "pipelined") == (
        "pipelined: 2.06 s in all, in 200 ms of it two stages ran at the same time."
    )


def test_stages_that_only_touch_do_not_overlap(tmp_path: Path) -> None:
    """One begins when the other ends."""
    found = pipeline_of(_trial(tmp_path / "t" / "0001", PAPER[:3]), "turn", 1, 0)

    assert overlapped(found.stages) == 0
    assert overlap_sentence(found, "in turn").endswith("no two stages at the same time.")


def test_events_that_cannot_be_drawn_are_refused_in_words(tmp_path: Path) -> None:
    """Lost, damaged or parsed ones, and an iteration that is not there."""
    parsed = _trial(tmp_path / "t" / "0001", PAPER, source="parsed")
    damaged = _trial(tmp_path / "t" / "0002", PAPER)
    (damaged / "events.jsonl").write_text("nonsense\n")

    with pytest.raises(RunError, match="a foreign tool printed durations"):
        pipeline_of(parsed, "piped", 1, 0)
    with pytest.raises(RunError, match="cannot be read"):
        pipeline_of(damaged, "piped", 2, 0)
    with pytest.raises(RunError, match="cannot be read"):
        pipeline_of(tmp_path / "t" / "0003", "piped", 3, 0)
    with pytest.raises(RunError, match="no stage in this iteration"):
        pipeline_of(parsed, "piped", 1, 5)


def test_pipelined_work_stands_beside_the_same_work_in_turn() -> None:
    """On the same units where there is such a cell; else beside any serial one."""

    def pair(*cells: object) -> list[str]:
        found = answer(run_of(list(cells)), [], question="", metric=ENCODE)  # type: ignore[arg-type]
        return [each.key for each in pair_of(found)]

    assert pair(ALL, PIPED, TURN) == ["piped", "turn"]
    assert pair(ALL, PIPED) == ["piped", "all"]
    assert pair(PIPED) == pair(ALL, TURN) == []


def test_the_typical_iteration_is_the_one_nearest_to_the_middle_trials_median() -> None:
    """Trials take 3, 1 and 2 s; their second iteration is the median."""
    trials = trials_of([PIPED], {"encode_s": [[3.0, 1.0, 2.0]]})
    found = typical(trials, "piped", "encode_s")

    assert found is not None
    assert (found[0].number, found[1]) == (3, 1)
    assert typical(trials, "turn", "encode_s") is None
