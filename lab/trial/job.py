"""From a cell to the agent's Job: batches, units and stages, checked against what the build can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from device_agents import contract
from device_agents.contract import (
    PROTOCOL,
    Batch,
    DecodeWork,
    EncodeImageWork,
    EvaluateWork,
    ForeignManifest,
    GenerateWork,
    Graph,
    Input,
    Job,
    LoadWork,
    Manifest,
    NullWork,
    PrefillWork,
    Stage,
    Unit,
    Work,
)
from lab.builds.questions import VIEWS
from lab.errors import DeviceRefused, ScenarioError
from lab.records import Cell, DeviceIdentity, Inject, Parameter, Purpose


@dataclass(frozen=True)
class Place:
    """A trial's place in its run: `number` counts from 1 through all blocks, `block` from 0."""

    number: int
    block: int
    cell: Cell
    purpose: Purpose = "time"


SPLIT: Mapping[Graph, str] = {
    Graph.TILE: "cpu",
    Graph.PATCH_EMBED: "cpu",
    Graph.VIT: "npu",
    Graph.PROJECT: "npu",
    Graph.EMBED: "all",
    Graph.LLM: "all",
}
"""Where `placement = "split"` runs each graph: vision as in arXiv 2411.10640, Fig. 4; the LLM on every core."""


def job_for(
    cell: Cell,
    *,
    kind: str,
    trial: str,
    build: str,
    manifest: Manifest | ForeignManifest,
    inputs: Mapping[str, Input],
    device: DeviceIdentity,
    warmup: int,
    iterations: int,
    own_inputs: Mapping[str, str] = MappingProxyType({}),
    memory_pass: bool = False,
    inject: Inject | None = None,
) -> Job:
    """Return the job of one trial; `build` and `own_inputs` are folders as the device sees them.

    Raises `ScenarioError` when the build lacks the shape or the input, its cache is too short or its tool cannot
    do the work, and `DeviceRefused` when the device has too few cores for the placement.
    """
    if isinstance(manifest, ForeignManifest):
        units, stages = {"all": Unit(cores=list(device.cores))}, {Graph.LLM: "all"}
    else:
        units, stages = units_and_stages(cell, device, manifest)
    work = work_of(cell, kind, manifest, inputs)
    return Job(
        protocol=PROTOCOL,
        trial=trial,
        build=build,
        work=work,
        warmup_iterations=warmup,
        iterations=iterations,
        units=units,
        stages=stages,
        inputs=dict(own_inputs),
        memory_pass=memory_pass,
        inject=None if inject is None else contract.Inject(stage=Stage(inject.stage), slow_down=inject.slow_down),
    )


def work_of(cell: Cell, kind: str, manifest: Manifest | ForeignManifest, inputs: Mapping[str, Input]) -> Work:
    """Return the workload of a cell; raises `ScenarioError` when the build or its tool cannot do it."""
    if isinstance(manifest, ForeignManifest):
        return foreign_work(cell, kind, manifest)
    return work_for(cell, kind, manifest, inputs)


def units_and_stages(
    cell: Cell, device: DeviceIdentity, manifest: Manifest
) -> tuple[dict[str, Unit], dict[Graph, str]]:
    """Return the units of a job, and the unit that each graph runs on."""
    every = Unit(cores=list(device.cores))
    placement = cell.parameters.get("placement", "all")
    if placement == "all":
        return {"all": every}, dict.fromkeys(manifest.graphs, "all")
    if placement == "first":
        return {"first": Unit(cores=list(device.cores[:1]))}, dict.fromkeys(manifest.graphs, "first")
    if len(device.cores) < 2:
        raise DeviceRefused(
            f"cell {cell.key}: placement `split` needs two execution units, but device {device.name} offers "
            f"{len(device.cores)} core; choose placement = 'all', or give the lab a second core"
        )
    half = len(device.cores) // 2
    units = {
        "cpu": Unit(cores=list(device.cores[:half])),
        "npu": Unit(cores=list(device.cores[half:])),
        "all": every,
    }
    stages = {graph: SPLIT[graph] for graph in manifest.graphs}
    return units, stages


