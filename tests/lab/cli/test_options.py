"""Options that several commands share."""

from __future__ import annotations

import pytest

from tests.lab_process import Lab


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("compare", "a", "b", "--scenario", "decode", "--budget", "inf"), "wanted a finite number of seconds"),
        (("compare", "a", "b", "--scenario", "decode", "--budget", "nan"), "Invalid value for '--budget'"),
        (("selfcheck", "--budget", "inf"), "wanted a finite number of seconds"),
        (("run", "decode", "--wait", "inf"), "wanted a finite number of seconds"),
    ],
)
def test_a_time_that_is_not_finite_is_refused_in_words(lab: Lab, arguments: tuple[str, ...], words: str) -> None:
    """Status 2, and nothing on stdout."""
    done = lab(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in " ".join(done.stderr.replace("│", " ").split())
