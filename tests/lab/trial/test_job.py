"""Cells become jobs, or are refused with a reason before anything is measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_agents.contract import EncodeImageWork, GenerateWork, Graph, Input, Job, Manifest
from lab.device.fake.build import write_fake_build
from lab.errors import DeviceRefused, ScenarioError
from lab.records import Cell, DeviceIdentity, Parameter
from lab.trial.job import batches, job_for

ENCODE: dict[str, Parameter] = {
    "input": "screen",
    "patches_per_batch": 4,
    "pipelined": True,
    "remainder": "exact",
    "order": "largest_first",
    "placement": "split",
}


def sizes(
    tiles: int, per_batch: int, remainder: str = "exact", order: str = "largest_first"
) -> list[tuple[int, int]]:
    """Return (true, padded) of each batch."""
    return [(b.true, b.padded) for b in batches(tiles, per_batch, remainder=remainder, order=order)]


def made(tmp_path: Path, kind: str, parameters: dict[str, Parameter], cores: tuple[int, ...] = (0, 1, 2)) -> Job:
    """Return the job of a cell for a stand-in build."""
    manifest: Manifest = write_fake_build(tmp_path)
    document = Input.model_validate_json((tmp_path / "inputs/screen/input.json").read_bytes())
    return job_for(
        Cell("the cell", parameters),
        kind=kind,
        trial="t",
        build="b",
        manifest=manifest,
        inputs={"screen": document},
        device=DeviceIdentity("host", "host", "model", "print", cores),
        warmup=1,
        iterations=3,
    )


@pytest.mark.parametrize(
    ("per_batch", "wanted"),
    [
        (1, [(1, 1)] * 9),
        (2, [(2, 2)] * 4 + [(1, 1)]),
        (4, [(4, 4), (4, 4), (1, 1)]),
        (6, [(6, 6), (3, 3)]),
        (9, [(9, 9)]),
        (12, [(9, 9)]),
    ],
)
def test_nine_patches_are_cut_into_batches(per_batch: int, wanted: list[tuple[int, int]]) -> None:
    """The remainder runs at its own shape, last."""
    assert sizes(9, per_batch) == wanted


def test_a_remainder_may_be_padded() -> None:
    """One true tile runs at the shape of four."""
    assert sizes(9, 4, remainder="padded") == [(4, 4), (4, 4), (1, 4)]


def test_the_smallest_batch_may_go_first() -> None:
    """1 + 4 + 4 are the paper's batches in the better order."""
    assert sizes(9, 4, order="smallest_first") == [(1, 1), (4, 4), (4, 4)]


def test_split_gives_each_unit_half_of_the_cores(tmp_path: Path) -> None:
    """Of three cores one does the CPU's work, two the NPU's; the language model gets all."""
    job = made(tmp_path, "encode_image", ENCODE)

    assert {name: unit.cores for name, unit in job.units.items()} == {"cpu": [0], "npu": [1, 2], "all": [0, 1, 2]}
    assert job.stages[Graph.PATCH_EMBED] == "cpu"
    assert job.stages[Graph.VIT] == "npu"
    assert job.stages[Graph.LLM] == "all"
    assert isinstance(job.work, EncodeImageWork)
    assert [batch.true for batch in job.work.batches] == [4, 4, 1]


def test_all_is_one_unit(tmp_path: Path) -> None:
    """Placement `all` runs every graph on every core."""
    job = made(tmp_path, "null", {"placement": "all"}, cores=(5,))

    assert {name: unit.cores for name, unit in job.units.items()} == {"all": [5]}
    assert set(job.stages.values()) == {"all"}


