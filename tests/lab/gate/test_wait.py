"""The gate: what it waits for, how long, and what it says, as journals of looks and naps; then a virtual phone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.device.adb.transport import AdbTransport, Server
from lab.device.fake.phone import FakeClock, FakePhone, fake_device
from lab.device.lease import SCRATCH
from lab.device.transport import Device
from lab.device.vitals import look as senses
from lab.errors import DeviceRefused
from lab.gate.clocks import Offered
from lab.gate.idle import Idle
from lab.gate.ready import Slope, decide
from lab.gate.wait import Opened, wait
from lab.records import FLAGS, IDLE_UNKNOWN, SENSOR_GONE, SENSOR_STILL, DeviceIdentity, DeviceKind, Vitals
from lab.scenario.plan import Gates
from tests.farm_phones import Phone
from tests.lab_process import ROOT

WANTED = Gates()
REST = Idle(skin=26.0, soc=30.0)
COOL = Vitals(
    boot_s=0.0,
    celsius={"vtskin-max": 27.0, "soc_max": 32.0, "battery": 27.0},
    cooling={"cpufreq-cpu7": 0, "charger-cooler": 3},
    thermal_status=0,
    battery_level=70.0,
    powered=True,
    busy_cores=0.1,
)
BARE = Vitals(boot_s=0.0, busy_cores=0.1)
"""A device of which nothing but its load can be read."""


def warm(skin: float) -> Vitals:
    """A phone whose skin is this warm (degC), and everything else in order."""
    return replace(COOL, celsius={**COOL.celsius, "vtskin-max": skin})


def device(kind: DeviceKind = "phone") -> Device:
    """A device of two cores."""
    fake = fake_device(FakePhone({}))
    return replace(fake, identity=replace(fake.identity, kind=kind))


@dataclass
class Door:
    """Passes a gate before a scripted device, and keeps a journal."""

    looks: Iterable[Vitals]
    kind: DeviceKind = "phone"
    wanted: Gates = WANTED
    idle: Idle | None = REST
    load_left_s: float = 120.0
    rested_s: float = 0.0
    clock: FakeClock = field(default_factory=FakeClock)
    device_clock: Callable[[float], float] = lambda seconds: 1000.0 + seconds
    offered: Offered | None = None
    look_s: float = 0.0
    journal: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    recorded: list[Vitals] = field(default_factory=list)

    def passed(self) -> Opened:
        """Go through; the device's own clock is what `device_clock` makes of the lab's."""
        script = iter(self.looks)

        def look(device: Device) -> Vitals:
            self.journal.append("look")
            self.clock.seconds += self.look_s
            return replace(next(script), boot_s=self.device_clock(self.clock.seconds))

        def sleep(seconds: float) -> None:
            self.journal.append(f"sleep {seconds:g}")
            self.clock.seconds += seconds

        return wait(
            device(self.kind),
            self.wanted,
            idle=self.idle,
            look=look,
            clock=self.clock,
            sleep=sleep,
            load_left_s=self.load_left_s,
            tell=self.told.append,
            record=self.recorded.append,
            rested_s=self.rested_s,
            offered=self.offered,
        )


def test_a_cool_quiet_phone_is_let_in_at_the_first_look() -> None:
    """No nap, no words, no flag."""
    door = Door([COOL])

    opened = door.passed()

    assert door.journal == ["look"]
    assert door.told == []
    assert (opened.flags, opened.timed_out, opened.waited_s) == ((), "", 0.0)


def test_a_hot_phone_is_looked_at_until_it_has_cooled_and_holds_still() -> None:
    """28.0 is its limit; then a minute must show less than 0.2 degC a minute, by looking each time."""
    door = Door(chain([warm(31.4), warm(29.0)], repeat(warm(27.5))))

    opened = door.passed()

    # 31.4 at 0 s, 29.0 at 5 s, still from 10 s on: a whole minute without those two ends at 70 s.
    assert door.journal == ["look", *["sleep 5", "look"] * 14]
    assert (opened.waited_s, opened.flags, opened.timed_out) == (70.0, (), "")
    assert opened.load_waited_s == 0.0
    assert door.told[0] == (
        "waiting: vtskin-max reads 31.4 °C, wanted at most 28.0 °C (2 above the 26.0 °C it has at rest); "
        "1800 s left to wait"
    )
    assert len(door.told) == 2  # again after a minute
    assert [look.boot_s for look in door.recorded[:3]] == [1000.0, 1005.0, 1010.0]


def test_a_phone_that_still_cools_quickly_is_not_let_in_yet() -> None:
    """Below its limit, but 0.6 degC a minute: it is warm inside."""
    door = Door(warm(max(26.5, 28.1 - 0.01 * 5 * n)) for n in range(400))

    opened = door.passed()

    # The skin is below 28.0 from 15 s, at 26.5 from 160 s; a slope of -0.2 is reached later and before 220 s.
    assert 170 < opened.waited_s <= 220
    assert "vtskin-max cools down by 0.60 °C a minute, wanted less than 0.2" in door.told[1]


def test_a_chip_that_had_to_cool_is_not_watched_for_a_minute() -> None:
    """It is cool within seconds, and the case never was too warm."""
    hot = replace(COOL, celsius={**COOL.celsius, "soc_max": 48.0})
    door = Door([hot, hot, COOL])

    assert door.passed().waited_s == 10.0
    assert "soc_max reads 48.0 °C, wanted at most 35.0 °C" in door.told[0]


def test_a_phone_that_never_cools_is_measured_and_does_not_count() -> None:
    """After the bound the trial may run; the words name sensor, reading, limit, and that it never moved."""
    door = Door(repeat(warm(41.2)), wanted=Gates(wait_s=300.0))

    opened = door.passed()

    assert opened.waited_s == 300.0
    assert opened.timed_out == (
        "the device was not ready within 300 s: vtskin-max reads 41.2 °C, wanted at most 28.0 °C "
        "(2 above the 26.0 °C it has at rest), the same at each of 61 looks"
    )


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (replace(COOL, celsius={"battery": 35.1}), "the battery reads 35.1 °C, wanted at most 35.0 °C"),
        (
            replace(COOL, celsius={**COOL.celsius, "soc_max": 35.1}),
            "soc_max reads 35.1 °C, wanted at most 35.0 °C",
        ),
        (replace(COOL, battery_level=19.0), "the battery is at 19 %, wanted at least 20 %"),
        (replace(COOL, thermal_status=1), "the thermal status is 1, wanted at most 0"),
        (
            replace(COOL, cooling={"cpufreq-cpu7": 2, "charger-cooler": 0}),
            "cpufreq-cpu7 is still throttled by its thermal driver (state 2)",
        ),
    ],
)
def test_each_rule_is_waited_for_in_its_own_words(look: Vitals, words: str) -> None:
    """A device at its limits is let in, one beyond any is not."""
    door = Door(repeat(look), wanted=Gates(wait_s=4.0))

    opened = door.passed()

    assert door.journal == ["look", "sleep 4", "look"]
    assert words in door.told[0]
    assert words in opened.timed_out


def test_an_empty_phone_that_nothing_charges_is_refused() -> None:
    """Waiting only empties it further, and so does working; without a gate it is the user's own affair."""
    low = replace(warm(31.4), battery_level=19.0, powered=False)
    door = Door([low])

    with pytest.raises(DeviceRefused, match="at 19 %, wanted at least 20 %, and nothing charges it: plug it in"):
        door.passed()

    assert door.journal == ["look"]
    assert Door([low], wanted=Gates(start="never")).passed().timed_out == ""


