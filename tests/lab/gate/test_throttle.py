"""When heat ends a running trial, and which trials it slowed down: messages quote only what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agents.contract import InvalidReason
from lab.gate.clocks import Offered
from lab.gate.throttle import abort, throttled
from lab.records import Profile, Vitals
from lab.scenario.plan import Gates

WANTED = Gates()
KEEP = Gates(throttling="keep")
CAPS = {"policy0": 1.0, "policy4": 1.0, "policy7": 1.0}
COOL = Vitals(
    boot_s=100.0,
    celsius={"vtskin-max": 30.0, "soc_max": 40.0, "battery": 29.0},
    caps=CAPS,
    cooling={"cpufreq-cpu0": 0, "cpufreq-cpu7": 0, "devfreq-13000000.mali": 0, "charger-cooler": 0},
    thermal_status=0,
)
BARE = Vitals(boot_s=0.0)


def samples(*changes: Mapping[str, object]) -> list[Vitals]:
    """One reading a second: a cool phone's, with changes."""
    return [replace(COOL, boot_s=101.0 + second, **change) for second, change in enumerate(changes)]  # type: ignore[arg-type]


def seen(profile: Profile, *looks: Vitals) -> Offered:
    """The clocks to expect in a session with a profile, after these looks at its gates."""
    offered = Offered(profile)
    for look in looks:
        offered.note(look)
    return offered


def words(
    during: Sequence[Vitals],
    *,
    profile: Profile = "observe",
    before: Vitals = COOL,
    gates_before: Sequence[Vitals] = (),
) -> str:
    """The words of a trial's flaw, its reason checked; empty without a flaw."""
    flaw = throttled(before, during, COOL, WANTED, seen(profile, *gates_before, before))
    assert flaw is None or flaw.reason is InvalidReason.THROTTLED
    return flaw.detail if flaw else ""


# --- while it runs ---------------------------------------------------------------------------------------


def test_a_trial_is_ended_at_forty_degrees_of_the_battery() -> None:
    """At the limit, not before; a silent sensor is not heat."""
    hot = replace(COOL, celsius={"battery": 40.0})
    assert abort(hot, WANTED) == ("the battery reached 40.0 °C, and a trial ends at 40 °C to protect the battery")
    assert abort(replace(COOL, celsius={"battery": 39.9}), WANTED) == ""
    assert abort(BARE, WANTED) == ""
    assert abort(replace(COOL, celsius={"battery": float("nan")}), WANTED) == ""


def test_a_trial_is_ended_at_a_moderate_thermal_status_even_where_heat_is_asked_about() -> None:
    """Protecting the device comes before the measurement."""
    hot = replace(COOL, thermal_status=2, celsius={"vtskin-max": 43.2})
    told = "the thermal status reached 2 (moderate) (vtskin-max read 43.2 °C), and a trial ends at 2 (moderate)"
    assert (abort(hot, WANTED), abort(hot, KEEP)) == (told, told)
    assert abort(replace(COOL, thermal_status=1), WANTED) == ""


# --- afterwards ------------------------------------------------------------------------------------------


def test_a_cool_trial_has_no_flaw() -> None:
    """Nor has one without readings: nothing is claimed about the unknown."""
    assert words(samples({}, {}, {})) == ""
    assert throttled(BARE, [BARE, BARE], None, WANTED, Offered()) is None
    assert throttled(COOL, [], None, WANTED, Offered()) is None


def test_a_cooling_state_above_zero_is_reported_with_sensor_moment_and_extent() -> None:
    """The message quotes the worst reading; a charger's cooling device does not slow down what is measured."""
    first = {"cooling": {"cpufreq-cpu7": 1}, "celsius": {"vtskin-max": 38.4}}
    worst = {"cooling": {"cpufreq-cpu7": 2, "cpufreq-cpu4": 1}, "celsius": {"vtskin-max": 41.2}}
    charger = {"cooling": {"charger-cooler": 4}}

    assert words(samples({}, {}, first, worst, {}, {}, {}, {}, {})) == (
        "vtskin-max read 41.2 °C at 3 s of 8 s: cpufreq-cpu7 was throttled (cooling state 2, 0 is none; "
        "cpufreq-cpu4 too), and throttling was seen in 2 of 11 readings"
    )
    assert words(samples({}, charger)) == ""


def test_a_gpu_that_was_throttled_before_the_trial_began_is_reported() -> None:
    """Without a temperature the message gives only the moment."""
    before = replace(BARE, cooling={"devfreq-13000000.mali": 1})

    assert words([], before=before) == (
        "when it began devfreq-13000000.mali was throttled (cooling state 1, 0 is none), "
        "and throttling was seen in 1 of 2 readings"
    )


