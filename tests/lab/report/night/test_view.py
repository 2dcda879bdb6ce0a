"""A night in words: what the first line says, and what is listed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.records import Finding, Interval, Night, Series, Value
from lab.report.night.said import change_words, names, of_finding, what
from lab.report.night.view import DEMO, view_of
from tests.lab.report.night.night_reports import DECODE, ENCODE, PREFILL, found, realistic
from tests.night_records import night, value


def titles(of: Night, values: list[Value]) -> list[str]:
    """Return the keys of a night's sections."""
    return [each.key for each in view_of(of, values).sections]


def test_the_first_line_has_the_verdict_and_how_much_was_analysed() -> None:
    """Incidents are counted as well as series, and silence stands in the same line."""
    assert view_of(*realistic()).verdict == (
        "1 incident: 4 series regressed; 2 suspected, 1 cannot tell, 1 changed but not by the build, 1 drifting, "
        "1 improved. 100 series analysed, 3 planned runs not measured, 1 device silent: x100-05."
    )


def test_the_subject_has_the_counts_and_the_build() -> None:
    """A mail is read by its subject."""
    subject = view_of(*realistic()).subject

    assert subject == "[perf] 4 regressed in 1 incident, 2 suspected, 1 device silent - nano-w4 r12"


def test_sections_stand_in_the_order_of_what_to_do() -> None:
    """Causes first, then what they did, then what is not sure; what was not measured at the end."""
    assert titles(*realistic()) == [
        "incidents",
        "across",
        "regressed",
        "suspected",
        "undecided",
        "not-the-build",
        "trends",
        "improved",
        "not-measured",
    ]


def test_a_finding_is_one_line_with_its_evidence() -> None:
    """From and to, the change and its interval in the metric's words, pairs, what could be seen, builds, since."""
    (item,) = (
        each for each in view_of(*realistic()).sections[2].items if "2048" in each.line and "-03" in each.line
    )

    assert item.line == (
        "regressed · decode, 2048 tokens of context · nano-w4 on x100-03 · 16.8 → 15.3 tokens/s, 9 % slower (95 % "
        "interval 8 to 10 %) · 10 pairs · could see 1.8 % slower · builds r11 (aaaaaaaa)..r12 (bbbbbbbb) · since "
        "2026-11-29 · incident 01990000-0000"
    )
    assert item.more == (
        "Stages that moved: decode 8.1 % more time (95 % interval 6.4 to 9.8 %).",
        "Tonight's figure is unusual; measured again in 10 pairs: the interval excludes 1.",
        "Find the build: `lab bisect nano-w4 --scenario decode`.",
        "Evidence: `lab show 019b0000-0000`.",
    )


@pytest.mark.parametrize(
    ("change", "metric", "words"),
    [
        (Interval(0.925, 0.911, 0.939, 0.95, 12), DECODE, "7.5 % slower (95 % interval 6.1 to 8.9 %)"),
        (Interval(1.082, 1.061, 1.104, 0.95, 8), ENCODE, "8 % more time (95 % interval 6 to 10 %)"),
        (Interval(1.01, 0.98, 1.04, 0.95, 8), DECODE, "1.0 % faster (95 % interval 2.0 % slower to 4.0 % faster)"),
        (Interval(2.5, 2.1, 3.0, 0.95, 8), ENCODE, "2.5 times (95 % interval 2.1 to 3 times)"),
        (Interval(0.9, None, None, 0.95, 2), DECODE, "10 % slower"),
    ],
)
def test_a_change_is_said_in_the_words_of_its_metric(change: Interval, metric: object, words: str) -> None:
    """A rate is slower, a time is more; the word stands once where both ends are on one side."""
    assert change_words(change, metric) == words  # type: ignore[arg-type]


def test_no_name_stands_twice_in_a_row() -> None:
    """A scenario that is named like its metric, and a cell that is named like its scenario."""
    assert what(Series("decode", "decode", "l", DECODE.name, "d"), DECODE) == "decode"
    assert what(Series("prefill_chunk", "parallel_tokens=1", "l", "", "d"), PREFILL) == (
        "prefill_chunk, 1 token in parallel"
    )
    assert (
        what(Series("vit_batch", "pipelined=false", "l", "", "d"), ENCODE) == "image encoding, vit_batch, serial"
    )