def test_an_empty_phone_of_which_nobody_knows_whether_it_is_charged_is_waited_for() -> None:
    """It may be charging."""
    door = Door(repeat(replace(COOL, battery_level=19.0, powered=None)), wanted=Gates(wait_s=4.0))

    assert (door.passed().waited_s, door.journal) == (4.0, ["look", "sleep 4", "look"])


def test_a_device_right_at_its_limits_is_let_in() -> None:
    """At most means at most."""
    edge = replace(
        COOL,
        celsius={"vtskin-max": 28.0, "soc_max": 35.0, "battery": 35.0},
        battery_level=20.0,
        busy_cores=1.0,
    )
    assert Door([edge]).passed().flags == ()


def test_a_device_whose_rest_is_unknown_is_let_in_and_said_to_be() -> None:
    """The absolute limits hold; this look becomes the measure, in words and as a flag."""
    door = Door([warm(34.0)], idle=None)

    opened = door.passed()

    assert door.journal == ["look"]
    assert opened.flags == (IDLE_UNKNOWN,)
    assert door.told == [
        "its idle temperature is not known yet; this look becomes the reference: skin 34.0 °C, chip 32.0 °C"
    ]
    hot = replace(COOL, celsius={**COOL.celsius, "battery": 36.0})
    assert Door(repeat(hot), idle=None, wanted=Gates(wait_s=0.0)).passed().timed_out


