"""The comparison of two finished runs that were measured for other reasons, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lab.compare.comparable import Subject, differs_beyond, incomparable, unplaced
from lab.compare.pairing import CellPair, Trials
from lab.errors import RunError
from lab.identifiers import new_run_id, now_utc
from lab.records import CellVerdict, Comparison, Dimension, Run
from lab.scenario.load import heading_of
from lab.stats.interval import interval
from lab.stats.pairs import ratios_by_block
from lab.stats.sample import medians_by_block
from lab.store import Store

DIMENSIONS: tuple[Dimension, ...] = ("build", "runtime", "parameter", "device")
"""What two sides may differ in, the narrowest first: a new runtime may come with a new build."""


def judge_runs(store: Store, baseline: Run, candidate: Run, dimension: Dimension) -> Comparison:
    """Compare two finished runs, and save their ratio without an interval. See :func:`ratio_of`."""
    found = ratio_of(store, baseline, candidate, dimension)
    store.save_comparison(found)
    return found


def dimension_between(baseline: Run, candidate: Run) -> Dimension:
    """Return the first dimension in which two runs may differ as they do; `build` where there is none."""
    sides = [Subject(run.device, run.context) for run in (baseline, candidate)]
    known = (each for each in DIMENSIONS if not differs_beyond(each, *sides))
    return next(known, "build")


def ratio_of(store: Store, baseline: Run, candidate: Run, dimension: Dimension) -> Comparison:
    """Compare two finished runs by their ratio without an interval; nothing is saved.

    Blocks that only one run has are left out. The runs were not interleaved: whatever changed between them, heat
    and load included, is in the ratio, so the verdict is `cannot tell` or `incomparable`. An interval from the
    pairs would know nothing of that: where sessions differ, one at 95 % held the truth in .42 to .75. The saved
    comparison has no looks. Raises `RunError` when a run is not finished, when the two measured no common cell, or
    when they are sides of one comparison, which has judged them already.
    """
    for run in (baseline, candidate):
        if run.status != "finished":
            whole = run.comparison  # a side is resumed together with the other one
            resume = f"lab run --resume {run.id}" if whole is None else f"lab compare --resume {whole}"
            raise RunError(f"run {run.id} is {run.status}: wanted finished runs; resume it: `{resume}`")
    if baseline.id == candidate.id:
        raise RunError(f"both are run {baseline.id}: wanted two runs to compare")
    if baseline.comparison is not None and baseline.comparison == candidate.comparison:
        raise RunError(
            f"both are sides of comparison {baseline.comparison}, which has judged them already, with many looks: "
            f"`lab show {baseline.comparison[:13]}` prints it"
        )
    sides = [Subject(run.device, run.context) for run in (baseline, candidate)]
    differs = differs_beyond(dimension, *sides)
    metric = heading_of(baseline).metric
    pairs = cells_of(baseline, candidate)
    trials: Trials = {"baseline": store.trials(baseline.id), "candidate": store.trials(candidate.id)}
    now = now_utc()
    return Comparison(
        id=new_run_id(),
        dimension=dimension,
        scenario=baseline.scenario,
        metric=metric,
        device=baseline.device,
        baseline_run=baseline.id,
        candidate_run=candidate.id,
        started_utc=now,
        ended_utc=now,
        status="finished",
        seed=0,
        looks_most=0,
        looks_first=0,
        budget_s=0.0,
        differs=differs,
        cells=tuple(
            incomparable(pair[0].key, differs) if differs else _verdict(metric, pair, trials) for pair in pairs
        ),
    )


def cells_of(baseline: Run, candidate: Run) -> Sequence[CellPair]:
    """Return the cells that both runs measured, or the single cell of each; raises `RunError` if there is none."""
    theirs = {cell.key: cell for cell in candidate.cells}
    both = [(cell, theirs[cell.key]) for cell in baseline.cells if cell.key in theirs]
    if both:
        return both
    if len(baseline.cells) == len(candidate.cells) == 1:
        return [(baseline.cells[0], candidate.cells[0])]
    listed = " and ".join(", ".join(cell.key for cell in run.cells) for run in (baseline, candidate))
    raise RunError(f"runs {baseline.id} and {candidate.id} measured no common cell: {listed}")


def _verdict(metric: str, cells: CellPair, trials: Trials) -> CellVerdict:
    key = cells[0].key
    sides = zip(cells, (trials["baseline"], trials["candidate"]), strict=True)
    if why := unplaced(*([trial for trial in side if trial.cell == cell.key] for cell, side in sides)):
        return CellVerdict(key, "incomparable", None, None, 1.0, 0, why)
    ours = medians_by_block(trials["baseline"], key, metric)
    theirs = medians_by_block(trials["candidate"], cells[1].key, metric)
    ratios = list(ratios_by_block(theirs, ours).values())
    if not ratios:
        return CellVerdict(key, "cannot tell", None, None, 1.0, 0, "no block has a valid trial of both")
    return CellVerdict(
        cell=key,
        verdict="cannot tell",
        change=replace(interval(ratios), low=None, high=None),
        smallest_found=None,
        p=1.0,
        pairs=len(ratios),
        why="not interleaved: whatever changed between the runs, heat and load included, is in the ratio",
    )