def test_a_noisy_night_gives_its_number_and_lists_no_suspect() -> None:
    """Six suspects of which none confirmed are noise: the number is the news."""
    kept = [found(f"p{n}", DECODE, "c=1", "not reproduced", (20.0, 0.95), pairs=8) for n in range(5)]
    noisy = replace(
        night(),
        findings=(*kept, found("p9", DECODE, "c=1", "suspected", (20.0, 0.95))),
        counts={"suspected": 1, "not reproduced": 5, "no change seen": 94},
        incidents=(),
        gaps=(),
        noisy=True,
    )
    view = view_of(noisy, [value()])

    assert view.marks == (
        "The night is noisy: 6 suspects, of which 0 confirmed. The others are counted; the report lists none of "
        "them.",
    )
    assert [(each.note, each.items) for each in view.sections] == [
        ("Not listed because the night is noisy: 1 series.", ()),
        ("Not listed because the night is noisy: 5 series.", ()),
    ]
    assert view.verdict == (
        "No regression confirmed; a noisy night: 6 suspects, of which 0 confirmed. 100 series analysed."
    )
    assert "noisy night" in view.subject


def test_a_demonstration_is_marked() -> None:
    """In the title, in the subject, and before every figure."""
    view = view_of(replace(night(), demo=True), [value()])

    assert view.marks[0] == DEMO and "demonstration" in view.title
    assert view.subject.startswith("[perf] [demonstration] ")


def test_a_first_night_says_so() -> None:
    """Nothing can be judged yet, which is neither good nor bad."""
    first = replace(night(), findings=(), incidents=(), gaps=(), counts={"no history": 24})

    assert view_of(first, [value()]).verdict == (
        "Too early to judge: no series has enough nights yet. 24 series analysed."
    )


def test_a_night_without_figures_is_not_a_good_night() -> None:
    """A device that is silent for the second night is an alarm, and no regression is claimed or denied."""
    silent = replace(night(), findings=(), incidents=(), counts={})
    view = view_of(silent, [])

    assert view.verdict == "Nothing was measured. 1 planned run not measured, 1 device silent: phone-3."
    assert view.marks == ("Alarm: 1 planned run on phone-3 not measured for 2 nights or more, the longest for 2.",)
    assert view.subject == "[perf] no figures, 1 device silent - nightly"


def test_a_night_without_a_change_says_on_how_many_series() -> None:
    """Nothing happened: one line."""
    calm = replace(night(), findings=(), incidents=(), gaps=(), counts={"no change seen": 312, "no history": 6})

    assert view_of(calm, [value()]).verdict == (
        "No regression. 318 series analysed, 6 of them with too few nights to judge."
    )


def test_a_cut_night_is_called_incomplete() -> None:
    """Whoever reads half a night should know."""
    assert "interrupted" in view_of(replace(night(), status="interrupted"), [value()]).marks[0]


def test_gaps_of_a_device_are_one_item_with_the_reason_once() -> None:
    """Two scenarios that a phone missed for the same reason."""
    gaps = view_of(*realistic()).sections[-1].items

    assert [each.line for each in gaps] == [
        "not measured · x100-05 · vit_batch with nano-w4 and decode with nano-w4: did not answer · "
        "silent for 3 nights",
        "not measured · x100-04 · sustained with nano-w4: too warm at its gate for 20 min",
    ]


def test_an_open_incident_of_another_night_keeps_its_story() -> None:
    """Its owner and its last event."""
    old = view_of(*realistic()).sections[0].items[1]

    assert old.line == (
        "incident 019a2222-0000 · nano-w4 builds r7 (cccccccc)..r8 (dddddddd) · acknowledged: 1 series worse by "
        "7.5 % · since 2026-11-21 · owner mei"
    )
    assert old.more[0] == "2026-11-22, mei: A fix is in review."


def test_a_trend_names_no_build_and_no_night() -> None:
    """What is said of it is the drift; the figures follow."""
    drift = replace(
        found("p", ENCODE, "c=1", "trend", (0.6, 1.06)), why="it drifted by 7 % over 61 nights", value=0.63
    )

    assert of_finding(drift, "simulated").line == (
        "trend · image encoding, decode, c 1 · nano-w4 on p (simulated) · It drifted by 7 % over 61 nights · "
        "600 → 630 ms"
    )


def test_an_old_incident_counts_the_series_that_are_still_worse() -> None:
    """Nobody acknowledged it, and one of its series stands at its level tonight."""
    of, values = realistic()
    old = replace(of.incidents[1], status="new")
    known = replace(values[0], outcome="known")
    view = view_of(replace(of, incidents=(old,)), [known, *values[1:]])

    assert "not acknowledged: 1 series worse by 7.5 % · 1 still worse tonight" in view.sections[0].items[0].line


def test_a_usual_figure_of_zero_is_no_division() -> None:
    """A damaged record is shown without a change."""
    odd: Finding = replace(found("p", DECODE, "c=1", "suspected", (20.0, 0.95)), usual=0.0)

    assert "no usual figure" in of_finding(odd).line


def test_a_long_list_of_names_ends() -> None:
    """Five names, then how many more."""
    assert names([f"p{n}" for n in range(9)]) == "p0, p1, p2, p3, p4 and 4 more"
