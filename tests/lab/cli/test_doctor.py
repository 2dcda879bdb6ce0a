"""The command `lab doctor`: what is missing, and what to do."""

from __future__ import annotations

from tests.lab_process import Lab


def test_without_a_build_nothing_can_be_measured(lab: Lab) -> None:
    """It says how to get one, and its exit status says that nothing could be measured."""
    done = lab("doctor")

    assert done.returncode == 2
    assert "missing  a build to measure: 0  ->  `make build DATA=" in done.stdout


def test_the_measuring_lock_is_named(lab: Lab) -> None:
    """One that only labs with POCKETLAB_LOCK see is a warning; one that cannot be used stops the lab."""
    named = lab("doctor").stdout
    closed = lab("doctor", POCKETLAB_LOCK="/dev/null")

    assert "warning  the measuring lock, one for all labs of this machine: " in named
    assert "free; POCKETLAB_LOCK names it: labs without it do not see it  ->  unset POCKETLAB_LOCK" in named
    assert "missing  the measuring lock" in closed.stdout
    assert closed.returncode == 2