# --- clocks that are cut -----------------------------------------------------------------------------------


def cut(share: float) -> Vitals:
    """A phone whose big core is allowed this share of its highest clock, its thermal driver at rest."""
    return replace(COOL, caps={"policy0": 1.0, "policy7": share})


def test_a_phone_whose_clocks_are_cut_is_waited_for() -> None:
    """A charger's heat cuts caps without a cooling state; at 85 % it is let in."""
    door = Door([cut(0.58), cut(0.7), cut(0.85)])

    opened = door.passed()

    assert (opened.waited_s, opened.timed_out) == (10.0, "")
    assert door.told == [
        "waiting: policy7 is allowed 58% of its highest clock, wanted at least 85%; 1800 s left to wait"
    ]


def test_a_phone_whose_clocks_stay_cut_does_not_count() -> None:
    """After the bound, in words."""
    opened = Door(repeat(cut(0.58)), wanted=Gates(wait_s=60.0)).passed()

    assert opened.timed_out == (
        "the device was not ready within 60 s: policy7 is allowed 58% of its highest clock, wanted at least 85%"
    )


def test_cut_clocks_are_not_waited_for_where_heat_is_asked_about_nor_on_a_host() -> None:
    """A host's clocks are others' affair; heat is the question."""
    assert Door([cut(0.5)], wanted=Gates(throttling="keep")).passed().timed_out == ""
    assert Door([cut(0.5)], kind="host").passed().timed_out == ""


def test_what_a_profile_set_is_the_measure_of_cut_clocks() -> None:
    """Pinned at 60 %, a phone at 60 % is whole; once that was seen, 45 % is a quarter too little."""
    offered = Offered("rooted")
    first = Door([cut(0.6)], offered=offered).passed()
    later = Door(repeat(cut(0.45)), offered=offered, wanted=Gates(wait_s=5.0)).passed()

    assert first.timed_out == ""
    assert later.timed_out == (
        "the device was not ready within 5 s: policy7 is allowed 75% of the highest clock seen at a gate, "
        "wanted at least 85%"
    )


# --- load ------------------------------------------------------------------------------------------------


def test_other_programs_are_waited_for_and_the_wait_is_counted() -> None:
    """1.4 of 2 cores are busy, then they are not; no minute of stillness is asked for; ten seconds are no news."""
    busy = replace(COOL, busy_cores=1.4)
    door, longer = Door([busy, busy, COOL]), Door([busy, busy, busy, COOL])

    opened = door.passed()
    longer.passed()

    assert door.journal == ["look", "sleep 5", "look", "sleep 5", "look"]
    assert (opened.waited_s, opened.load_waited_s, opened.flags) == (10.0, 10.0, ())
    assert (door.told, longer.told) == (
        [],
        ["waiting: 1.4 of 2 cores are busy with something else, wanted at most 1.0; 110 s left to wait"],
    )


def test_looks_take_time_too() -> None:
    """Naps of half a second between looks of two: what may be waited is spent after four of both, not after 20."""
    busy = replace(COOL, busy_cores=1.4)
    door = Door(repeat(busy), wanted=Gates(poll_s=0.5), load_left_s=10.0, look_s=2.0)

    opened = door.passed()

    assert opened.load_waited_s == opened.waited_s == 10.0
    assert door.journal.count("look") == 5


