"""What pages are made of."""

from __future__ import annotations

import pytest

from dashboards import parts


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("lab show 0192", "lab show 0192 --data '/data of ada'"),
        ("lab show 0192 --data other", "lab show 0192 --data other"),
        ("make nightly-demo", "make nightly-demo"),
        ("lab show \x1b[1m", "lab show �[1m --data '/data of ada'"),
    ],
)
def test_a_command_of_the_lab_names_the_data_root(monkeypatch: pytest.MonkeyPatch, line: str, shown: str) -> None:
    """Who copies it into another terminal asks the same store."""
    monkeypatch.setenv("POCKETLAB_DATA", "/data of ada")

    assert parts.completed(line) == shown
