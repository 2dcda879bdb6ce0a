"""The meaning of vitals together: warmest places, frozen sensors, clocks that jump."""

from __future__ import annotations

from dataclasses import replace

from device_agents.contract import Hello
from lab.device.vitals.meaning import aligned, battery, frozen, jumps, skin, soc
from lab.records import Vitals


def test_the_warmest_place_of_skin_and_chip_counts() -> None:
    """From zones, or from Android's thermal service where there are none; None where neither says."""
    found = Vitals(0, celsius={"vtskin1": 31.0, "vtskin-max": 32.0, "SKIN": 40.0, "cpu-big": 50.0, "apu-a0": 51.0})
    assert (skin(found), soc(found), battery(found)) == (32.0, 51.0, None)

    served = Vitals(0, celsius={"SKIN": 33.0, "CPU": 55.0, "NPU": 54.0, "GPU": 99.0, "battery": 30.0})
    assert (skin(served), soc(served), battery(served)) == (33.0, 55.0, 30.0)
    assert (skin(Vitals(0)), soc(Vitals(0))) == (None, None)


def test_readings_are_placed_on_the_clock_of_the_spans() -> None:
    """The agent's hello reads both clocks together: here the device slept for two seconds before it."""
    hello = Hello.model_validate(
        {
            "protocol": 1,
            "agent": "a",
            "agent_version": "1",
            "runtime": "r",
            "runtime_version": "1",
            "abi": "arm64",
            "cpu_features": [],
            "units": {},
            "pid": 1,
            "monotonic_ns": 98_000_000_000,
            "boot_ns": 100_000_000_000,
            "real_ns": 1,
        }
    )
    assert aligned([Vitals(100.25), Vitals(101.5)], hello) == [
        (98_250_000_000, Vitals(100.25)),
        (99_500_000_000, Vitals(101.5)),
    ]


def heating(seconds: int, stuck: tuple[str, ...] = (), rise: float = 0.1) -> list[Vitals]:
    """A device that warms evenly, with sensors that stand still."""
    names = ("battery", "vtskin1", "vtskin2", "cpu0", "cpu1", "apu-a0")
    return [
        Vitals(float(n), celsius={name: 30.0 if name in stuck else 30.0 + rise * n for name in names})
        for n in range(seconds)
    ]


def test_a_sensor_that_stands_still_while_its_neighbours_move_is_frozen() -> None:
    """It is named, whether of the chip or of the case."""
    assert frozen(heating(90, ("cpu1", "battery"))) == ("battery", "cpu1")
    assert frozen(heating(90)) == ()


def test_nothing_is_called_frozen_where_nobody_can_tell() -> None:
    """A short stretch, a device at rest, or no neighbours to compare with."""
    assert frozen(heating(50, ("cpu1",))) == ()
    assert frozen(heating(90, ("cpu1",), rise=0.01)) == ()
    alone = [replace(each, celsius={"cpu0": each.celsius["cpu0"], "cpu1": 30.0}) for each in heating(90)]
    assert frozen(alone) == ()
    assert frozen([]) == ()


def test_clocks_that_jump_are_reported_with_their_place() -> None:
    """Back, or far ahead; a slightly longer second is neither."""
    told = jumps([Vitals(10.0), Vitals(11.3), Vitals(9.3), Vitals(10.3), Vitals(70.3)])
    assert told == (
        "after 11.30 s since boot the boot clock went back by 2.00 s",
        "after 10.30 s since boot there is no reading for 60 s: the clock leapt, or all stood still",
    )
    assert jumps([]) == jumps([Vitals(1.0), Vitals(3.0)]) == ()


def test_what_is_no_temperature_never_stands_still() -> None:
    """Files of older labs hold a battery's volts and amperes as degrees; their types tell."""
    kinds = {"vbat": 6, "ibat": 7, "socd": 8, "cpu0": 0, "cpu1": 0, "apu0": 9}
    looks = [
        Vitals(
            10.0 * i,
            celsius={
                "vbat": 14.375,
                "ibat": 120.0,
                "socd": 88.0,
                "cpu0": 60.0 - i,
                "cpu1": 61.0 - i,
                "apu0": 62.0 - i,
            },
            hal_kinds=kinds,
        )
        for i in range(8)
    ]
    assert frozen(looks) == ()
    assert frozen([replace(look, hal_kinds={}) for look in looks]) == ("ibat", "socd", "vbat")