def work_for(  # noqa: PLR0911  (one return a workload)
    cell: Cell, kind: str, manifest: Manifest, inputs: Mapping[str, Input]
) -> Work:
    """Return the workload of a cell, checked against what the build can do."""
    if kind == "load":
        return LoadWork()
    if kind == "null":
        return NullWork()
    if kind == "evaluate":
        return _evaluate(cell, manifest)
    name = str(_parameter(cell, "input"))
    if name not in inputs:
        known = ", ".join(sorted({*inputs, *manifest.inputs})) or "none"
        raise ScenarioError(f"cell {cell.key}: the build has no input {name!r}; it has {known}")
    document = inputs[name]
    if kind == "encode_image":
        cut = _image_batches(cell, manifest, document)
        return EncodeImageWork(input=name, batches=cut, pipelined=_pipelined(cell))
    parallel = _whole(cell, "parallel_tokens")
    _check_parallel(cell, manifest, parallel)
    if kind == "prefill":
        return _prefill(cell, manifest, document, parallel)
    new_tokens = _whole(cell, "new_tokens")
    if kind == "decode":
        context = _whole(cell, "context_tokens")
        _check_cache(cell, manifest, max(_padded(context, parallel), context + new_tokens))
        _check_prompt(cell, document, context)
        return DecodeWork(input=name, context_tokens=context, new_tokens=new_tokens, parallel_tokens=parallel)
    if kind == "generate":
        prompt = document.prompt_tokens
        _check_cache(cell, manifest, max(_padded(prompt, parallel), prompt + new_tokens))
        return GenerateWork(
            input=name,
            batches=_image_batches(cell, manifest, document),
            pipelined=_pipelined(cell),
            parallel_tokens=parallel,
            new_tokens=new_tokens,
            coupled=_flag(cell, "coupled"),
            instruction_delay_s=_delay(cell),
            prefill_early=bool(cell.parameters.get("prefill_early", False)),
            release_vision=bool(cell.parameters.get("release_vision", False)),
        )
    raise ScenarioError(f"cell {cell.key}: no agent of this version does {kind!r}")


def foreign_work(cell: Cell, kind: str, manifest: ForeignManifest) -> Work:
    """Return the workload of a cell for a foreign tool, which makes up the tokens it works on."""
    build = f"the build {manifest.model}-{manifest.recipe}"
    if kind not in ("prefill", "decode"):
        raise ScenarioError(
            f"cell {cell.key}: wanted a tool that measures {kind!r}, but {build} runs in {manifest.runtime}'s own "
            "tool, which measures prefill and decode only; choose such a scenario (prefill_tokens, decode), or "
            "another build"
        )
    name, parallel = str(_parameter(cell, "input")), _whole(cell, "parallel_tokens")
    if kind == "decode":
        context, new_tokens = _whole(cell, "context_tokens"), _whole(cell, "new_tokens")
        return DecodeWork(input=name, context_tokens=context, new_tokens=new_tokens, parallel_tokens=parallel)
    tokens = _whole(cell, "prompt_tokens") or manifest.prompt_tokens.get(name, 0)
    if not tokens:
        raise ScenarioError(
            f"cell {cell.key}: asks for the whole prompt of input {name!r}, and {build} does not say how many "
            f"tokens that is; add the number to its foreign.toml, under [prompt_tokens]: `{name} = 2048`; "
            "then add the build again"
        )
    return PrefillWork(input=name, prompt_tokens=tokens, parallel_tokens=parallel)


def batches(tiles: int, per_batch: int, *, remainder: str, order: str) -> list[Batch]:
    """Cut `tiles` into launches of at most `per_batch`.

    The remainder runs at its own shape (`exact`) or at the full one (`padded`); `order` puts it last
    (`largest_first`) or first (`smallest_first`).
    """
    full, rest = divmod(tiles, per_batch)
    cut = [Batch(true=per_batch, padded=per_batch)] * full
    if rest:
        cut.append(Batch(true=rest, padded=per_batch if remainder == "padded" else rest))
    return cut if order == "largest_first" else cut[::-1]


def _image_batches(cell: Cell, manifest: Manifest, document: Input) -> list[Batch]:
    if document.placement is None:
        raise ScenarioError(f"cell {cell.key}: input {document.name!r} has no image to encode")
    cut = batches(
        len(document.placement.order),
        _whole(cell, "patches_per_batch"),
        remainder=str(_parameter(cell, "remainder")),
        order=str(_parameter(cell, "order")),
    )
    known = _shapes(manifest, Graph.VIT, "batch")
    missing = sorted({batch.padded for batch in cut} - known)
    if missing:
        raise ScenarioError(
            f"cell {cell.key}: the build {manifest.model}-{manifest.recipe} runs vit at batches "
            f"{sorted(known)}, not at {missing}"
        )
    return cut


