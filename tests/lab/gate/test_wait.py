"""The gate: how long it waits, when it looks and what it says, as journals of looks and sleeps, and on a phone."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import chain, repeat

import pytest

from lab.device.adb.transport import AdbTransport, Server
from lab.device.fake.phone import FakeClock
from lab.device.lease import SCRATCH
from lab.device.transport import Device
from lab.device.vitals.look import look, with_battery
from lab.errors import DeviceRefused
from lab.gate.ready import Slope
from lab.gate.wait import wait
from lab.records import FLAGS, IDLE_UNKNOWN, SENSOR_STILL, DeviceIdentity, DeviceKind, Vitals
from lab.scenario.plan import Gates
from tests.farm_phones import Phone
from tests.lab.gate.door import BARE, COOL, Door, warm
from tests.lab_process import ROOT


def test_a_cool_quiet_phone_is_let_in_at_the_first_look() -> None:
    """No sleep, no message, no flag."""
    door = Door([COOL])

    opened = door.passed()

    assert door.journal == ["look"]
    assert door.told == []
    assert (opened.flags, opened.timed_out, opened.waited_s) == ((), "", 0.0)


def test_a_hot_phone_is_looked_at_until_it_has_cooled_and_holds_still() -> None:
    """Its limit is 28.0; below it the change over a minute of looks must be less than 0.2 degC."""
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


def test_a_phone_that_never_cools_is_measured_and_does_not_count() -> None:
    """After the time limit the trial may run; the message gives sensor, reading and limit; it never moved."""
    door = Door(repeat(warm(41.2)), wanted=Gates(wait_s=300.0))

    opened = door.passed()

    assert opened.waited_s == 300.0
    assert opened.timed_out == (
        "the device was not ready within 300 s: vtskin-max reads 41.2 °C, wanted at most 28.0 °C "
        "(2 above the 26.0 °C it has at rest), the same at each of 61 looks"
    )


def test_an_empty_phone_that_nothing_charges_is_refused() -> None:
    """Waiting and work only empty it further; without a gate the user decides."""
    low = replace(warm(31.4), battery_level=19.0, powered=False)
    door = Door([low])

    with pytest.raises(DeviceRefused, match="at 19 %, wanted at least 20 %, and nothing charges it: plug it in"):
        door.passed()

    assert door.journal == ["look"]
    assert Door([low], wanted=Gates(start="never")).passed().timed_out == ""


def test_a_device_without_a_battery_is_neither_waited_for_nor_refused() -> None:
    """Android prints a charge of 0 for it, and no charger where it is fed by its pins."""
    said = (
        "Current Battery Service state:\n  AC powered: false\n  USB powered: false\n  present: false\n"
        "  level: 0\n  scale: 100\n  voltage: 0\n  temperature: 0\n"
    )
    bare = replace(COOL, celsius={"vtskin-max": 27.0, "soc_max": 32.0}, battery_level=None, powered=None)
    door = Door([with_battery(bare, said)])

    opened = door.passed()

    assert door.journal == ["look"]
    assert (opened.flags, opened.timed_out) == ((), "")


def test_a_battery_in_an_unknown_unit_neither_opens_the_gate_nor_closes_it() -> None:
    """47 whole degrees are no 4.7; the case decides."""
    said = "Current Battery Service state:\n  USB powered: true\n  level: 88\n  scale: 100\n  temperature: 47\n"
    bare = replace(COOL, celsius={"vtskin-max": 31.0, "soc_max": 32.0})
    door = Door(repeat(with_battery(bare, said)), wanted=Gates(wait_s=4.0))

    assert door.passed().timed_out.startswith("the device was not ready within 4 s: vtskin-max reads 31.0 °C")
    assert Door([with_battery(COOL, said)]).passed().timed_out == ""


def test_an_empty_phone_that_may_be_charging_must_wait() -> None:
    """It may be charging."""
    door = Door(repeat(replace(COOL, battery_level=19.0, powered=None)), wanted=Gates(wait_s=4.0))

    assert (door.passed().waited_s, door.journal) == (4.0, ["look", "sleep 4", "look"])


def test_a_device_whose_idle_temperature_is_unknown_is_let_in_and_flagged() -> None:
    """The absolute limits hold; this look becomes the reference, and a message and a flag say so."""
    door = Door([warm(34.0)], idle=None)

    opened = door.passed()

    assert door.journal == ["look"]
    assert opened.flags == (IDLE_UNKNOWN,)
    assert door.told == [
        "its idle temperature is not known yet; this look becomes the reference: skin 34.0 °C, chip 32.0 °C"
    ]
    hot = replace(COOL, celsius={**COOL.celsius, "battery": 36.0})
    assert Door(repeat(hot), idle=None, wanted=Gates(wait_s=0.0)).passed().timed_out


def test_the_wait_for_other_programs_is_counted() -> None:
    """1.4 of 2 cores are busy for 10 s, which is not worth a message; the device need not hold still."""
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
    """With sleeps of 0.5 s and looks of 2 s, a limit of 10 s is reached after four of both, not after 20."""
    busy = replace(COOL, busy_cores=1.4)
    door = Door(repeat(busy), wanted=Gates(poll_s=0.5), load_left_s=10.0, look_s=2.0)

    opened = door.passed()

    assert opened.load_waited_s == opened.waited_s == 10.0
    assert door.journal.count("look") == 5


def test_what_is_left_of_a_runs_patience_with_load_is_not_exceeded() -> None:
    """Then the trial counts, with a flag; with nothing left it starts at once. Stolen time is load too."""
    busy = replace(COOL, busy_cores=0.6, stolen_cores=0.6)
    door = Door(repeat(busy), load_left_s=7.0)

    opened = door.passed()

    assert door.journal == ["look", "sleep 5", "look", "sleep 2", "look"]
    assert (opened.load_waited_s, opened.flags, opened.timed_out) == (7.0, ("busy",), "")
    assert Door([busy], load_left_s=0.0).passed().flags == ("busy",)


def test_waiting_for_a_phone_to_cool_costs_no_patience_with_load() -> None:
    """The phone is hot and busy: only the wait after it has cooled counts as waiting for load."""
    hot_and_busy = replace(COOL, busy_cores=2.0, thermal_status=1)
    door = Door([*[hot_and_busy] * 3, replace(COOL, busy_cores=2.0), COOL])

    opened = door.passed()

    assert (opened.waited_s, opened.load_waited_s) == (20.0, 5.0)


def test_a_phone_without_sensors_rests_between_trials_and_says_so() -> None:
    """Ten minutes minus the time since the last trial; a message each minute, and a flag on the trial."""
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
    """The battery lags the chip by minutes; its own rule still holds, and comes before the rest."""
    battery = replace(BARE, celsius={"battery": 30.0})
    hot = replace(BARE, celsius={"battery": 35.5})

    opened = Door(repeat(battery), idle=None, rested_s=480.0).passed()
    too_hot = Door(repeat(hot), idle=None, wanted=Gates(wait_s=300.0)).passed()

    assert (opened.waited_s, opened.flags, opened.timed_out) == (120.0, ("ungated",), "")
    assert "the battery reads 35.5 °C, wanted at most 35.0 °C" in too_hot.timed_out


@pytest.mark.parametrize("kind", ["host", "virtual"])
def test_a_host_or_virtual_device_without_sensors_does_not_rest(kind: DeviceKind) -> None:
    """The trial gets a flag, and there is no message."""
    door = Door([BARE], kind=kind, idle=None)

    assert door.passed().flags == ("ungated",)
    assert (door.journal, door.told) == (["look"], [])


def test_a_hosts_chip_is_not_left_to_cool() -> None:
    """It follows every program within seconds; the flag says that temperature was no condition."""
    hot = replace(COOL, celsius={"cpu-thermal": 71.0, "battery": 38.0}, powered=None)
    door = Door([hot], kind="host")

    assert (door.passed().flags, door.told) == (("ungated",), [])


def test_a_sensor_that_stands_still_while_the_chip_cools_is_flagged() -> None:
    """Its neighbours fell by 2 degC and more in a minute: its reading may be old, and is not called wrong."""
    chips = ("cpu-big-core7-0", "apu-a0", "soc_max", "cpu-dsu0")

    def look(n: int) -> Vitals:
        falling = {name: max(31.0, 44.0 - 0.2 * n) for name in chips}
        return replace(COOL, celsius={**COOL.celsius, **falling, "apu-b0": 32.0}, thermal_status=int(n < 40))

    opened = Door(look(n) for n in range(400)).passed()

    assert SENSOR_STILL in opened.flags
    assert opened.timed_out == ""


def test_faked_values_are_refused_with_what_undoes_them() -> None:
    """An override makes every later reading worthless."""
    faked = replace(COOL, missing={"thermal status": "it is faked: `cmd thermalservice reset`"})
    with pytest.raises(DeviceRefused, match=r"fake: wanted its sensors' own .* `cmd thermalservice reset`\)"):
        Door([faked]).passed()


class Backwards(FakeClock):
    """A clock of the lab that goes back an hour at each call."""

    def monotonic(self) -> float:
        """Return less than before."""
        self.seconds -= 3600.0
        return self.seconds


def test_a_lab_whose_clock_goes_back_does_not_wait_for_ever() -> None:
    """Every sleep counts for at least its own length."""
    door = Door(repeat(warm(40.0)), clock=Backwards(), wanted=Gates(wait_s=60.0))

    assert door.passed().waited_s == 60.0


def test_a_scenario_that_never_waits_is_looked_at_once() -> None:
    """It asks about heat: nothing is refused, and the look is kept."""
    door = Door([warm(41.0)], idle=None, wanted=Gates(start="never"))

    opened = door.passed()

    assert (door.journal, door.told) == (["look"], [])
    assert (opened.flags, opened.timed_out) == ((), "")
    assert opened.vitals.celsius["vtskin-max"] == 41.0


def test_the_page_on_measuring_says_what_the_code_says() -> None:
    """Every flag with its sentence, every key of a scenario's gates by name."""
    page = (ROOT / "docs" / "measuring.md").read_text()

    keys = Gates.model_fields.keys() - {"max_gap"}
    assert [flag for flag, words in FLAGS.items() if f"| `{flag}` | {words} |" not in page] == []
    assert [key for key in sorted(keys) if f"`{key}`" not in page and f"`{key} = " not in page] == []


def test_a_hot_virtual_phone_must_cool_first(phone: Phone) -> None:
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
        look=look,
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
        """Return seconds."""
        return time.monotonic()

    def utc(self) -> str:
        """Fail: the gate has no use for it."""
        raise NotImplementedError
