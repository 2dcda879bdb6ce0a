"""A night is doubted for reasons, each a sentence that says its n."""

from __future__ import annotations

from dataclasses import replace

from lab.records import Context, Interval, LiveCheck, SelfCheck, Tally
from lab.report.trust import Trust, days_between, labels_of, record_of, record_words, trust_of
from tests.night_records import DATE, incident, night, value
from tests.saved_checks import ALIKE, CHECKED, EMPTY

FALSE = replace(ALIKE, verdict="regressed", change=Interval(1.1, 1.05, 1.15, 0.95, 8))


def checked(device: str = "phone-2", day: str = "2026-11-28", false: int = 0, alike: int = 10) -> SelfCheck:
    """Return a self-check with so many comparisons of equal builds, of which some were called a change."""
    live = [LiveCheck(f"c{i}", 1.0, FALSE if i < false else ALIKE, 16, 30.0) for i in range(alike)]
    return replace(CHECKED, device=device, started_utc=f"{day}T00:00:00.000Z", live=tuple(live))


def trust(**changed: object) -> Trust:
    """Return the trust in a night that nothing speaks against, but for what is changed."""
    facts: dict[str, object] = {
        "night": replace(night(), gaps=(), planned=night().planned[:1]),
        "checks": [checked()],
        "incidents": [],
        "quarantined": {},
        "tallies": [Tally("phone-2", "decode", "", 40)],
    } | changed
    return trust_of(facts.pop("night"), [value()], **facts)  # type: ignore[arg-type]


def words(found: Trust, *, doubt: bool) -> list[str]:
    """Return the sentences that speak against the night, or those that do not."""
    return [each.words for each in found.reasons if each.doubt == doubt]


def test_a_sound_night_shows_the_labs_own_record() -> None:
    """Nothing speaks against it, and every rate has its n."""
    found = trust(incidents=[incident(), replace(incident(), id="i2", status="invalid")])

    assert found.verdict == "Nothing speaks against the night."
    assert [each.words for each in found.reasons] == [
        "Self-checks are at most 1 day old.",
        "Own record: equal builds called changed: 0 of 10 (≤ 25.9 %), on 1 device.",
        "Alerts that people marked as false: 1 of 2 (≤ 97.5 %).",
        "0 of 40 trials begun during the night invalid.",
    ]


def test_a_lab_that_never_checked_itself_says_so() -> None:
    """An unknown rate of false verdicts is a reason to doubt, with the command that measures it."""
    assert words(trust(checks=[]), doubt=True) == [
        "How often verdicts are wrong was never measured on phone-2; "
        "to find out: `lab selfcheck --device phone-2`.",
        "The lab's own record is empty: no self-check has compared a build with itself.",
    ]


def test_an_empty_self_check_does_not_renew_a_device() -> None:
    """The newest one was stopped after three seconds: the age is that of the one before it."""
    empty = replace(EMPTY, device="phone-2", started_utc=f"{DATE}T00:00:00.000Z")
    found = trust(checks=[empty, checked(day="2026-11-19")])

    assert words(found, doubt=True) == ["The self-check of phone-2 is up to 10 days old; it is due every 7."]


def test_what_was_learnt_after_the_night_does_not_count_for_it() -> None:
    """An old night is judged by what was known then."""
    later = checked(day="2026-12-01", false=10)

    assert any("0 of 10" in each.words for each in trust(checks=[later, checked()]).reasons)


def test_devices_that_were_away_are_named_with_the_reason() -> None:
    """Silent altogether, in part, or in quarantine."""
    (plan, other) = night().planned
    gap = night().gaps[0]
    third = replace(plan, device="phone-4")
    whole = replace(
        night(),
        planned=(plan, replace(plan, scenario="prefill"), other, third),
        gaps=(
            gap,
            replace(gap, planned=plan, nights=1, why="too warm"),
            replace(gap, planned=third, why="did not answer"),
        ),
    )
    found = trust(night=whole, quarantined={"phone-4": "3 failures in a row", "phone-9": "not of this night"})

    assert [(each.device, each.words) for each in found.doubts] == [
        ("phone-2", "phone-2: 1 of 2 planned runs not measured: too warm."),
        ("phone-3", "phone-3: silent, 2 nights in a row: did not answer."),
        ("phone-4", "phone-4 is in quarantine: 3 failures in a row."),
        ("phone-4", "phone-4: silent, 2 nights in a row: did not answer."),
    ]


def test_heat_is_told_apart_from_other_losses() -> None:
    """A hot device is named; what else did not count is in the total."""
    found = trust(
        tallies=[
            Tally("phone-2", "decode", "", 36),
            Tally("phone-2", "decode", "throttled", 3),
            Tally("phone-2", "decode", "wrong_output", 1),
        ]
    )

    assert found.verdict == "1 reason to doubt the night."
    assert words(found, doubt=True) == [
        "phone-2: 3 of 40 trials begun during the night invalid: slowed down by heat."
    ]
    assert "4 of 40 trials begun during the night invalid (10 %)." in words(found, doubt=False)


def test_a_noisy_night_cut_short_is_doubted() -> None:
    """Its own marks count as reasons."""
    found = trust(
        night=replace(night(), gaps=(), status="interrupted", noisy=True, missed="No night on 2026-11-27.")
    )

    assert words(found, doubt=True) == [
        "The night is interrupted: what it says is incomplete.",
        "The night is noisy: most of its suspects were new and did not confirm.",
        "No night on 2026-11-27.",
    ]


def test_many_devices_are_counted_instead_of_named() -> None:
    """A sentence of fifty names is not read."""
    devices = [replace(value().series, device=f"phone-{n}") for n in range(5)]
    found = trust_of(
        replace(night(), gaps=(), planned=()),
        [value(each) for each in devices],
        checks=[],
        incidents=[],
        quarantined={},
        tallies=[],
    )

    assert "never measured on 5 devices; to find out: `lab selfcheck --device NAME`" in found.reasons[0].words
    assert "How many trials begun during the night were invalid is not known." in words(found, doubt=False)


def test_rates_are_counted_over_all_self_checks_and_labels() -> None:
    """One false verdict of 10 on a phone, none of 5 on another; of three alerts one invalid, one expected."""
    assert record_of([checked(false=1), checked("phone-3", alike=5), EMPTY]) == (1, 15)
    states = [replace(incident(), status=state) for state in ("invalid", "expected", "new")]
    assert labels_of(states) == (1, 1, 3)
    assert days_between("2026-11-28T23:59:00Z", "2026-12-01") == 3


def test_kinds_of_devices_are_never_pooled() -> None:
    """Each has its own k of n in the lab's record; one kind needs no name."""
    host, phone = checked(), replace(checked("phone-3", false=1), context=Context({"device_kind": "phone"}))

    assert record_words([host, host]) == "0 of 20 (≤ 13.9 %)"
    assert record_words([host, phone]) == "0 of 10 (≤ 25.9 %) on this machine; 1 of 10 (≤ 39.4 %) on a phone"
    said = words(trust(checks=[host, phone]), doubt=False)
    assert any("changed: 0 of 10 (≤ 25.9 %) on this machine; 1 of 10" in each for each in said)
