"""What an agent wrote is read strictly."""

from __future__ import annotations

import pytest

from lab.trial.folder import read_events

END = b'{"event":"end","spans":0,"iterations":0,"outputs":0}\n'


def test_whole_lines_are_events_and_half_a_line_is_told() -> None:
    """A file cut in its last line gives the events before it, and the half."""
    reading = read_events(END + b'{"event":"sp')

    assert [event.event for event in reading.events] == ["end"]
    assert reading.malformed is None
    assert reading.half_line == '{"event":"sp'


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"\n", "Invalid JSON"),
        (b"loading\n", "Invalid JSON"),
        (b'{"event":"party"}\n', "party"),
        (b'{"event":"end","spans":0,"iterations":0}\n', "end.outputs: Field required"),
        (b'{"event":"end","spans":0,"iterations":0,"outputs":0,"mood":1}\n', "end.mood: Extra inputs"),
        (b'{"event":"end","spans":-1,"iterations":0,"outputs":0}\n', "end.spans"),
    ],
)
def test_the_first_line_that_is_no_event_is_quoted(line: bytes, problem: str) -> None:
    """Nothing unknown, missing or stray is passed over: line number, text and reason are reported."""
    reading = read_events(END + line + END)

    assert reading.malformed is not None
    assert reading.malformed.line == 2
    assert reading.malformed.excerpt == line.decode().rstrip("\n")
    assert problem in reading.malformed.problem
