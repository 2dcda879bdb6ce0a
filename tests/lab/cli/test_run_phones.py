"""`lab run --device …` as a person types it, with virtual phones behind a real adb server."""

from __future__ import annotations

from pathlib import Path

from tests.farm_phones import Phone
from tests.lab_process import Lab, null_scenario


def with_agent(tmp_path: Path, bundle: Path, build: Path, lab: Lab) -> list[str | Path]:
    """Put an agent, a build and a scenario where the lab looks for them; return what runs it."""
    agents = tmp_path / "data/agents"
    agents.mkdir(parents=True, exist_ok=True)
    (agents / "x86_64").symlink_to(bundle)
    (tmp_path / "nothing.toml").write_text(null_scenario("nothing", blocks=1))
    return ["run", tmp_path / "nothing.toml", "--build", build]


def test_one_command_measures_every_phone_and_answers_for_each(
    lab_and_phones: Lab, phones: list[Phone], tmp_path: Path, native_bundle: Path, tiny_build: Path
) -> None:
    """The build is pushed to both, both answer below each other with their kind; a second run sends nothing."""
    command = with_agent(tmp_path, native_bundle, tiny_build, lab_and_phones)

    done = lab_and_phones(*command, "--device", "all")

    assert done.returncode == 0, done.stderr
    places = [done.stdout.index(f"On {phone.name}, a virtual phone") for phone in phones]
    assert places == sorted(places)
    assert all(f"{phone.name}: 100 %" in done.stderr for phone in phones)
    again = lab_and_phones(*command, "--device", phones[0].name)
    assert again.returncode == 0, again.stderr
    assert "sent" not in again.stderr


def test_a_phone_that_is_gone_stops_no_other(
    lab_and_phones: Lab, phones: list[Phone], tmp_path: Path, native_bundle: Path, tiny_build: Path
) -> None:
    """The disk of one is full: the other answers, the failure is reported at the end, and the status is 2."""
    command = with_agent(tmp_path, native_bundle, tiny_build, lab_and_phones)
    phones[1].fault("fill-disk")

    done = lab_and_phones(*command, "--device", "all")

    assert done.returncode == 2
    assert f"On {phones[0].name}, a virtual phone" in done.stdout
    assert f"On {phones[1].name}" not in done.stdout
    assert f"lab: {phones[1].name}: nothing: " in done.stderr
    assert "no space left" in done.stderr


def test_without_an_agent_it_says_how_to_make_one(
    lab_and_phones: Lab, phones: list[Phone], tiny_build: Path
) -> None:
    """Nothing was measured, nothing is left running."""
    done = lab_and_phones("run", "null", "--build", tiny_build, "--device", phones[0].name)

    assert done.returncode == 2
    assert "make agent ABI=x86_64" in done.stderr
    assert "Traceback" not in done.stderr
