"""Bad input to the gates and to what watches a trial, through the command `lab`: a real adbd, the native agent.

A virtual phone is made hot, or one of its sensors made to lie; the tests check what a person has afterwards: exit
status, messages, and trials on disk. docs/measuring.md, "Bad input", lists them. No phone has to cool by itself
here (in tests/lab/gate/test_wait.py one does): a command cools it once the lab waits for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lab.device.vitals.lines import read, vitals_of
from lab.gate import idle
from lab.records import Vitals
from tests.farm_phones import Phone
from tests.phone_person import SCRATCH, Meet, Person, decode_scenario, folders, soon

QUIET = "busy_per_core_most = 100\npoll_s = 0.2\n"
"""Gates that ignore load, however busy the machine is."""

REST = Vitals(boot_s=1.0, celsius={"vtskin-max": 27.0, "soc_max": 40.0})
"""The phone's temperatures at rest, as the lab noted them on an earlier day."""

CHIP = "skin_above_idle_most = 100\nbattery_celsius_most = 100\nabort_battery_celsius = 100\n"
"""Gates that go by chip, cooling states and Android: case and battery would have to hold still for a minute."""


@pytest.fixture
def somebody(meet: Meet) -> Callable[[str], Person]:
    """Make a person whose scenario has these gates too, and whose lab knows the phone at rest."""

    def make(gates: str) -> Person:
        person = meet("one", scenario=decode_scenario(iterations=200, gates=QUIET + gates))
        idle.remember(person.folder / "data", person.phone.name, REST)
        return person

    return make


def looks(person: Person, trial: int) -> list[Vitals]:
    """Return the looks at the gate of a trial, so far."""
    found = list((person.folder / "data/runs").glob(f"*/trials/{trial:04d}/gate.jsonl"))
    return list(read(found[0])) if found else []


def waited_for(person: Person, trial: int, least: int = 2) -> None:
    """Wait until a trial's gate has a second look: the lab is waiting there."""
    soon(f"a wait before trial {trial}", lambda: len(looks(person, trial)) >= least)


def sampled(phone: Phone, wanted: Callable[[Vitals], bool]) -> Vitals:
    """Wait until the sampler beside the running trial has read the wanted text."""

    def last() -> Vitals | None:
        (name,) = folders(phone)
        text = phone.file(f"{SCRATCH}/trials/{name}/vitals/vitals.jsonl").read_text()
        found = vitals_of(text[: text.rfind("\n") + 1], "the phone")
        return found[-1] if found and wanted(found[-1]) else None

    found = soon("a reading", last)
    assert found is not None
    return found


def flags(person: Person) -> list[list[str]]:
    """Return the flags of every trial."""
    paths = sorted((person.folder / "data/runs").glob("*/trials/*/trial.json"))
    return [json.loads(path.read_text())["trial"]["flags"] for path in paths]


def explained(person: Person) -> str:
    """Return what `lab explain` says of the newest run."""
    done = person.lab("explain", "last")
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def zones(phone: Phone, said: dict[str, str]) -> Iterator[None]:
    """Give the phone more thermal zones, which say this."""
    made = [phone.file(f"/sys/class/thermal/thermal_zone9{number}") for number in range(len(said))]
    for zone, (name, text) in zip(made, said.items(), strict=True):
        zone.mkdir()
        (zone / "type").write_text(f"{name}\n")
        (zone / "temp").write_text(f"{text}\n")
    try:
        yield
    finally:
        for zone in made:
            for path in zone.iterdir():
                path.unlink()
            zone.rmdir()


# --- heat ------------------------------------------------------------------------------------------------


