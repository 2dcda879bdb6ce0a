"""One line over the devices that measured a change again."""

from __future__ import annotations

from dataclasses import replace

from lab.nightly.across import across
from lab.records import Finding
from tests.night_records import BAD, GOOD, SERIES, VERDICT, finding

PHONES = {"phone-1": "phone", "phone-2": "phone", "virtual-1": "virtual"}


def on(device: str, of: Finding | None = None) -> Finding:
    """Return a finding as another device has it."""
    return replace(of or finding(), series=replace(SERIES, device=device))


def test_devices_of_one_kind_share_a_line() -> None:
    """One line, which names both and belongs to no device."""
    (line,) = across([on("phone-1"), on("phone-2")], PHONES)

    assert line.devices == ("phone-1", "phone-2")
    assert line.series == replace(SERIES, device="")
    assert line.change.n == 2
    assert round(line.change.estimate, 6) == 0.925
    assert line.tau == 0


def test_figures_of_different_kinds_are_never_averaged() -> None:
    """A virtual phone is no phone, and a device of unknown kind may be either."""
    assert across([on("phone-1"), on("virtual-1")], PHONES) == ()
    assert across([on("phone-1"), on("phone-2")], {"phone-1": "phone"}) == ()


def test_only_the_same_two_builds_are_one_change() -> None:
    """A device that went from another build compared something else."""
    other = replace(finding(), good=replace(GOOD, id="c" * 64, revision=10))

    assert across([on("phone-1"), on("phone-2", other)], PHONES) == ()
    assert across([on("phone-1"), on("phone-2", replace(finding(), bad=replace(BAD, id="d" * 64)))], PHONES) == ()


def test_a_refusal_counts_like_a_confirmation() -> None:
    """A device on which both builds are equal pulls the mean: what is left out would exaggerate the rest."""
    assert VERDICT.change is not None
    same = replace(VERDICT, verdict="same", change=replace(VERDICT.change, estimate=1.0, low=0.985, high=1.015))
    refused = replace(finding(), outcome="not reproduced", verdict=same)

    (line,) = across([on("phone-1"), on("phone-2", refused)], PHONES)

    assert 0.925 < line.change.estimate < 1


def test_a_suspect_that_was_not_measured_again_has_no_say() -> None:
    """There is no ratio of one night's builds."""
    assert across([on("phone-1"), on("phone-2", replace(finding(), verdict=None))], PHONES) == ()
