"""Commands that a message advises can be pasted into a shell, whatever a path holds."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from lab.islands import remedies

PATHS = ["/tmp/my data", "/tmp/it's mine", '/tmp/a"b', "/tmp/$HOME;x"]


@pytest.mark.parametrize("data", PATHS)
def test_the_agent_is_made_where_the_lab_looks_for_it(data: str) -> None:
    """`make agent` gets the data root if it is not the checkout's own, as one word."""
    words = shlex.split(remedies.agent("arm64", Path(data) / "agents" / "arm64").strip("`"))

    assert words == ["make", "agent", "ABI=arm64", f"DATA={data}"]
    assert remedies.agent("arm64", remedies.ROOT / "lab-data/agents/arm64") == "`make agent ABI=arm64`"


@pytest.mark.parametrize("data", PATHS)
def test_a_build_is_made_in_the_data_root_that_lacks_it(data: str) -> None:
    """The one that was asked for, if the bundled model has it; else the default."""
    words = shlex.split(remedies.reference_build(Path(data), "nano-w8a8").strip("`"))

    assert words == ["make", "build", "BUILD=nano-w8a8", f"DATA={data}"]
    assert remedies.reference_build(remedies.ROOT / "lab-data", "mine") == "`make build`"


@pytest.mark.parametrize("data", PATHS)
def test_without_a_makefile_the_module_is_named(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its folder as one word."""
    monkeypatch.setattr(remedies, "CHECKOUT", False)
    command = remedies.agent("arm64", Path(data) / "agents" / "arm64").split("`")[1]

    assert shlex.split(command)[-2:] == ["--out", f"{data}/agents/arm64"]
