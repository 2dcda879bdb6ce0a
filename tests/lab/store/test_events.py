"""A trial's events are read row by row, from lines or from columns, and summed up without keeping them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lab.store import seal
from lab.store.events import COLUMNS, LINE_BYTES, NotAnEvent, lay_down, read, source, summary

HELLO = (
    '{"event":"hello","protocol":1,"agent":"a","agent_version":"1","runtime":"r","runtime_version":"1",'
    '"abi":"x86_64","cpu_features":[],"units":{},"pid":1,"monotonic_ns":0,"boot_ns":0,"real_ns":0}\n'
)
SPAN = (
    '{"event":"span","stage":"vit","iteration":1,"index":0,"start_ns":20,"duration_ns":5,"role":"npu",'
    '"unit":"npu0","cpu_ns":3}\n'
)
WARMUP = '{"event":"iteration","iteration":0,"phase":"warmup","start_ns":0,"duration_ns":9}\n'
MEASURE = '{"event":"iteration","iteration":1,"phase":"measure","start_ns":20,"duration_ns":9}\n'


def test_a_summary_holds_what_was_measured(tmp_path: Path) -> None:
    """Warm-up is counted; parts of stages and the user's wait are no work; a half last line is left out."""
    path = tmp_path / "events.jsonl"
    part = SPAN.replace('"role"', '"parent":"vit","role"')
    path.write_text(HELLO + WARMUP + SPAN + part + SPAN.replace("npu", "user") + MEASURE + MEASURE[:20])

    found = summary(tmp_path)
    assert found.clocks is not None
    assert (found.warmups, list(found.starts_ns), list(found.durations_ns)) == (1, [20], [9])
    assert [list(column) for column in found.work] == [[20], [25], [3]]
    assert not found.parsed


@pytest.mark.parametrize("line", ["garbage\n", "[]\n", "{}\n", SPAN.replace("5,", f"{2**70},")])
def test_a_summary_ends_at_the_first_line_that_is_no_event(line: str, tmp_path: Path) -> None:
    """What came before it is kept, in columns of one length."""
    path = tmp_path / "events.jsonl"
    path.write_text(SPAN + line + SPAN + MEASURE)

    assert [list(column) for column in summary(tmp_path).work] == [[20], [25], [3]]
    assert not summary(tmp_path).starts_ns


def test_a_line_that_is_no_event_is_quoted(tmp_path: Path) -> None:
    """With its number."""
    path = tmp_path / "events.jsonl"
    path.write_text(SPAN + "what?\n")
    with pytest.raises(NotAnEvent, match=r"line 2 is no event \(.*\): 'what\?"):
        list(read(path).rows)


def test_a_trial_without_events_has_an_empty_summary(tmp_path: Path) -> None:
    """Its agent never started."""
    assert summary(tmp_path).clocks is None


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    """A sparse file of 8 GB is one line of zeros: it filled the memory."""
    path = tmp_path / "events.jsonl"
    with path.open("wb") as file:
        file.truncate(8 << 30)

    with pytest.raises(OSError, match="wanted at most 1,073,741,824 bytes, found 8,589,934,592"):
        read(path)
    assert summary(tmp_path).clocks is None


def test_a_line_without_end_is_no_event(tmp_path: Path) -> None:
    """It is read up to the longest that any agent may write."""
    path = tmp_path / "events.jsonl"
    with path.open("wb") as file:
        file.truncate(LINE_BYTES + 1)

    with pytest.raises(NotAnEvent, match=r"line 1 is no event: it has 67,108,864 bytes or more"):
        read(path)


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    """The folder of a trial with columns, in a run that is sealed."""
    folder = tmp_path / "run/trials/0001"
    folder.mkdir(parents=True)
    counted = SPAN.replace("}", ',"parent":"vit","source":"parsed","count":{"true":3,"padded":4}}')
    (folder / "events.jsonl").write_text(HELLO + WARMUP + SPAN + counted + MEASURE)
    lay_down(folder, many_bytes=1)
    seal.close(tmp_path / "run")
    return folder


def test_columns_hold_what_the_lines_hold(trial: Path) -> None:
    """Rows and clocks; the columns are what is read."""
    columns, lines = read(source(trial)), read(trial / "events.jsonl")

    assert source(trial).name == COLUMNS
    assert columns.clocks == lines.clocks == (0, 0)
    rows = list(columns.rows)
    assert rows == list(lines.rows)
    assert rows[1:3] == [
        (("span", "vit", "npu", "npu0", None, None), 1, 0, 20, 5, 3, None, None),
        (("span", "vit", "npu", "npu0", "vit", "parsed"), 1, 0, 20, 5, 3, 3, 4),
    ]


@pytest.mark.parametrize("how", ["changed", "not sealed", "the seal is damaged", "gone"])
def test_columns_that_are_not_as_sealed_are_not_read(trial: Path, how: str) -> None:
    """The lines are the truth."""
    path, sealed = trial / COLUMNS, trial.parents[1] / "seal.json"
    if how == "changed":
        path.write_bytes(path.read_bytes()[:-1])
    elif how == "gone":
        path.unlink()
    else:
        sealed.write_text('{"format":1,"files":{}}' if how == "not sealed" else "{")

    assert source(trial).name == "events.jsonl"


@pytest.mark.parametrize(
    "line", ["garbage\n", SPAN.replace("5,", f"{2**70},"), SPAN.replace('"vit"', '"\\ud800"')]
)
def test_only_lines_that_are_events_become_columns(trial: Path, line: str) -> None:
    """Of others the lines say what is wrong, and old columns do not stay."""
    (trial / "events.jsonl").write_text(HELLO + SPAN + line)

    lay_down(trial, many_bytes=1)

    assert sorted(path.name for path in trial.iterdir()) == ["events.jsonl"]


def test_few_events_get_no_columns(trial: Path) -> None:
    """Importing what reads them would take longer."""
    lay_down(trial)

    assert not (trial / COLUMNS).exists()


def edited(trial: Path, table: pa.Table | None) -> Path:
    """Replace the columns of a trial, and seal them as they are now."""
    lay_down(trial, many_bytes=0)
    path = trial / COLUMNS
    path.write_bytes(b"PAR1 garbage PAR1") if table is None else pq.write_table(table, path)
    seal.close(trial.parents[1])
    return path


def test_columns_that_no_lab_wrote_are_no_events(trial: Path) -> None:
    """Whoever edits them and their seal gets an error, not a bug; the message says what to do."""
    lay_down(trial, many_bytes=0)
    good = pq.read_table(trial / COLUMNS)
    nothing = good.set_column(0, "event", pa.nulls(good.num_rows, pa.string()))
    texts = good.set_column(6, "iteration", pa.array(["x"] * good.num_rows))
    clocks = good.replace_schema_metadata({b"boot_ns": b"x", b"monotonic_ns": b"1"})
    for table in (None, good.drop_columns(["unit"]), nothing, texts, clocks):
        path = edited(trial, table)
        assert source(trial) == path

        with pytest.raises(NotAnEvent, match=r"^events\.parquet holds no columns of events \(.*\); remove it: "):
            list(read(path).rows)
        assert not summary(trial).starts_ns
