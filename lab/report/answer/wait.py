"""The share of a user's wait for the first word that is spent on the image: in figures and in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from lab.records import Cell, Interval, Run, Trial
from lab.report.wording import capital, cell_phrase, kind_of, listing, number_of, varying
from lab.stats.interval import cell_interval
from lab.stats.plan import goes_on, looks_of
from lab.stats.sample import counted, trial_median

IMAGE, WAIT = "encode_s", "first_token_s"
"""The metrics: from an image to its tokens, and from image and instruction given to the first text."""


def image_shares(run: Run, trials: Sequence[Trial]) -> dict[str, Interval]:
    """Return cell -> the share of the wait that encoding its image takes; cells without one are left out.

    A trial's share is the median of its iterations' shares, so that a slow iteration enters both times. Of a
    decoupled cell there is none: its wait begins once the image is encoded (PROTOCOL.md, workload `generate`).
    """
    looks = looks_of(run) if goes_on(run) else None
    found = {}
    for cell in run.cells:
        if cell.parameters.get("coupled") is False:
            continue
        by_block = {t.block: trial_median(own) for t in trials if t.cell == cell.key and (own := _shares(t))}
        if by_block:
            found[cell.key] = cell_interval(list(by_block.values()), looks=looks)
    return found


def wait_share_sentence(run: Run, trials: Sequence[Trial]) -> str:
    """Answer which share of the wait is the image, or say why that cannot be told; empty where nobody waits."""
    if not any("coupled" in cell.parameters for cell in run.cells):
        return ""
    if kind_of(run) == "emulated":
        return "Cannot tell what share of the wait is the image: an emulated phone's times are not measurements."
    shares, names = image_shares(run, trials), varying(run.cells)
    told = [_told(cell, shares.get(cell.key)) for cell in run.cells]
    if len(told) == 1:
        return f"{capital(told[0])}."
    parts = [f"{cell_phrase(cell, names)}: {words}" for cell, words in zip(run.cells, told, strict=True)]
    return f"Share of the wait that is the image. {capital(listing(parts))}."


def _told(cell: Cell, share: Interval | None) -> str:
    if cell.parameters.get("coupled") is False:
        return "the image is no part of the wait, which begins once it is encoded"
    if share is None:
        return "cannot tell what share of the wait is the image: no valid trial timed both"
    if share.low is None or share.high is None:
        return (
            f"the image is about {_percent(share.estimate)} of the wait for the first word "
            f"(no interval: of {number_of(share.n, 'trial')})"
        )
    return (
        f"the image is {_percent(share.estimate)} of the wait for the first word "
        f"({share.level * 100:.0f} % interval {_ends(share.low, share.high)})"
    )


def _shares(trial: Trial) -> tuple[float, ...]:
    image, wait = counted(trial, IMAGE), counted(trial, WAIT)
    return tuple(part / whole for part, whole in zip(image, wait, strict=True)) if len(image) == len(wait) else ()


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _ends(low: float, high: float) -> str:
    return f"{low * 100:.1f} to {high * 100:.1f} %"