def test_a_hot_phone_is_waited_for(somebody: Callable[[str], Person]) -> None:
    """The lab says what it waits for; the trial begins once the phone has cooled, and counts."""
    person = somebody(CHIP)
    person.phone.fault("heat", 50)
    ended = person.start()
    waited_for(person, 1)
    assert person.trials() == []
    person.phone.fault("heat", 26)

    done = ended()

    assert done.returncode == 0, done.stderr
    assert "virtual-1: waiting:" in done.words
    assert "wanted at most 45.0 °C (5 above the 40.0 °C it has at rest)" in done.words
    assert "the thermal status is 3, wanted at most 0" in done.words
    assert person.trials() == ["ok"]
    first, *_, last = looks(person, 1)
    assert (first.thermal_status, last.thermal_status) == (3, 0)


def test_a_phone_that_throttles_in_mid_trial_is_rejected_and_shown(somebody: Callable[[str], Person]) -> None:
    """Cooling states rise while Android's own status stays at none. The trial is kept, in no figure."""
    person = somebody(CHIP)

    def warm(pid: int) -> None:
        person.phone.fault("heat", 39)
        sampled(person.phone, lambda seen: seen.cooling.get("cpufreq-cpu7", 0) > 0)

    done = person.run("--blocks", "2", harm={2: warm})

    assert done.returncode == 0, done.stderr
    assert person.trials() == ["ok", "throttled"]
    assert person.iterations(2) == 200
    assert "was throttled (cooling state 1, 0 is none; " in person.details()[2]
    assert "1 of 2 trials is invalid and enters no figure" in " ".join(done.stdout.split())
    words = explained(person)
    assert "Trial 2: invalid, throttled: the device throttled during the trial" in words
    assert "measures throttling on purpose" in words


def test_a_trial_that_heats_the_battery_is_ended(somebody: Callable[[str], Person]) -> None:
    """At 40 degC, to protect the battery: its agent would have gone on. The next trial waits for it to cool."""
    person = somebody(CHIP.replace("abort_battery_celsius = 100", ""))

    def warm(pid: int) -> None:
        person.phone.fault("heat", 42)
        soon("the trial's end", lambda: len(person.trials()) == 1)
        person.phone.fault("heat", 26)

    done = person.run("--blocks", "2", harm={1: warm})

    assert done.returncode == 0, done.stderr
    assert person.trials() == ["throttled", "ok"]
    assert "the battery reached 4" in person.details()[1]
    assert person.iterations(1) < 200
    assert folders(person.phone) == []


def test_where_heat_is_asked_about_a_trial_tells_what_it_was_until_it_is_ended(
    somebody: Callable[[str], Person],
) -> None:
    """The hot battery still ends the trial; its whole iterations count, and a flag says that it was ended."""
    person = somebody(CHIP.replace("abort_battery_celsius = 100", 'throttling = "keep"'))

    def warm(pid: int) -> None:
        person.phone.fault("heat", 42)
        soon("the trial's end", lambda: len(person.trials()) == 1)

    done = person.run("--blocks", "1", harm={1: warm})

    assert done.returncode == 0, done.stderr
    assert person.trials() == ["ok"]
    assert 0 < person.iterations(1) < 200
    assert "the lab ended it early to protect the battery" in " ".join(explained(person).split())


def test_a_phone_that_never_cools_is_measured_and_does_not_count(somebody: Callable[[str], Person]) -> None:
    """After `wait_s` the trial runs anyway, as `gate_timeout`; if no trial counts, the lab has failed."""
    person = somebody(CHIP + "wait_s = 1")
    person.phone.fault("heat", 60)

    done = person.run()

    assert person.trials() == ["gate_timeout"]
    assert person.iterations(1) == 200
    assert "the device was not ready within 1 s: " in person.details()[1]
    assert done.returncode == 2
    assert "its trial does not count" in done.words
    assert "gate_timeout" in done.stdout


