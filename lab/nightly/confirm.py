"""Measure suspects again the same night: the last good build against the new one, in turn on the same device."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from lab.compare.comparison import BUDGET_S, Side, measure, next_run, open_comparison, reopen, runs_of
from lab.errors import DeviceError, LabError, NotAccepted, StoreError
from lab.identifiers import now_utc
from lab.nightly.measure import Seams, first_line
from lab.nightly.stages import moved_stages
from lab.nightly.suspect import Confirmation, Measured, Suspect
from lab.records import Comparison, Night
from lab.run.resume import scenario_of
from lab.stats.pairs import cost_s, ratios_by_block
from lab.stats.sample import medians_by_block
from lab.store import Store
from lab.store.kinds import COMPARISONS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Confirmer:
    """Compares builds on the devices that the suspects were measured on; a :data:`lab.nightly.suspect.Confirm`."""

    store: Store
    night: Night
    seams: Seams

    def __call__(self, suspects: Sequence[Suspect], budget_s: float) -> Iterator[Confirmation]:
        """Yield what each comparison found; none is begun after `budget_s` device-seconds.

        Comparisons that this night finished are reused. A device that is gone, or may not
        judge builds, is not tried again. Raises `StoreError` and `DiskFull`.
        """
        done = list(self._begun())
        refused: dict[str, str] = {}
        left_s = budget_s
        for group in groups(suspects):
            device = group[0].value.series.device
            known = next((each for each in done if self._answers(each, group)), None)
            if known is None or known.status != "finished":
                if device in refused:
                    yield Confirmation(group, "", {}, 0.0, refused[device])
                if device in refused or left_s <= 0:
                    continue
            found = self._compared(group, known, min(left_s, BUDGET_S))
            left_s -= found.spent_s
            if found.gone:
                refused[device] = found.failure
            yield found

    def _begun(self) -> Iterator[Comparison]:
        """Yield the comparisons that this night began."""
        for each in COMPARISONS.ids(self.store.root):
            if each >= self.night.id and (found := self.store.comparison(each)).night == self.night.id:  # UUIDv7
                yield found

    def _answers(self, comparison: Comparison, group: Sequence[Suspect]) -> bool:
        """Tell whether a comparison of this night was begun for these suspects."""
        series = group[0].value.series
        same = (comparison.scenario, comparison.device) == (series.scenario, series.device)
        if not same or not comparison.baseline_run:  # one that was refused has no runs
            return False
        runs = runs_of(self.store, comparison)
        builds = runs["baseline"].build, runs["candidate"].build
        cells = {each.cell for each in comparison.cells}
        return builds == pair_of(group) and {each.value.series.cell for each in group} <= cells

    def _compared(self, group: tuple[Suspect, ...], known: Comparison | None, budget_s: float) -> Confirmation:
        comparison, failure, gone = known, "", False
        try:
            sides = self._sides(group) if comparison is None else self._again(comparison)
            if comparison is None:
                comparison, _, _ = open_comparison(
                    baseline=sides[0],
                    candidate=sides[1],
                    dimension="build",
                    seed=self._seed(group),
                    budget_s=budget_s,
                    night=self.night.id,
                )
            if comparison.status != "finished":
                self._measure(comparison, sides)
        except StoreError:
            raise
        except LabError as error:
            failure = first_line(error)
            gone = isinstance(error, DeviceError | NotAccepted)
            log.info("not confirmed: %s", error)
        if comparison is None:
            return Confirmation(group, "", {}, 0.0, failure, gone)
        return replace(self._found(group, self.store.comparison(comparison.id), failure), gone=gone)

    def _sides(self, group: Sequence[Suspect]) -> tuple[Side, Side]:
        """Return the last good build and tonight's, to be measured in the cells of the suspects alone."""
        series = group[0].value.series
        whole = self.seams.scenario(series.scenario)
        wanted = {each.value.series.cell for each in group}
        chosen = replace(whole, cells=tuple(cell for cell in whole.cells if cell.key in wanted))
        first, second = (
            Side(chosen, self.seams.bench_on(series.device, build, ""), series.line) for build in pair_of(group)
        )
        return first, second

    def _seed(self, group: Sequence[Suspect]) -> int:
        """Return the seed of a comparison, which follows from the night's."""
        series = group[0].value.series
        words = (str(self.night.seed), series.scenario, series.line, series.device, *pair_of(group))
        return random.Random("/".join(words)).randrange(2**31)

    def _again(self, comparison: Comparison) -> tuple[Side, Side]:
        """Return the sides of a comparison that was cut; raises `RunError` if something else has changed since."""
        keep = next_run(self.store, comparison, now_utc())
        first, second = (
            Side(
                replace(scenario_of(run), cells=run.cells),
                self.seams.bench_on(run.device, run.build, keep),
                run.build_line,
            )
            for run in runs_of(self.store, comparison).values()
        )
        reopen(comparison, first, second)
        return first, second

    def _measure(self, comparison: Comparison, sides: tuple[Side, Side]) -> None:
        total, done = comparison.looks_most * len(comparison.cells), sum(each.pairs for each in comparison.cells)
        title = f"{comparison.scenario} on {comparison.device}, again"
        with (
            self.seams.at_work([side.bench for side in sides], self.seams.terms.stop) as (benches, show),
            show.steps(title, total, done) as (watch, end, _),
        ):
            first, second = (replace(side, bench=bench) for side, bench in zip(sides, benches, strict=True))
            with closing(measure(comparison, first, second, watch=watch, tell=show.say)) as steps:
                for step in steps:
                    end("", sum(each.pairs for each in step.comparison.cells))

    def _found(self, group: tuple[Suspect, ...], comparison: Comparison, failure: str) -> Confirmation:
        if not comparison.baseline_run:
            return Confirmation(group, comparison.id, {}, 0.0, failure)
        trials = {name: self.store.trials(run.id) for name, run in runs_of(self.store, comparison).items()}
        cells = {}
        for each in comparison.cells:
            ours, theirs = (
                medians_by_block(trials[name], each.cell, comparison.metric) for name in ("baseline", "candidate")
            )
            ratios = tuple(ratios_by_block(theirs, ours).values())
            cells[each.cell] = Measured(each, ratios, moved_stages(self.store, comparison, each.cell))
        spent_s = sum(cost_s(each) for each in trials.values())
        return Confirmation(group, comparison.id, cells, spent_s, failure)


def groups(suspects: Sequence[Suspect]) -> list[tuple[Suspect, ...]]:
    """Return the suspects that one comparison answers together, the most valuable group first.

    The order is that of the suite; within one scenario and line, the most unusual series comes first.
    """
    found: dict[tuple[str, ...], list[Suspect]] = {}
    for each in suspects:
        series = each.value.series
        if each.good is not None:
            found.setdefault((series.scenario, series.line, series.device, *pair_of([each])), []).append(each)
    worth = {
        key: (min(each.priority for each in of), -max(each.score for each in of)) for key, of in found.items()
    }
    return [tuple(found[key]) for key in sorted(found, key=lambda key: (worth[key], key))]


def pair_of(group: Sequence[Suspect]) -> tuple[str, str]:
    """Return the ids of the builds to compare: the last good one, and tonight's."""
    good = group[0].good
    return (good.id if good else "", group[0].value.build.id)
