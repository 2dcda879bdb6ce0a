"""There is a figure where the battery supplied the energy and the counter moved enough; otherwise a reason."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.device.vitals.lines import write
from lab.records import Trial, Vitals
from lab.report.evidence import evidence_of
from lab.report.explain.device import energy_words
from lab.trial.energy import energy

QUANTUM_UAH = 500.0


def discharge(
    seconds: int = 600,
    *,
    watts: float = 3.6,
    voltage_mv: float = 4000.0,
    quantum_uah: float = QUANTUM_UAH,
    full_uah: float = 4_000_000.0,
) -> list[Vitals]:
    """Return looks at 1 Hz of an unplugged phone that uses `watts`; its counter shows whole steps only."""
    amperes = watts / (voltage_mv / 1000)
    per_second = amperes * 1e6 / 3600  # uAh
    return [
        Vitals(
            boot_s=1000.0 + second,
            charge_uah=full_uah - math.floor(per_second * second / quantum_uah) * quantum_uah,
            voltage_mv=voltage_mv,
            powered=False,
        )
        for second in range(seconds + 1)
    ]


def test_the_fall_of_the_counter_times_the_voltage_is_the_energy() -> None:
    """900 mA at 4 V for 600 s are 150 mAh = 540 C = 2160 J; a step of 0.5 mAh is 7.2 J."""
    found = energy(discharge())

    assert found.joules == pytest.approx(2160.0)
    assert found.plus_minus_j == pytest.approx(7.2)
    assert found.words == "2,160 J +- 7.2 J in 600 s, the idle device included"
    assert list(found.per(100) or ()) == pytest.approx([21.6, 0.072])


def test_idle_power_is_subtracted() -> None:
    """Of 3.6 W the idle device uses 1.1 W: 2.5 W x 600 s are left."""
    found = energy(discharge(), idle_w=1.1)

    assert found.joules == pytest.approx(1500.0)
    assert found.words.endswith("1.1 W of an idle device subtracted")


def test_a_voltage_that_sinks_is_followed() -> None:
    """Half the charge at 4.2 V, half at 3.8 V: the mean of both counts."""
    looks = discharge()
    sinking = [replace(look, voltage_mv=4200.0 if at <= 300 else 3800.0) for at, look in enumerate(looks)]

    assert energy(sinking).joules == pytest.approx(2160.0, rel=0.005)


@pytest.mark.parametrize("place", [0, 1])
def test_a_phone_that_was_plugged_in_just_before_or_after_gives_no_figure(place: int) -> None:
    """Android's service, asked at the gate and after the trial, knew what the sampled supplies do not show."""
    around = [Vitals(990.0, powered=False), Vitals(1700.0, powered=None)]
    assert energy(discharge(), around=around).joules == pytest.approx(2160.0)

    around[place] = replace(around[place], powered=True)

    assert energy(discharge(), around=around).words.startswith("n/a: plugged in just before or after")


def test_an_answers_energy_is_asked_of_the_looks_around_a_trial_too(tmp_path: Path) -> None:
    """The look after a trial is stored with it, and read back."""
    (tmp_path / "vitals.jsonl").write_text("".join(map(write, discharge())))
    trial = Trial(1, 0, "x", valid=True, reason=None, detail="", started_utc="", wall_s=600.0, samples={})
    assert energy_words([evidence_of(trial, tmp_path)])[0].startswith("energy: 2,160 J")

    (tmp_path / "after.jsonl").write_text(write(Vitals(1700.0, powered=True)))

    (words,) = energy_words([evidence_of(trial, tmp_path)])
    assert words.startswith("energy: n/a: plugged in just before or after")