# --- sensors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("vanish", "there is no such file"),
        ("nan", "said -274000, which means no reading"),
        ("refuse", "may not be"),
    ],
)
def test_a_sensor_that_goes_while_it_is_waited_for_ends_the_waiting(
    somebody: Callable[[str], Person], mode: str, why: str
) -> None:
    """Its last reading was too warm, and nobody can know whether it still is, so the trial cannot count."""
    person = somebody(CHIP.replace("battery_celsius_most = 100", "battery_celsius_most = 30"))
    person.phone.fault("heat", 36)
    ended = person.start()
    waited_for(person, 1)
    person.phone.fault("sensor", f"battery {mode}")

    assert ended().returncode == 2

    assert person.trials() == ["gate_timeout"]
    said = person.details()[1]
    assert (
        f"whether the device had cooled cannot be known: the battery sensor gives no reading any more ({why}"
        in said
    )


def test_a_sensor_that_goes_while_it_is_cool_is_done_without(somebody: Callable[[str], Person]) -> None:
    """The other sensors decide; the trial counts, and is flagged."""
    person = somebody(CHIP)
    person.phone.fault("heat", 50)
    ended = person.start()
    waited_for(person, 1)
    person.phone.fault("sensor", "battery vanish")
    soon("three looks without it", lambda: [look.battery_level for look in looks(person, 1)][-3:] == [None] * 3)
    person.phone.fault("heat", 26)

    done = ended()

    assert done.returncode == 0, done.stderr
    assert person.trials() == ["ok"]
    assert flags(person) == [["sensor_gone"]]
    assert "no reading of battery" in explained(person)


def test_a_sensor_that_stands_still_above_its_limit_is_told_to_do_so(somebody: Callable[[str], Person]) -> None:
    """It may lie, be frozen, or be right: the message says what was seen."""
    person = somebody(CHIP + "wait_s = 8")
    with zones(person.phone, {"cpu-liar": "95000"}):
        assert person.run().returncode == 2

    assert person.trials() == ["gate_timeout"]
    assert "cpu-liar reads 95.0 °C, wanted at most 45.0 °C" in person.details()[1]
    assert "the same at each of" in person.details()[1]


def test_what_is_no_temperature_is_no_reading_and_costs_no_trial(somebody: Callable[[str], Person]) -> None:
    """Each is reported as missing, with what it said; the chip's other sensors decide."""
    person = somebody(CHIP)
    with zones(person.phone, {"cpu-cold": "-274000", "cpu-hot": "999000", "cpu-none": "NaN", "cpu-zero": "0"}):
        done = person.run()

    assert done.returncode == 0, done.stderr
    assert person.trials() == ["ok"]
    missing = looks(person, 1)[-1].missing
    assert missing["cpu-cold"] == "said -274000, which means no reading"
    assert missing["cpu-none"] == "said 'NaN', which is not a number"
    assert missing.keys() >= {"cpu-hot", "cpu-zero"}
    assert "no reading of cpu-cold: said -274000" in explained(person)


def test_faked_sensors_are_refused_with_what_undoes_them(somebody: Callable[[str], Person]) -> None:
    """Somebody left a setting faked after a trial of their own: status 2, and nothing is measured."""
    person = somebody(CHIP)
    person.phone.shell("dumpsys battery set level 3")
    try:
        done = person.run()
    finally:
        person.phone.shell("dumpsys battery reset")

    assert done.returncode == 2
    assert "wanted its sensors' own values, found faked ones: dumpsys battery" in done.words
    assert "`dumpsys battery reset`" in done.words
    assert person.trials() == []


# --- the memory pass ---------------------------------------------------------------------------------------


def test_memory_on_a_phone_is_a_pass_of_its_own(somebody: Callable[[str], Person]) -> None:
    """One more trial, which is not timed; what the phone's kernel does not report is n/a, with the reason."""
    person = somebody(CHIP)

    done = person.run("--memory", "--iterations", "9")  # of so few none is asked whether they settled

    assert done.returncode == 0, done.stderr
    assert person.trials() == ["ok", "ok"]
    answer = " ".join(done.stdout.split())
    assert "1 valid trial" in answer
    assert "peak resident memory" in answer
    assert "peak dma-buf of the whole device: n/a: " in answer
