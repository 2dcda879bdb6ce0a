"""A run whose cells contradict each other is doubted with a reason; a sound or noisy run is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from lab.records import Cell, Context, Parameter, Run, Trial
from lab.stats.suspicion import suspicions

NOISE = (1.0, 1.01, 0.99, 1.0, 1.005, 0.995)


def cells(name: str, *values: Parameter, **fixed: Parameter) -> tuple[Cell, ...]:
    """Sweep one parameter."""
    return tuple(Cell(f"{name}={value}", {**fixed, name: value}) for value in values)


def run_of(swept: Sequence[Cell]) -> Run:
    """Return a run of these cells."""
    return Run(
        id="1",
        scenario="probe",
        suite="none",
        build="b",
        build_line="b",
        device="host",
        started_utc="",
        ended_utc=None,
        status="finished",
        seed=1,
        blocks=6,
        context=Context({}),
        cells=tuple(swept),
        scenario_toml="",
    )


def trials_of(values: Mapping[str, Mapping[str, float]], noise: Sequence[float] = NOISE) -> list[Trial]:
    """Return a trial for each cell and block: cell -> metric -> its value, times the block's noise."""
    return [
        Trial(
            number=1 + block * len(values) + place,
            block=block,
            cell=key,
            valid=True,
            reason=None,
            detail="",
            started_utc="",
            wall_s=1.0,
            samples={metric: (value * factor,) * 3 for metric, value in metrics.items()},
        )
        for block, factor in enumerate(noise)
        for place, (key, metrics) in enumerate(values.items())
    ]


def rates(*values: float) -> dict[str, dict[str, float]]:
    """Return decode rates of cells of 32 and 128 tokens prefilled at once, and of more."""
    keys = [f"parallel_tokens={tokens}" for tokens in (32, 128, 512, 2048)]
    return {key: {"decode_tokens_per_s": value} for key, value in zip(keys, values, strict=False)}


CHUNKS = run_of(cells("parallel_tokens", 32, 128, kind="generate"))


@pytest.mark.parametrize("rate", [94.0, 107.0])
def test_a_decode_rate_that_moves_with_the_prefill_chunk_is_doubted(rate: float) -> None:
    """Six per cent either way, seen in every block, is beyond noise: one of the two numbers is something else."""
    (words,) = suspicions(CHUNKS, trials_of(rates(100.0, rate)))

    assert words == (
        f"the decode rate of parallel_tokens=128 is {rate / 100:.3g} times ({rate / 100:.3g} to {rate / 100:.3g}) "
        "that of parallel_tokens=32, but decoding does not depend on how many tokens were prefilled at once"
    )


def test_a_decode_rate_that_is_the_same_or_cannot_be_told_is_not_doubted() -> None:
    """Two per cent is too small to be a change; three blocks are too few for a verdict."""
    assert suspicions(CHUNKS, trials_of(rates(100.0, 98.0))) == ()
    assert suspicions(CHUNKS, trials_of(rates(100.0, 50.0), NOISE[:3])) == ()


def test_cells_that_differ_in_something_else_as_well_are_not_compared() -> None:
    """Another context is another rate."""
    mixed = run_of(
        [
            Cell("parallel_tokens=32", {"parallel_tokens": 32, "context_tokens": 128}),
            Cell("parallel_tokens=128", {"parallel_tokens": 128, "context_tokens": 2048}),
        ]
    )

    assert suspicions(mixed, trials_of(rates(100.0, 60.0))) == ()


def test_trials_that_do_not_count_raise_no_doubt() -> None:
    """Invalid trials enter neither figures nor doubts."""
    trials = [
        Trial(**{**vars(trial), "valid": trial.cell == "parallel_tokens=32"})
        for trial in trials_of(rates(100.0, 60.0))
    ]

    assert suspicions(CHUNKS, trials) == ()


def vision(**vit_s: float) -> dict[str, dict[str, float]]:
    """Return times of nine tiles by batch (`b4` = 0.9 s of `vit`), with an encoding twice as long."""
    return {
        f"patches_per_batch={name[1:]}": {"vit_s": value, "encode_s": 2 * value, "patches_per_s": 9 / (2 * value)}
        for name, value in vit_s.items()
    }


BATCHES = run_of(cells("patches_per_batch", 1, 4, kind="encode_image"))


def test_a_launch_of_four_tiles_that_is_faster_than_one_of_one_is_doubted() -> None:
    """Three launches (4 + 4 + 1) in 0.24 s are 80 ms each; nine launches of one tile in 0.9 s are 100 ms."""
    (words,) = suspicions(BATCHES, trials_of(vision(b1=0.9, b4=0.24)))

    assert words == (
        "a launch of the vision transformer at patches_per_batch=4 takes 0.8 times (0.8 to 0.8) the time of one "
        "at patches_per_batch=1, but more tiles are more work"
    )


def test_a_batch_may_be_any_amount_faster_than_its_tiles_one_by_one() -> None:
    """Three launches instead of nine can at best take a third of the time."""
    assert suspicions(BATCHES, trials_of(vision(b1=0.9, b4=0.31))) == ()


def test_an_image_of_more_tiles_that_is_faster_is_doubted() -> None:
    """Nine tiles cannot take less than three."""
    run = run_of(cells("input", "photo", "screen", patches_per_batch=1))
    nine = {"vit_s": 0.5, "encode_s": 1.0, "patches_per_s": 9.0}
    three = {"vit_s": 0.6, "encode_s": 1.0, "patches_per_s": 3.0}

    (words,) = suspicions(run, trials_of({"input=screen": nine, "input=photo": three}))

    assert words.startswith("the vision transformer takes 0.833 times (0.833 to 0.833) the time on the 9 tiles of")
    assert suspicions(run, trials_of({"input=screen": {**nine, "vit_s": 1.8}, "input=photo": three})) == ()


def test_sound_runs_are_doubted_in_at_most_five_of_a_hundred() -> None:
    """Four chunks of one rate with 5 % of noise a trial: the level is shared by the three ratios (seed 4)."""
    run = run_of(cells("parallel_tokens", 32, 128, 512, 2048))
    generator = np.random.default_rng(4)

    def sound() -> list[Trial]:
        blocks = []
        for block in range(6):
            drawn = rates(*(100 * generator.lognormal(0, 0.05, 4)))
            blocks += [Trial(**{**vars(trial), "block": block}) for trial in trials_of(drawn, (1.0,))]
        return blocks

    assert sum(bool(suspicions(run, sound())) for _ in range(400)) <= 20