def test_a_thermal_status_above_the_limit_is_reported_first() -> None:
    """It is Android's own judgement, and is read only at the end."""
    flaw = throttled(COOL, samples({}, {}), replace(COOL, thermal_status=1), WANTED, Offered())

    assert flaw is not None
    assert flaw.detail == (
        "vtskin-max read 30.0 °C when it had ended: the thermal status was 1 (light), allowed at most 0 (none)"
    )


def test_clocks_kept_low_for_most_of_a_trial_are_reported() -> None:
    """The median of a policy's caps decides: a moment below the limit is no flaw, half of the trial is one."""
    low, whole = {"caps": CAPS | {"policy7": 0.58}}, {"caps": CAPS}

    assert words(samples(whole, low, whole, whole)) == ""
    assert words(samples(whole, low, low, low)) == (
        "policy7 was allowed 58 % of its highest clock, wanted at least 85 % (median of 4 readings; "
        "100 % when it began); vtskin-max read 30.0 °C at 1 s of 3 s: it was 58 %"
    )
    assert words(samples({"caps": {"policy0": 0.85}}, {"caps": {"policy0": 0.85}})) == ""


def test_a_phone_that_never_offered_its_clocks_is_reported_unless_a_profile_set_them() -> None:
    """In `observe` 0.6 is a loss; a phone pinned at 0.6 is as wanted, and 0.5 is then a loss of a sixth."""
    before = replace(COOL, caps={"policy7": 0.6})
    kept, lost = samples(*[{"caps": {"policy7": 0.6}}] * 3), samples(*[{"caps": {"policy7": 0.5}}] * 3)

    assert "policy7 was allowed 60 % of its highest clock" in words(kept, before=before)
    for profile in ("fixed", "rooted"):
        assert words(kept, before=before, profile=profile) == ""
        assert words(lost, before=before, profile=profile) == (
            "policy7 was allowed 83 % of the highest clock seen at a gate, wanted at least 85 % "
            "(median of 3 readings; 100 % when it began); vtskin-max read 30.0 °C at 0 s of 2 s: it was 83 %"
        )


def test_a_pinned_phone_that_was_cut_when_its_trial_began_is_reported() -> None:
    """An earlier gate showed the profile's cap; the trial's own start is no reference."""
    pinned, cut = replace(COOL, caps={"policy7": 0.6}), replace(COOL, caps={"policy7": 0.4})

    assert words(samples(*[{"caps": cut.caps}] * 3), before=cut, profile="rooted", gates_before=[pinned]) == (
        "policy7 was allowed 67 % of the highest clock seen at a gate, wanted at least 85 % "
        "(median of 3 readings; 67 % when it began); vtskin-max read 30.0 °C at 0 s of 2 s: it was 67 %"
    )


def test_where_heat_is_asked_about_nothing_is_rejected() -> None:
    """`throttling = "keep"` asks for the slow-down."""
    hot = replace(COOL, thermal_status=1, cooling={"cpufreq-cpu7": 3}, caps={"policy7": 0.3})
    assert throttled(hot, [hot], hot, KEEP, Offered()) is None


@pytest.mark.parametrize("times", [(101.0, 40.0, 41.0), (float("nan"), 101.0, 102.0), (101.0, 101.0, 101.0)])
def test_a_clock_that_jumps_is_not_used_to_say_when(times: Sequence[float]) -> None:
    """Messages then give the number of the reading."""
    held = [replace(COOL, boot_s=time) for time in times]
    held[1] = replace(held[1], cooling={"cpufreq-cpu0": 1})

    assert words(held).startswith("vtskin-max read 30.0 °C at reading 2 of 3: cpufreq-cpu0 was throttled")


ANY = st.floats(allow_nan=True, allow_infinity=True)
VITALS = st.builds(
    Vitals,
    boot_s=ANY,
    celsius=st.dictionaries(st.sampled_from(["vtskin-max", "soc_max", "battery"]), ANY),
    caps=st.dictionaries(st.sampled_from(["policy0", "policy7"]), ANY),
    cooling=st.dictionaries(st.sampled_from(["cpufreq-cpu0", "devfreq-x.mali"]), st.integers()),
    thermal_status=st.none() | st.integers(),
)


@given(
    before=VITALS,
    during=st.lists(VITALS, max_size=5),
    after=st.none() | VITALS,
    profile=st.sampled_from(["observe", "fixed", "rooted"]),
)
def test_no_readings_break_it(
    before: Vitals, during: Sequence[Vitals], after: Vitals | None, profile: Profile
) -> None:
    """Whatever sensors read, there is a flaw with words, or none."""
    flaw = throttled(before, during, after, WANTED, seen(profile, before))

    assert flaw is None or flaw.detail
    assert isinstance(abort(before, WANTED), str)


def test_a_share_of_nothing_is_no_reading() -> None:
    """A device that says 0, then less, is not divided by."""
    before, after = (replace(BARE, caps={"policy0": cap}) for cap in (0.0, -1.0))

    assert throttled(before, [], after, WANTED, seen("fixed", before)) is None
