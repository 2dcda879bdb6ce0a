"""Incidents in a list: which are asked for, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.records import Event
from lab.report.incident.listed import Asked, fitting, table_of
from lab.report.markdown import draw
from tests.night_records import DATE, incident

OLD = replace(incident(), id="01990000-0000-7000-8000-000000000001", night="2026-11-20", owner="ada")
FIXED = replace(incident(), id="01990000-0000-7000-8000-000000000002", status="fixed")
OTHER = replace(
    incident(),
    id="01990000-0000-7000-8000-000000000003",
    line="nano-w8",
    status="back",
    members=tuple(replace(each, series=replace(each.series, device="phone-7")) for each in incident().members),
    events=(*incident().events, Event("2026-11-29T05:00:00Z", DATE, "back", "lab nightly", "Came back: Thermal")),
)
ALL = (FIXED, OLD, OTHER)


def test_open_incidents_come_first_and_of_these_the_newest() -> None:
    """What must be acted on stands at the top."""
    assert fitting(ALL, Asked()) == [OTHER, OLD, FIXED]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (Asked(states=("fixed", "back")), [OTHER, FIXED]),
        (Asked(lines=("nano-w8",)), [OTHER]),
        (Asked(devices=("phone-2",)), [OLD, FIXED]),
        (Asked(only_open=True), [OTHER, OLD]),
        (Asked(words="ADA decode"), [OLD]),
        (Asked(words="thermal"), [OTHER]),
        (Asked(words="nobody-says-this"), []),
    ],
)
def test_every_filter_leaves_what_fits(asked: Asked, found: list[object]) -> None:
    """States, lines, devices, what is open, and words in any of its texts."""
    assert fitting(ALL, asked) == found


def test_a_row_has_sign_word_change_and_age() -> None:
    """As Markdown it can be pasted into a chat; names in it are escaped."""
    text = draw(table_of([replace(OLD, owner="a|b")], {"2026-11-20", "2026-11-21"}))

    assert text.splitlines()[2] == (
        "| \\! new | nano-w4 | r11..r12 | 1 | 7.5 % (6.1 to 8.9) worse, decode, 512 tokens of context on phone-2 "
        "| phone-2 | 2026-11-20 | 2 | a\\|b | 01990000-0000-7000-8000-000000000001 |"
    )