def test_work_on_the_first_core_leaves_the_others_alone(tmp_path: Path) -> None:
    """Every graph runs on the first core; pipelining needs two units and is refused."""
    alone: dict[str, Parameter] = {**ENCODE, "placement": "first", "pipelined": False}
    job = made(tmp_path, "encode_image", alone, cores=(2, 3))

    assert {name: unit.cores for name, unit in job.units.items()} == {"first": [2]}
    assert set(job.stages.values()) == {"first"}
    with pytest.raises(ScenarioError, match="placement = 'first' makes one"):
        made(tmp_path, "encode_image", {**alone, "pipelined": True}, cores=(2, 3))


def test_one_core_cannot_be_split(tmp_path: Path) -> None:
    """The message says that there is one core, and what to do."""
    with pytest.raises(DeviceRefused, match="offers 1 core; choose placement = 'all'"):
        made(tmp_path, "encode_image", ENCODE, cores=(0,))


@pytest.mark.parametrize(
    ("kind", "parameters", "words"),
    [
        ("encode_image", {**ENCODE, "patches_per_batch": 7}, r"not at \[7\]"),
        ("encode_image", {**ENCODE, "input": "cat"}, "no input 'cat'; it has screen"),
        ("prefill", {"input": "screen", "prompt_tokens": 51, "parallel_tokens": 8}, "wanted 51 prompt tokens"),
        ("prefill", {"input": "screen", "prompt_tokens": 0, "parallel_tokens": 7}, "in parallel, not 7"),
        (
            "decode",
            {"input": "screen", "context_tokens": 100, "new_tokens": 29, "parallel_tokens": 8},
            "129 tokens do not fit into the cache of fake-fp32, which holds 128",
        ),
        (
            "decode",
            {"input": "screen", "context_tokens": 51, "new_tokens": 2, "parallel_tokens": 8},
            "wanted 51 prompt tokens, input 'screen' has 50; ask for fewer",
        ),
        ("dance", {"input": "screen", "parallel_tokens": 8, "new_tokens": 2}, "does 'dance'"),
    ],
)
def test_what_a_build_cannot_do_is_refused(
    tmp_path: Path, kind: str, parameters: dict[str, Parameter], words: str
) -> None:
    """The message names the cell and the missing shape or input, or the prompt or cache that is too short."""
    with pytest.raises(ScenarioError, match=f"cell the cell: .*{words}"):
        made(tmp_path, kind, {"placement": "all", **parameters})


def test_a_prompt_of_zero_tokens_means_all_of_it(tmp_path: Path) -> None:
    """`prompt_tokens = 0` asks for the input's whole prompt: 50 tokens."""
    job = made(tmp_path, "prefill", {"input": "screen", "prompt_tokens": 0, "parallel_tokens": 8})

    assert job.work.model_dump()["prompt_tokens"] == 50


GENERATE: dict[str, Parameter] = {**ENCODE, "parallel_tokens": 8, "new_tokens": 5, "coupled": False}


def test_a_delayed_instruction_reaches_the_agent(tmp_path: Path) -> None:
    """With what is done meanwhile; a cell that names none of it asks for none."""
    chosen = {"instruction_delay_s": 2, "prefill_early": True, "release_vision": True}
    delayed = made(tmp_path, "generate", GENERATE | chosen).work
    plain = made(tmp_path / "plain", "generate", GENERATE).work

    assert isinstance(delayed, GenerateWork)
    assert isinstance(plain, GenerateWork)
    assert (delayed.instruction_delay_s, delayed.prefill_early, delayed.release_vision) == (2.0, True, True)
    assert (plain.instruction_delay_s, plain.prefill_early, plain.release_vision) == (None, False, False)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"coupled": True, "instruction_delay_s": 2.0}, "instruction_delay_s needs coupled = false"),
        ({"prefill_early": True}, "prefill_early needs instruction_delay_s"),
    ],
)
def test_a_delay_that_nobody_waits_for_is_refused(
    chosen: dict[str, Parameter], words: str, tmp_path: Path
) -> None:
    """Before anything is measured."""
    with pytest.raises(ScenarioError, match=words):
        made(tmp_path, "generate", GENERATE | chosen)
