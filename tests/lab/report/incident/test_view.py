"""An incident in words: its sentence, its commands with their cost, its age."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.records import BuildAt, Event, Interval
from lab.report.incident.known import Known
from lab.report.incident.offers import offers
from lab.report.incident.view import age, incident_view, sentence, worse_by
from lab.report.night.said import change_words
from lab.trial.metrics import METRICS
from tests.lab.report.incident.incident_records import known, series
from tests.lab.report.night.night_reports import HOSTILE
from tests.night_records import COMPARISON, DATE, INCIDENT, finding, incident


def costs(good: int, bad: int, *, evidence: bool = True) -> dict[str, str]:
    """Return what each command costs for an incident between two revisions."""
    found = replace(incident(), good=BuildAt("a" * 64, "nano-w4", good), bad=BuildAt("b" * 64, "nano-w4", bad))
    return {each.what: each.cost for each in offers(found, (series(),) if evidence else ())}


def test_the_sentence_says_what_by_how_much_where_and_since_when() -> None:
    """All that a person asks first."""
    assert sentence(incident()) == (
        "decode, 512 tokens of context with nano-w4 on phone-2: 7.5 % slower (95 % interval 6.1 to 8.9 %); builds "
        f"r11 (aaaaaaaa)..r12 (bbbbbbbb), since the night of {DATE}."
    )


def test_the_worst_of_several_series_is_told_with_all_devices() -> None:
    """A series that came back is not the worst, however large its change was."""
    (worst,) = incident().members
    larger = replace(worst.change, estimate=0.5, low=0.4, high=0.6)
    back = replace(worst, series=replace(worst.series, device="phone-9"), change=larger, back=COMPARISON)

    assert (
        "on phone-2: 7.5 % slower (95 % interval 6.1 to 8.9 %), the worst of 2 series on phone-2 and phone-9;"
        in (sentence(replace(incident(), members=(back, worst))))
    )


def test_a_rerun_costs_what_the_pairs_of_the_incident_cost() -> None:
    """Six pairs of 40 s in each of the scenario's three cells: 12 minutes."""
    assert costs(11, 12)["measure it again"] == (
        "about 12 min of device time: the scenario has 3 cells, of about 4 min each: 6 pairs of 40 s, the medians "
        "of this incident's 1 series, waits left out"
    )


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (12, "nothing to halve: no build lies between r11 and r12, so r12 brought it"),
        (13, "about 4 min of device time: 1 build between, so at most 1 comparison of 6 pairs"),
        (19, "about 12 min of device time: 7 builds between, so at most 3 comparisons of 6 pairs"),
        (20, "about 16 min of device time: 8 builds between, so at most 4 comparisons of 6 pairs"),
        (0, "its cost is unknown: the line is not known to hold both builds"),
    ],
)
def test_a_bisection_costs_the_logarithm_of_the_builds_between(bad: int, words: str) -> None:
    """Each comparison halves them."""
    assert costs(11, bad)["which build"].startswith(words)


def test_without_trials_no_cost_is_invented() -> None:
    """Unknown, with the reason."""
    found = costs(11, 20, evidence=False)

    assert found["measure it again"] == found["which build"]
    assert found["which build"].startswith("its cost is unknown: no trial of the comparisons")


def test_the_age_counts_nights_and_ends_when_it_was_closed() -> None:
    """A night that ran twice counts once; what is said of a closed one makes it no older."""
    dates = ["2026-11-28", DATE, DATE, "2026-11-30", "2026-12-01"]
    closed = Event("2026-11-30T09:00:00Z", "2026-11-30", "expected", "ada", "agreed")

    assert age(incident(), dates) == 3
    assert age(replace(incident(), status="expected", events=(*incident().events, closed)), dates) == 2
    later = replace(closed, night="2026-12-01", state="invalid", who="ben")
    assert age(replace(incident(), status="invalid", events=(*incident().events, closed, later)), dates) == 2


def test_the_view_holds_the_text_for_a_tracker() -> None:
    """The night's own line where the night is there, else what the incident keeps."""
    found = incident_view(known())

    assert found.tracker.startswith("[perf] 1 series got worse between builds r11 and r12")
    assert "412 → 381 tokens/s" in found.tracker
    lost = incident_view(Known(incident(), known().series))
    assert "412 tokens/s, now 7.5 % slower" in lost.tracker and INCIDENT in lost.tracker


def test_hostile_names_end_no_line() -> None:
    """Devices, lines and people are named by others."""
    (member,) = incident().members
    named = replace(member, series=replace(finding().series, device=HOSTILE, line=HOSTILE, cell=HOSTILE))
    hostile = replace(incident(), line=HOSTILE, members=(named,))
    found = incident_view(Known(hostile, (series(member=named),), checks={HOSTILE: None}))

    texts = [found.sentence, *(each.words for each in found.reasons)]
    assert not any(set("\n\r\x1b\x00") & set(each) for each in texts)


def test_a_change_is_rounded_as_its_sentence_rounds_it() -> None:
    """One change, one figure: all ends to the same digit."""
    change = Interval(1.087, 1.036, 1.11, 0.95, 7)
    member = replace(incident().members[0], metric=METRICS["prefill_s"], change=change)

    assert worse_by(member) == "9 % (4 to 11)"
    assert change_words(member.change, member.metric) == "9 % more time (95 % interval 4 to 11 %)"
