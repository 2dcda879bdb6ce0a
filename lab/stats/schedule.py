"""A model of the image encoder's two-unit pipeline: convolution on one unit, transformer blocks on the other.

BlueLM-V-3B (arXiv 2411.10640, Fig. 5) encodes a 2:4 image in batches of 4 + 4 + 1 tiles with convolutions
of 160, 160, 40 ms and blocks of 800, 800, 300 ms: 2060 ms, of which 200 ms of convolution are hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """The time of a sequence of batches, in the unit of the given times; `hidden` = serial - makespan."""

    makespan: float
    serial: float
    hidden: float


@dataclass(frozen=True)
class Split:
    """Sizes of batches in the order to run them, and the time they take."""

    batches: tuple[int, ...]
    makespan: float


def pipeline(cpu_times: Sequence[float], npu_times: Sequence[float]) -> Schedule:
    """Return the time of the batches when the CPU stage of each overlaps the NPU stage of the one before.

    CPU stages run in order without waiting; NPU stage i starts at max(CPU stage i done, NPU free).
    Raises ValueError when the two sequences differ in length or a time is negative.
    """
    if len(cpu_times) != len(npu_times) or any(not t >= 0 for t in (*cpu_times, *npu_times)):
        raise ValueError(
            f"wanted a CPU and an NPU time >= 0 for each batch, found {list(cpu_times)}, {list(npu_times)}"
        )
    cpu_done = npu_done = 0.0
    for cpu, npu in zip(cpu_times, npu_times, strict=True):
        cpu_done += cpu
        npu_done = max(cpu_done, npu_done) + npu
    serial = float(sum(cpu_times) + sum(npu_times))
    return Schedule(npu_done, serial, serial - npu_done)


def best_order(
    batches: Iterable[int], cpu_time_by_batch: Mapping[int, float], npu_time_by_batch: Mapping[int, float]
) -> tuple[int, ...]:
    """Return the sizes in an order that gives the shortest makespan.

    Johnson's rule for the two-machine flow shop (Naval Research Logistics Quarterly 1, 1954), exact:
    first the sizes whose CPU stage is shorter, by rising CPU time; then the others, by falling NPU time.
    Raises ValueError for a size without times.
    """
    sizes = sorted(batches)
    missing = sorted({size for size in sizes if size not in cpu_time_by_batch or size not in npu_time_by_batch})
    if missing:
        raise ValueError(f"wanted CPU and NPU times of every batch size, found none for {missing}")

    def place(size: int) -> tuple[int, float]:
        cpu, npu = cpu_time_by_batch[size], npu_time_by_batch[size]
        return (0, cpu) if cpu < npu else (1, -npu)

    return tuple(sorted(sizes, key=place))


def best_split(
    tiles: int, cpu_time_by_batch: Mapping[int, float], npu_time_by_batch: Mapping[int, float]
) -> Split:
    """Return the batches, in order, that encode exactly `tiles` tiles in the shortest time.

    Exact, by dynamic programming: in Johnson's order of the sizes, keep for each number of tiles the
    (CPU done, NPU done) pairs that no other pair beats in both; appending a batch is monotone in both,
    so a beaten pair never leads to a better end. Only sizes with a time on both units are used; among equal
    makespans, the split with fewer batches wins. Raises ValueError when no sum of sizes is `tiles`.
    """
    sizes = best_order(cpu_time_by_batch.keys() & npu_time_by_batch.keys(), cpu_time_by_batch, npu_time_by_batch)
    if tiles < 1 or any(size < 1 for size in sizes):
        raise ValueError(f"wanted at least one tile and sizes of at least one, found {tiles} and {list(sizes)}")
    fronts: list[list[_Partial]] = [[] for _ in range(tiles + 1)]
    fronts[0] = [_Partial(0.0, 0.0, ())]
    for size in sizes:
        cpu, npu = cpu_time_by_batch[size], npu_time_by_batch[size]
        for done in range(size, tiles + 1):
            longer = [before.then(size, cpu, npu) for before in fronts[done - size]]
            fronts[done] = _unbeaten(fronts[done] + longer)
    if not fronts[tiles]:
        raise ValueError(f"wanted batches that sum to {tiles} tiles, found only sizes {sorted(sizes)}")
    chosen = min(fronts[tiles], key=lambda partial: (partial.npu_done, len(partial.batches)))
    return Split(chosen.batches, chosen.npu_done)


@dataclass(frozen=True)
class _Partial:
    """The batches so far, and when each unit finishes them."""

    cpu_done: float
    npu_done: float
    batches: tuple[int, ...]

    def then(self, size: int, cpu: float, npu: float) -> _Partial:
        cpu_done = self.cpu_done + cpu
        return _Partial(cpu_done, max(cpu_done, self.npu_done) + npu, (*self.batches, size))


def _unbeaten(partials: Iterable[_Partial]) -> list[_Partial]:
    """Return those that no other beats or equals on both units."""
    kept: list[_Partial] = []
    for partial in sorted(partials, key=lambda p: (p.cpu_done, p.npu_done, len(p.batches))):
        if not kept or partial.npu_done < kept[-1].npu_done:
            kept.append(partial)
    return kept