def test_what_is_left_of_a_runs_patience_with_load_is_not_exceeded() -> None:
    """Then the trial counts, with a flag; with nothing left it begins at once. Stolen time is load too."""
    busy = replace(COOL, busy_cores=0.6, stolen_cores=0.6)
    door = Door(repeat(busy), load_left_s=7.0)

    opened = door.passed()

    assert door.journal == ["look", "sleep 5", "look", "sleep 2", "look"]
    assert (opened.load_waited_s, opened.flags, opened.timed_out) == (7.0, ("busy",), "")
    assert Door([busy], load_left_s=0.0).passed().flags == ("busy",)


def test_waiting_for_a_phone_to_cool_costs_no_patience_with_load() -> None:
    """Both at once: it cools, and only what is left afterwards counts as waiting for load."""
    hot_and_busy = replace(COOL, busy_cores=2.0, thermal_status=1)
    door = Door([*[hot_and_busy] * 3, replace(COOL, busy_cores=2.0), COOL])

    opened = door.passed()

    assert (opened.waited_s, opened.load_waited_s) == (20.0, 5.0)


# --- no sensors ------------------------------------------------------------------------------------------


def test_a_phone_without_sensors_rests_between_trials_and_says_so() -> None:
    """Ten minutes less what has passed since the last trial; told each minute, and the trial is flagged."""
    door = Door(repeat(BARE), idle=None, rested_s=480.0)

    opened = door.passed()

    assert opened.waited_s == 120.0
    assert door.journal == ["look", *["sleep 5", "look"] * 24]
    assert door.told == [
        "resting: neither case nor chip can be read, so it is given time to cool; 120 s left to wait",
        "resting: neither case nor chip can be read, so it is given time to cool; 60 s left to wait",
    ]
    assert (opened.flags, opened.timed_out, opened.load_waited_s) == (("ungated",), "", 0.0)
    assert Door([BARE], idle=None, rested_s=600.0).passed().waited_s == 0.0


def test_a_phone_that_tells_only_its_batterys_temperature_rests_too() -> None:
    """The battery lags the chip by minutes; its own rule is kept, and waited for before the rest."""
    battery = replace(BARE, celsius={"battery": 30.0})
    hot = replace(BARE, celsius={"battery": 35.5})

    opened = Door(repeat(battery), idle=None, rested_s=480.0).passed()
    too_hot = Door(repeat(hot), idle=None, wanted=Gates(wait_s=300.0)).passed()

    assert (opened.waited_s, opened.flags, opened.timed_out) == (120.0, ("ungated",), "")
    assert "the battery reads 35.5 °C, wanted at most 35.0 °C" in too_hot.timed_out


@pytest.mark.parametrize("kind", ["host", "virtual"])
def test_a_host_or_virtual_device_without_sensors_does_not_rest(kind: DeviceKind) -> None:
    """One flag on the trial, and not a word."""
    door = Door([BARE], kind=kind, idle=None)

    assert door.passed().flags == ("ungated",)
    assert (door.journal, door.told) == (["look"], [])


def test_a_hosts_chip_is_not_left_to_cool() -> None:
    """It follows every program within seconds; that temperature was no condition is said by the flag."""
    hot = replace(COOL, celsius={"cpu-thermal": 71.0, "battery": 38.0}, powered=None)
    door = Door([hot], kind="host")

    assert (door.passed().flags, door.told) == (("ungated",), [])


# --- sensors that vanish, freeze, lie --------------------------------------------------------------------


def test_a_sensor_that_vanishes_while_too_warm_ends_the_waiting() -> None:
    """Three looks without a reading: nobody can know any more, and the words say what it said last, and why."""
    lost = replace(COOL, celsius={"battery": 27.0, "soc_max": 32.0}, missing={"vtskin-max": "may not be read"})
    door = Door([warm(38.0), lost, lost, lost])

    opened = door.passed()

    assert door.journal == ["look", *["sleep 5", "look"] * 3]
    assert opened.timed_out == (
        "whether the device had cooled cannot be known: the skin sensor gives no reading any more "
        "(may not be read), 3 looks in a row; before, vtskin-max reads 38.0 °C, wanted at most 28.0 °C "
        "(2 above the 26.0 °C it has at rest)"
    )
    assert SENSOR_GONE in opened.flags


def test_a_sensor_that_comes_back_is_gated_by_again() -> None:
    """Two looks without it are patience."""
    lost = replace(COOL, celsius={"soc_max": 32.0, "battery": 27.0})
    door = Door([replace(COOL, busy_cores=2.0), lost, lost, COOL])

    opened = door.passed()

    assert door.journal == ["look", *["sleep 5", "look"] * 3]
    assert (opened.flags, opened.timed_out) == ((), "")