def changed(**update: object) -> Callable[[Vitals], Vitals]:
    """Change every look."""
    return lambda look: replace(look, **update)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed(powered=True), "plugged in, so the charger supplied energy"),
        (changed(powered=None), "does not say whether it is plugged in"),
        (changed(charge_uah=None), "shows no battery charge"),
        (
            changed(charge_uah=None, missing={"battery charge": "permission denied"}),
            "shows no battery charge (permission denied)",
        ),
        (changed(voltage_mv=None), "shows no battery voltage"),
        (changed(charge_uah=4000.0), "the battery charge reads 4000 uAh, impossible for a phone"),  # mAh
        (changed(voltage_mv=4_000_000.0), "the battery voltage reads 4e+06 mV, impossible for a phone"),  # uV
        (changed(voltage_mv=math.nan), "the battery voltage reads nan mV"),
        (changed(charge_uah=3_000_000.0), "the charge counter did not move for 600 s"),
    ],
)
def test_a_device_that_cannot_tell_says_why(change: Callable[[Vitals], Vitals], words: str) -> None:
    """A charger, a missing reading or another unit gives a reason instead of a figure."""
    found = energy([change(look) for look in discharge()])

    assert (found.joules, found.plus_minus_j, found.per(10)) == (None, None, None)
    assert found.words.startswith("n/a: ")
    assert words in found.why


def test_one_look_at_a_charger_is_enough() -> None:
    """The cable was in for a second: nobody knows how much it supplied."""
    looks = discharge()
    looks[300] = replace(looks[300], powered=True)

    assert "plugged in" in energy(looks).why


def test_a_counter_that_rises_was_charged() -> None:
    """Whatever charged the battery, the counter's fall is not the energy used."""
    looks = discharge()
    looks[-1] = replace(looks[-1], charge_uah=looks[-2].charge_uah or 0.0)
    looks[400] = replace(looks[400], charge_uah=4_000_000.0)

    assert "the charge counter rose" in energy(looks).why


@pytest.mark.parametrize(("seconds", "told"), [(299, False), (300, True)])
def test_less_than_five_minutes_give_no_figure(seconds: int, told: bool) -> None:
    """The counter averages over seconds or minutes, depending on the vendor."""
    found = energy(discharge(seconds))

    assert (found.joules is not None) == told
    assert told or "299 s; wanted at least 300 s" in found.why


@pytest.mark.parametrize(("quantum_uah", "told"), [(7500.0, True), (7895.0, False)])
def test_fewer_than_twenty_steps_of_the_counter_give_no_figure(quantum_uah: float, told: bool) -> None:
    """150 mAh are 20 steps of 7.5 mAh, and 19 of slightly larger ones."""
    found = energy(discharge(quantum_uah=quantum_uah))

    assert (found.joules is not None) == told
    assert told or "fell by 18 of its steps of 7895 uAh; wanted 20" in found.why


def test_less_than_idle_is_no_energy() -> None:
    """Idle power was then measured at another screen brightness, or with another radio."""
    assert "less than the 6,000 J that the idle device uses" in energy(discharge(), idle_w=10.0).why


def test_a_clock_that_goes_back_is_no_time() -> None:
    """A reboot restarts the clock."""
    looks = discharge()
    looks[300] = replace(looks[300], boot_s=5.0)

    assert "the device's clock went back" in energy(looks).why


def test_nothing_gives_nothing() -> None:
    """No look or one look gives a reason, not a division by zero."""
    assert energy([]).words.startswith("n/a: sampled for 0 s")
    assert energy(discharge(0)).words.startswith("n/a: sampled for 0 s")


@given(st.floats(0.5, 12.0), st.floats(3000, 4400), st.floats(100, 2000))
def test_the_stated_error_covers_the_true_energy(watts: float, voltage_mv: float, quantum_uah: float) -> None:
    """Whatever the load, the voltage and the counter's step, the figure is off by one step at most."""
    found = energy(discharge(600, watts=watts, voltage_mv=voltage_mv, quantum_uah=quantum_uah))

    if found.joules is None or found.plus_minus_j is None:
        assert "of its steps" in found.why or "stood still" in found.why
    else:
        assert abs(found.joules - watts * 600) <= found.plus_minus_j * 1.0001
