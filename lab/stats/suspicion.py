"""Reasons to doubt a run, in words: ratios between its cells that cannot be true. They make no trial invalid.

Each applies the rule of :mod:`lab.stats.compare` to ratios paired by block, and is reported only if the interval
excludes what must hold and the estimate is beyond the smallest effect. The level is shared by all ratios examined
(Bonferroni), so that a sound run is doubted in 5 % of cases at most.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab.records import LEVEL, Cell, Interval, Parameter, Run, Trial
from lab.stats.compare import ratio, verdict
from lab.stats.sample import MIN_TRIALS, Medians, medians_by_block

RATE, VIT = "decode_tokens_per_s", "vit_s"
CHUNK, BATCH, INPUT = "parallel_tokens", "patches_per_batch", "input"


@dataclass(frozen=True)
class _Doubt:
    """A ratio that must be 1 (`equal`) or at least 1, and the sentence if it is not; `{}` stands for the ratio."""

    candidate: Medians
    baseline: Medians
    equal: bool
    sentence: str


def suspicions(run: Run, trials: Sequence[Trial]) -> tuple[str, ...]:
    """Return the reasons to doubt a run as a whole, one sentence each; none for a sound run.

    They follow from facts of every such system (methodology.md, section 8, numbers 2 and 3): decoding one token at
    a time does not depend on how the prompt was prefilled; a launch of b tiles takes at least as long as a launch
    of one, and an image of more tiles longer than one of fewer.
    """
    doubts = [*_chunks(run, trials), *_launches(run, trials), *_images(run, trials)]
    level = 1 - (1 - LEVEL) / max(1, len(doubts))
    return tuple(words for doubt in doubts if (words := _judged(doubt, level)))


def _judged(doubt: _Doubt, level: float) -> str:
    if len(doubt.candidate.keys() & doubt.baseline.keys()) < MIN_TRIALS:
        return ""
    change = ratio(doubt.candidate, doubt.baseline, level)
    said = verdict(change, "lower", dimension="parameter")
    wrong = said in ("slower", "faster") if doubt.equal else said == "faster"
    return doubt.sentence.replace("{}", _shown(change)) if wrong else ""


def _chunks(run: Run, trials: Sequence[Trial]) -> Iterator[_Doubt]:
    """Compare decode rates of cells that differ only in the prefill chunk with that of the smallest chunk."""
    for first, *others in _alike(run, CHUNK):
        for other in others:
            yield _Doubt(
                medians_by_block(trials, other.key, RATE),
                medians_by_block(trials, first.key, RATE),
                equal=True,
                sentence=f"the decode rate of {other.key} is {{}} that of {first.key}, but decoding does not "
                "depend on how many tokens were prefilled at once",
            )


def _launches(run: Run, trials: Sequence[Trial]) -> Iterator[_Doubt]:
    """Compare the time of a launch of several tiles, including a smaller last one, with a launch of one."""
    for first, *others in _alike(run, BATCH):
        tiles = _tiles(trials, first.key)
        if first.parameters[BATCH] != 1 or not tiles:  # 0: times that are none
            continue
        one = {block: value / tiles for block, value in medians_by_block(trials, first.key, VIT).items()}
        for other in others:
            launches = math.ceil(tiles / float(other.parameters[BATCH]))
            several = {b: value / launches for b, value in medians_by_block(trials, other.key, VIT).items()}
            yield _Doubt(
                several,
                one,
                equal=False,
                sentence=f"a launch of the vision transformer at {other.key} takes {{}} the time of one at "
                f"{first.key}, but more tiles are more work",
            )


def _images(run: Run, trials: Sequence[Trial]) -> Iterator[_Doubt]:
    """Compare the vision transformer's time on an image of more tiles with one of fewer, in equal batches."""
    for cells in _alike(run, INPUT):
        sized = sorted(((tiles, c) for c in cells if (tiles := _tiles(trials, c.key))), key=lambda pair: pair[0])
        for (fewer, small), (more, large) in itertools.pairwise(sized):
            if fewer < more:
                yield _Doubt(
                    medians_by_block(trials, large.key, VIT),
                    medians_by_block(trials, small.key, VIT),
                    equal=False,
                    sentence=f"the vision transformer takes {{}} the time on the {more} tiles of {large.key} that "
                    f"it takes on the {fewer} of {small.key}, but more tiles are more work",
                )


def _alike(run: Run, swept: str) -> Iterator[list[Cell]]:
    """Yield groups of at least two cells that differ only in the parameter `swept`, in the order of its value."""
    groups: dict[tuple[tuple[str, Parameter], ...], list[Cell]] = {}
    for cell in run.cells:
        if swept in cell.parameters:
            rest = tuple(sorted((name, value) for name, value in cell.parameters.items() if name != swept))
            groups.setdefault(rest, []).append(cell)
    for cells in groups.values():
        if len(cells) > 1:
            yield sorted(cells, key=lambda cell: _order(cell.parameters, swept))


def _order(parameters: Mapping[str, Parameter], name: str) -> tuple[float, str]:
    value = parameters[name]
    return (float(value), "") if isinstance(value, int | float) else (0.0, value)


def _tiles(trials: Sequence[Trial], cell: str) -> int | None:
    """Return the number of tiles in a cell's image: patches a second times seconds; None if unknown."""
    rate, encode = (medians_by_block(trials, cell, metric) for metric in ("patches_per_s", "encode_s"))
    both = rate.keys() & encode.keys()
    return round(float(np.median([rate[block] * encode[block] for block in both]))) if both else None


def _shown(change: Interval) -> str:
    return f"{change.estimate:.3g} times ({change.low:.3g} to {change.high:.3g})"