def test_a_sensor_that_was_there_other_days_is_missed() -> None:
    """It is looked for three times; then the others decide, and the trial is flagged."""
    lost = replace(COOL, celsius={"soc_max": 32.0, "battery": 27.0})
    door = Door([lost] * 3)

    opened = door.passed()

    assert door.journal == ["look", "sleep 5", "look", "sleep 5", "look"]
    assert (opened.flags, opened.timed_out) == ((SENSOR_GONE,), "")


def test_all_sensors_gone_is_no_sensor_at_all() -> None:
    """A phone whose every sensor is refused from one day to the next rests, and both flags say so."""
    door = Door(repeat(BARE), wanted=Gates(pause_s=20.0))

    opened = door.passed()

    assert opened.waited_s == 20.0
    assert opened.flags == ("ungated", SENSOR_GONE)


@pytest.mark.parametrize("said", [-274.0, float("nan"), float("inf")])
def test_what_no_phone_can_be_is_no_reading(said: float) -> None:
    """Minus 274 degC opens no gate."""
    door = Door([warm(38.0), *[warm(said)] * 3])

    assert "gives no reading any more, 3 looks in a row" in door.passed().timed_out


def test_a_sensor_that_stands_still_while_the_chip_cools_is_flagged() -> None:
    """Its neighbours fell by 2 degC and more in a minute: what it says may be old. It is not called false."""
    chips = ("cpu-big-core7-0", "apu-a0", "soc_max", "cpu-dsu0")

    def look(n: int) -> Vitals:
        falling = {name: max(31.0, 44.0 - 0.2 * n) for name in chips}
        return replace(COOL, celsius={**COOL.celsius, **falling, "apu-b0": 32.0}, thermal_status=int(n < 40))

    opened = Door(look(n) for n in range(400)).passed()

    assert SENSOR_STILL in opened.flags
    assert opened.timed_out == ""


def test_faked_values_are_refused_with_what_undoes_them() -> None:
    """An override makes every later word worthless."""
    faked = replace(COOL, missing={"thermal status": "it is faked: `cmd thermalservice reset`"})
    with pytest.raises(DeviceRefused, match=r"fake: wanted its sensors' own .* `cmd thermalservice reset`\)"):
        Door([faked]).passed()


# --- clocks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-3600.0, -20.0, 3600.0])
def test_a_device_whose_clock_jumps_must_hold_still_for_a_minute_all_the_same(jump: float) -> None:
    """What lies before a step back is not used; a leap forward is a long time in which it cooled."""
    door = Door(
        chain([warm(31.0)], repeat(warm(27.0))),
        device_clock=lambda seconds: 9000.0 + seconds + (jump if seconds > 30 else 0.0),
    )

    opened = door.passed()

    assert opened.timed_out == ""
    assert opened.waited_s == (95.0 if jump < 0 else 35.0)


@pytest.mark.parametrize("clock", [lambda seconds: 5.0, lambda seconds: math.nan])
def test_a_device_whose_clock_stands_still_is_given_up_at_the_bound(clock: Callable[[float], float]) -> None:
    """How fast it changes cannot be known then: the words say that no time passed."""
    door = Door(chain([warm(31.0)], repeat(warm(27.0))), wanted=Gates(wait_s=90.0), device_clock=clock)

    opened = door.passed()

    assert opened.waited_s == 90.0
    assert "vtskin-max was watched for 0 s of the 60 s that it must hold still" in opened.timed_out


class Backwards(FakeClock):
    """A lab's clock that goes back an hour at each look at it."""

    def monotonic(self) -> float:
        """Less than before."""
        self.seconds -= 3600.0
        return self.seconds


def test_a_lab_whose_clock_goes_back_does_not_wait_for_ever() -> None:
    """Every nap counts at least as long as it was."""
    door = Door(repeat(warm(40.0)), clock=Backwards(), wanted=Gates(wait_s=60.0))

    assert door.passed().waited_s == 60.0