def _evaluate(cell: Cell, manifest: Manifest) -> EvaluateWork:
    parallel, per_batch = _whole(cell, "parallel_tokens"), _whole(cell, "patches_per_batch")
    _check_parallel(cell, manifest, parallel)
    if per_batch not in (known := _shapes(manifest, Graph.VIT, "batch")):
        raise ScenarioError(
            f"cell {cell.key}: the build {manifest.model}-{manifest.recipe} runs vit at batches {sorted(known)}, "
            f"not at {per_batch}"
        )
    return EvaluateWork(
        questions=str(_parameter(cell, "questions")),
        document=VIEWS[str(_parameter(cell, "view"))],
        patches_per_batch=per_batch,
        pipelined=_pipelined(cell),
        parallel_tokens=parallel,
        most_tokens=_whole(cell, "most_tokens"),
    )


def _pipelined(cell: Cell) -> bool:
    pipelined = _flag(cell, "pipelined")
    if pipelined and (placement := _parameter(cell, "placement")) != "split":
        raise ScenarioError(
            f"cell {cell.key}: pipelined stages need two units, and placement = {placement!r} makes one; "
            "choose placement = 'split', or pipelined = false"
        )
    return pipelined


def _delay(cell: Cell) -> float | None:
    """Return how long after the image the instruction arrives; None if the cell does not say."""
    delay = cell.parameters.get("instruction_delay_s")
    if delay is None:
        if cell.parameters.get("prefill_early"):
            raise ScenarioError(
                f"cell {cell.key}: prefill_early needs instruction_delay_s: the seconds after the image at which "
                "the instruction arrives"
            )
        return None
    if _flag(cell, "coupled"):
        raise ScenarioError(
            f"cell {cell.key}: instruction_delay_s needs coupled = false: coupled, image and instruction are "
            "given together"
        )
    return float(delay)


def _prefill(cell: Cell, manifest: Manifest, document: Input, parallel: int) -> PrefillWork:
    tokens = _whole(cell, "prompt_tokens") or document.prompt_tokens
    _check_prompt(cell, document, tokens)
    _check_cache(cell, manifest, _padded(tokens, parallel))
    return PrefillWork(input=document.name, prompt_tokens=tokens, parallel_tokens=parallel)


def _check_prompt(cell: Cell, document: Input, tokens: int) -> None:
    if tokens > document.prompt_tokens:
        raise ScenarioError(
            f"cell {cell.key}: wanted {tokens} prompt tokens, input {document.name!r} has "
            f"{document.prompt_tokens}; ask for fewer, or choose an input with a longer prompt (a larger image "
            "has more tokens)"
        )


def _padded(tokens: int, parallel: int) -> int:
    """Return the cache positions a chunked prefill writes: the last chunk is padded."""
    return -(-tokens // parallel) * parallel


def _check_parallel(cell: Cell, manifest: Manifest, parallel: int) -> None:
    known = _shapes(manifest, Graph.LLM, "tokens")
    if parallel not in known:
        raise ScenarioError(
            f"cell {cell.key}: the build {manifest.model}-{manifest.recipe} prefills {sorted(known)} tokens "
            f"in parallel, not {parallel}"
        )


def _check_cache(cell: Cell, manifest: Manifest, tokens: int) -> None:
    held = manifest.dimensions.cache_tokens
    if tokens > held:
        raise ScenarioError(
            f"cell {cell.key}: {tokens} tokens do not fit into the cache of {manifest.model}-{manifest.recipe}, "
            f"which holds {held}; shorten the prompt or new_tokens, or export a build with a longer cache"
        )


def _shapes(manifest: Manifest, graph: Graph, symbol: str) -> set[int]:
    return {shape[symbol] for file in manifest.graphs.get(graph, []) for shape in file.shapes if symbol in shape}


def _parameter(cell: Cell, name: str) -> Parameter:
    if name not in cell.parameters:
        raise ScenarioError(f"cell {cell.key}: the parameter {name!r} is missing")
    return cell.parameters[name]


def _whole(cell: Cell, name: str) -> int:
    value = _parameter(cell, name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ScenarioError(f"cell {cell.key}: {name} must be a whole number, found {value!r}")
    return value


def _flag(cell: Cell, name: str) -> bool:
    value = _parameter(cell, name)
    if not isinstance(value, bool):
        raise ScenarioError(f"cell {cell.key}: {name} must be true or false, found {value!r}")
    return value
