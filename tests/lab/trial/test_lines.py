"""Events are read one line at a time, and summed up without keeping them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.trial.lines import LINE_BYTES, NotAnEvent, lines, summary

HELLO = (
    '{"event":"hello","protocol":1,"agent":"a","agent_version":"1","runtime":"r","runtime_version":"1",'
    '"abi":"x86_64","cpu_features":[],"units":{},"pid":1,"monotonic_ns":0,"boot_ns":0,"real_ns":0}\n'
)
SPAN = '{"event":"span","stage":"vit","iteration":1,"start_ns":20,"duration_ns":5,"role":"npu","cpu_ns":3}\n'
WARMUP = '{"event":"iteration","iteration":0,"phase":"warmup","start_ns":0,"duration_ns":9}\n'
MEASURE = '{"event":"iteration","iteration":1,"phase":"measure","start_ns":20,"duration_ns":9}\n'


def test_a_summary_holds_what_was_measured(tmp_path: Path) -> None:
    """Warm-up is counted; parts of stages and the user's wait are no work; a half last line is left out."""
    path = tmp_path / "events.jsonl"
    part = SPAN.replace('"role"', '"parent":"vit","role"')
    path.write_text(HELLO + WARMUP + SPAN + part + SPAN.replace("npu", "user") + MEASURE + MEASURE[:20])

    found = summary(path)
    assert found.hello is not None
    assert (found.warmups, list(found.starts_ns), list(found.durations_ns)) == (1, [20], [9])
    assert [list(column) for column in found.work] == [[20], [25], [3]]
    assert not found.parsed


@pytest.mark.parametrize("line", ["garbage\n", "[]\n", "{}\n", SPAN.replace("5,", f"{2**70},")])
def test_a_summary_ends_at_the_first_line_that_is_no_event(line: str, tmp_path: Path) -> None:
    """What came before it is kept, in columns of one length."""
    path = tmp_path / "events.jsonl"
    path.write_text(SPAN + line + SPAN + MEASURE)

    assert [list(column) for column in summary(path).work] == [[20], [25], [3]]
    assert not summary(path).starts_ns


def test_a_line_that_is_no_event_is_quoted(tmp_path: Path) -> None:
    """With its number."""
    path = tmp_path / "events.jsonl"
    path.write_text(SPAN + "what?\n")
    with pytest.raises(NotAnEvent, match=r"line 2 is no event \(.*\): 'what\?"):
        list(lines(path))


def test_a_trial_without_events_has_an_empty_summary(tmp_path: Path) -> None:
    """Its agent never started."""
    assert summary(tmp_path / "events.jsonl").hello is None


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    """A sparse file of 8 GB is one line of zeros: it filled the memory."""
    path = tmp_path / "events.jsonl"
    with path.open("wb") as file:
        file.truncate(8 << 30)

    with pytest.raises(OSError, match="wanted at most 1,073,741,824 bytes, found 8,589,934,592"):
        next(lines(path))
    assert summary(path).hello is None


def test_a_line_without_end_is_no_event(tmp_path: Path) -> None:
    """It is read up to the longest that any agent may write."""
    path = tmp_path / "events.jsonl"
    with path.open("wb") as file:
        file.truncate(LINE_BYTES + 1)

    with pytest.raises(NotAnEvent, match=r"line 1 is no event: it has 67,108,864 bytes or more"):
        next(lines(path))
