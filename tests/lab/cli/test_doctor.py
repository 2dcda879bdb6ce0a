"""The command `lab doctor`: what is missing, and what to do."""

from __future__ import annotations

from tests.lab_process import Lab


def test_without_a_build_nothing_can_be_measured(lab: Lab) -> None:
    """It says how to get one, and its exit status says that nothing could be measured."""
    done = lab("doctor")

    assert done.returncode == 2
    assert "missing  a build to measure: 0  ->  `make build` makes one; `lab builds add FOLDER" in done.stdout
