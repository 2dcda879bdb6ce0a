"""Readings of sensors as curves over the time of the agent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.records import Vitals
from lab.report.readings import MOST, GateLook, gate_looks, readings_of
from lab.store.events import Clocks
from tests.lab.report.report_runs import fine, kept_of

CLOCKS = Clocks(monotonic_ns=4_000_000_000, boot_ns=104_000_000_000)
"""The agent began 104 s after the boot; its own clock then showed 4 s."""


def test_times_count_from_the_agents_hello() -> None:
    """The gate was read before it, so its time is negative."""
    (one,) = kept_of(fine(1)[:1])
    gate, during = Vitals(103.0, {"battery": 30.0}, caps={"policy0": 1.0}), Vitals(105.5, {"battery": 31.0})

    heat, caps = readings_of(replace(one, gate=(gate,), during=(during,)), CLOCKS)

    assert (heat.title, heat.curves) == ("temperature, °C", {"battery": ((-1.0, 30.0), (1.5, 31.0))})
    assert (caps.title, caps.curves) == ("clock allowed, % of the top", {"policy0": ((-1.0, 100.0),)})


def test_without_the_agents_clocks_times_count_from_the_first_reading() -> None:
    """Its events are lost: the curves are still worth a look."""
    (one,) = kept_of(fine(1)[:1])
    during = (Vitals(7.0, busy_cores=0.5), Vitals(8.0, busy_cores=1.5))

    (load,) = readings_of(replace(one, during=during), None)

    assert load.curves == {"everything": ((0.0, 0.5), (1.0, 1.5))}


def test_of_many_sensors_those_that_moved_are_told() -> None:
    """The battery comes first, however still it is; how many were left out is known."""
    (one,) = kept_of(fine(1)[:1])
    zones = {f"zone{n}": 40.0 for n in range(20)}
    during = (Vitals(1.0, {**zones, "battery": 30.0}), Vitals(2.0, {**zones, "battery": 30.0, "zone7": 49.0}))

    (heat,) = readings_of(replace(one, during=during), None)

    assert list(heat.curves)[:2] == ["battery", "zone7"]
    assert (len(heat.curves), heat.left_out) == (MOST, 21 - MOST)


def test_no_reading_gives_no_curve() -> None:
    """A host without sensors."""
    (one,) = kept_of(fine(1)[:1])

    assert readings_of(one, CLOCKS) == ()
    assert readings_of(replace(one, gate=(Vitals(1.0),)), CLOCKS) == pytest.approx(())


def test_the_gate_log_says_what_each_look_saw() -> None:
    """Until the one that opened it; the lowest clock allowed stands for all."""
    (one,) = kept_of(fine(1)[:1])
    first = Vitals(10.0, {"battery": 41.0}, caps={"policy0": 1.0, "policy4": 0.5}, missing={"skin": "refused"})
    found = gate_looks(replace(one, gate=(first, Vitals(40.0, {"battery": 33.0}, battery_level=80.0))))

    assert found == (
        GateLook(30.0, 41.0, None, None, 50.0, None, None, "skin: refused"),
        GateLook(0.0, 33.0, None, None, None, None, 80.0, ""),
    )
    assert gate_looks(one) == ()
