"""The stages of the work that moved between the two sides of a comparison."""

from __future__ import annotations

from statistics import median

from lab.compare.comparison import runs_of
from lab.compare.pairing import looks_of
from lab.errors import RunError
from lab.records import CHANGED, Comparison, Stage
from lab.stats.compare import Judgement, judge
from lab.stats.pairs import firsts_by_block
from lab.stats.sample import Medians, medians_by_block
from lab.store import Store
from lab.trial.metrics import METRICS

STAGES = ("load_s", "tile_s", "patch_embed_s", "vit_s", "project_s", "prefill_s", "decode_s")
"""The metrics that are parts of the work. `encode_s` and `first_token_s` are sums of them, rates their inverse."""


def moved_stages(store: Store, comparison: Comparison, cell: str) -> tuple[Stage, ...]:
    """Return the stages whose time changed in a cell, named as on the baseline's side; most seconds moved first.

    The rule is that of every verdict, on the pairs of the cell's own verdict: the sequential interval excludes 1
    and the change is beyond 3 %. It is not corrected for the number of stages. Empty without a measured pair, and
    for runs that were not measured in turn. Raises `StoreError`.
    """
    if not (comparison.baseline_run and comparison.looks_most):
        return ()
    sides = _Sides(store, comparison, cell)
    moved = {}
    for name in STAGES:
        found = sides.judged(name)
        if found.change is not None and found.verdict in CHANGED:
            seconds = abs(found.change.estimate - 1) * median(sides.medians(name)[0].values())
            moved[Stage(name, found.change)] = seconds
    return tuple(sorted(moved, key=lambda stage: -moved[stage]))


def judged_by(store: Store, comparison: Comparison, cell: str, metric: str) -> Judgement:
    """Judge a cell by another metric of its trials, on the pairs of the cell's own verdict.

    The verdict is `cannot tell` without a common pair. Raises `RunError` for a cell that was not measured, and
    `StoreError`.
    """
    return _Sides(store, comparison, cell).judged(metric)


class _Sides:
    """The trials of both sides of a cell, read once."""

    def __init__(self, store: Store, comparison: Comparison, cell: str) -> None:
        runs = runs_of(store, comparison)
        places = [each.key for each in runs["baseline"].cells]
        if cell not in places:
            raise RunError(
                f"comparison {comparison.id}: wanted one of its cells, found {cell!r}; it has {'; '.join(places)}"
            )
        self.comparison = comparison
        self.keys = [run.cells[places.index(cell)].key for run in (runs["baseline"], runs["candidate"])]
        self.trials = [
            [trial for trial in store.trials(run.id) if trial.cell == key]
            for run, key in zip((runs["baseline"], runs["candidate"]), self.keys, strict=True)
        ]

    def medians(self, metric: str) -> tuple[Medians, Medians]:
        """Return both sides' medians of a metric, in blocks that both have."""
        ours, theirs = (medians_by_block(t, key, metric) for t, key in zip(self.trials, self.keys, strict=True))
        both = ours.keys() & theirs.keys()
        return {b: ours[b] for b in both}, {b: theirs[b] for b in both}

    def judged(self, metric: str) -> Judgement:
        """Judge a metric on the pairs that the comparison's own metric has."""
        own = self.medians(self.comparison.metric)[0].keys()
        ours, theirs = ({b: v for b, v in side.items() if b in own} for side in self.medians(metric))
        firsts = firsts_by_block(self.trials[1], self.trials[0])
        better = METRICS[metric].better
        looks = looks_of(self.comparison)
        return judge(theirs, ours, better, looks, firsts=firsts, dimension=self.comparison.dimension)
