"""The pipeline model, on the paper's figures and against brute force."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.stats.schedule import Schedule, best_order, best_split, pipeline

PAPER_CPU = {4: 160.0, 1: 40.0}
PAPER_NPU = {4: 800.0, 1: 300.0}
"""Milliseconds, BlueLM-V-3B (arXiv 2411.10640), Fig. 5."""

times = st.integers(0, 50).map(float)
tables = st.dictionaries(st.integers(1, 5), st.tuples(times, times), min_size=1, max_size=5)


def of_paper(*batches: int) -> Schedule:
    """Schedule batches with the paper's times."""
    return pipeline([PAPER_CPU[b] for b in batches], [PAPER_NPU[b] for b in batches])


def test_the_papers_order_takes_2060_ms_and_hides_200() -> None:
    """Fig. 5: 1.9 s of blocks and 0.16 s of convolution that nothing hides."""
    assert of_paper(4, 4, 1) == Schedule(2060.0, 2260.0, 200.0)


def test_the_single_tile_first_takes_1940_ms() -> None:
    """1 + 4 + 4 leaves only 40 ms in the open, and Johnson's rule finds it."""
    assert of_paper(1, 4, 4).makespan == 1940.0
    assert best_order([4, 4, 1], PAPER_CPU, PAPER_NPU) == (1, 4, 4)


def test_batch_1_throughout_takes_2740_ms() -> None:
    """Nine tiles one by one: 3060 ms serial."""
    found = of_paper(*[1] * 9)

    assert (found.makespan, found.serial) == (2740.0, 3060.0)


def test_the_best_split_of_the_papers_nine_tiles() -> None:
    """With its two sizes, 1 + 4 + 4 is the best; a size of 3 at 610 ms gives a better one."""
    assert best_split(9, PAPER_CPU, PAPER_NPU).batches == (1, 4, 4)
    assert best_split(9, PAPER_CPU, PAPER_NPU).makespan == 1940.0
    third = best_split(9, {**PAPER_CPU, 3: 120.0}, {**PAPER_NPU, 3: 600.0})
    assert (third.batches, third.makespan) == ((3, 3, 3), 1920.0)


def test_no_batches_take_no_time() -> None:
    """An empty schedule is empty."""
    assert pipeline([], []) == Schedule(0.0, 0.0, 0.0)


def test_what_makes_no_sense_is_refused() -> None:
    """Lengths that differ, negative or missing times, tiles that no sizes add up to."""
    with pytest.raises(ValueError, match="each batch"):
        pipeline([1.0], [])
    with pytest.raises(ValueError, match="each batch"):
        pipeline([float("nan")], [1.0])
    with pytest.raises(ValueError, match=r"none for \[2\]"):
        best_order([1, 2], PAPER_CPU, PAPER_NPU)
    with pytest.raises(ValueError, match="sum to 9"):
        best_split(9, {4: 1.0}, {4: 1.0})
    with pytest.raises(ValueError, match="at least one"):
        best_split(0, PAPER_CPU, PAPER_NPU)


@given(st.lists(st.tuples(times, times), max_size=6))
def test_the_makespan_keeps_its_bounds(batches: list[tuple[float, float]]) -> None:
    """Never under the busier unit, never over the serial time."""
    cpu, npu = [b[0] for b in batches], [b[1] for b in batches]
    found = pipeline(cpu, npu)

    assert max(sum(cpu), sum(npu)) <= found.makespan <= found.serial
    assert found.hidden == found.serial - found.makespan


@settings(max_examples=60, deadline=None)
@given(tables, st.data())
def test_johnsons_order_is_as_good_as_the_best_of_all_orders(
    table: dict[int, tuple[float, float]], data: st.DataObject
) -> None:
    """Brute force over all permutations of up to six batches."""
    cpu, npu = {s: t[0] for s, t in table.items()}, {s: t[1] for s, t in table.items()}
    sizes = data.draw(st.lists(st.sampled_from(sorted(table)), min_size=1, max_size=6))

    def takes(order: tuple[int, ...]) -> float:
        return pipeline([cpu[s] for s in order], [npu[s] for s in order]).makespan

    assert takes(best_order(sizes, cpu, npu)) == min(takes(order) for order in permutations(sizes))


def partitions(tiles: int, sizes: list[int]) -> Iterator[tuple[int, ...]]:
    """Yield every multiset of sizes that sums to `tiles`."""
    if tiles == 0:
        yield ()
    for index, size in enumerate(sizes):
        if size <= tiles:
            for rest in partitions(tiles - size, sizes[index:]):
                yield (size, *rest)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.integers(2, 5), st.tuples(times, times), max_size=4),
    st.tuples(times, times),
    st.integers(1, 12),
)
def test_the_best_split_is_as_good_as_the_best_of_all_splits(
    table: dict[int, tuple[float, float]], one: tuple[float, float], tiles: int
) -> None:
    """Brute force over all partitions, each in Johnson's order; and the split takes its stated time."""
    cpu = {1: one[0]} | {s: t[0] for s, t in table.items()}
    npu = {1: one[1]} | {s: t[1] for s, t in table.items()}
    found = best_split(tiles, cpu, npu)

    def takes(order: tuple[int, ...]) -> float:
        return pipeline([cpu[s] for s in order], [npu[s] for s in order]).makespan

    assert sum(found.batches) == tiles
    assert takes(found.batches) == found.makespan
    assert found.makespan == min(takes(best_order(p, cpu, npu)) for p in partitions(tiles, sorted(cpu)))


def test_a_hundred_tiles_are_split_exactly() -> None:
    """Twenty-five launches of 4, each as cheap as one of 1, are the best split."""
    found = best_split(100, {1: 1.0, 2: 1.0, 4: 1.0}, {1: 10.0, 2: 10.0, 4: 10.0})

    assert (found.batches, found.makespan) == ((4,) * 25, 251.0)