def test_a_scenario_that_never_waits_is_looked_at_once() -> None:
    """Heat is what it asks about: nothing is refused, and what was seen is kept."""
    door = Door([warm(41.0)], idle=None, wanted=Gates(start="never"))

    opened = door.passed()

    assert (door.journal, door.told) == (["look"], [])
    assert (opened.flags, opened.timed_out) == ((), "")
    assert opened.vitals.celsius["vtskin-max"] == 41.0


# --- anything at all -------------------------------------------------------------------------------------

ANY = st.floats(allow_nan=True, allow_infinity=True)
NAMES = st.sampled_from(["vtskin-max", "vtskin1", "SKIN", "soc_max", "cpu-big-core7-0", "apu-a0", "battery", "x"])
VITALS = st.builds(
    Vitals,
    boot_s=ANY,
    celsius=st.dictionaries(NAMES, ANY | st.floats(20, 50)),
    caps=st.dictionaries(st.sampled_from(["policy0", "policy7"]), ANY),
    cooling=st.dictionaries(st.sampled_from(["cpufreq-cpu0", "devfreq-x.mali", "lcd"]), st.integers()),
    thermal_status=st.none() | st.integers(),
    battery_level=st.none() | ANY,
    powered=st.none() | st.booleans(),
    busy_cores=st.none() | ANY,
    stolen_cores=st.none() | ANY,
    missing=st.dictionaries(NAMES, st.text(max_size=5)),
)
IDLE = st.none() | st.builds(Idle, st.none() | st.floats(-40, 150), st.none() | st.floats(-40, 150))


@settings(max_examples=300)
@given(looks=st.lists(VITALS, max_size=8), idle=IDLE, cores=st.integers(0, 8), seconds=st.floats(0, 100))
def test_no_sequence_of_looks_breaks_the_decision(
    looks: Sequence[Vitals], idle: Idle | None, cores: int, seconds: float
) -> None:
    """Whatever sensors say: a decision, whose kind and words agree."""
    found = decide(looks, WANTED, idle, cores, slope=Slope(0.2, seconds))

    assert (found.kind == "wait") == bool(found.care or found.load or found.gone)
    assert all(found.care)


def test_the_page_on_measuring_says_what_the_code_says() -> None:
    """Every flag with its sentence, every key of a scenario's gates by name."""
    page = (ROOT / "docs" / "measuring.md").read_text()

    keys = Gates.model_fields.keys() - {"max_gap"}
    assert [flag for flag, words in FLAGS.items() if f"| `{flag}` | {words} |" not in page] == []
    assert [key for key in sorted(keys) if f"`{key}`" not in page and f"`{key} = " not in page] == []


# --- a real virtual phone --------------------------------------------------------------------------------


def test_a_hot_virtual_phone_is_waited_for_until_it_has_cooled(phone: Phone) -> None:
    """Over the real wire, with the heat model's own cooling: 40 degC falls by 0.04 degC a second at first."""
    phone.connect()
    hot = Device(
        identity=DeviceIdentity(phone.name, "virtual", "MT6989", "x", (0,)),
        transport=AdbTransport(Server("127.0.0.1", phone.adb_server), phone.address),
        agent=(),
        environment={},
        scratch=SCRATCH,
    )
    phone.fault("heat", 40.0)
    wanted = Gates(poll_s=0.5, wait_s=120.0, battery_celsius_most=39.8, thermal_status_most=6, throttling="keep")
    looks: list[Vitals] = []

    opened = wait(
        hot,
        wanted,
        idle=None,
        look=senses.look,
        clock=RealClock(),
        sleep=time.sleep,
        load_left_s=0.0,
        record=looks.append,
        slope=Slope(celsius_per_minute=5.0, seconds=2.0),  # it cools by 2.8 degC a minute
    )

    battery = [look.celsius["battery"] for look in looks]
    assert opened.timed_out == ""
    assert battery[0] > 39.8
    assert battery[-1] <= 39.8
    assert battery == sorted(battery, reverse=True)
    assert looks[-1].boot_s - looks[0].boot_s >= 2.0


class RealClock:
    """The clock of this machine."""

    def monotonic(self) -> float:
        """Seconds."""
        return time.monotonic()

    def utc(self) -> str:
        """Not asked for."""
        raise NotImplementedError
