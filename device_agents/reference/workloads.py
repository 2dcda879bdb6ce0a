"""The workloads: each defines the work of one iteration and the outputs to check."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from device_agents.contract import (
    Answer,
    Batch,
    DecodeWork,
    EncodeImageWork,
    EvaluateWork,
    Fingerprint,
    GenerateWork,
    Graph,
    Inject,
    Input,
    Job,
    LoadWork,
    NullWork,
    Output,
    Piece,
    PrefillWork,
    Stage,
    fingerprint,
)
from device_agents.reference.evaluate import Evaluate
from device_agents.reference.failure import bad_job
from device_agents.reference.language import Language
from device_agents.reference.meter import Meter
from device_agents.reference.package import Package, read_input
from device_agents.reference.sessions import Array, open_session
from device_agents.reference.stage import Place, RawSpan, injected, run_stage
from device_agents.reference.units import Units
from device_agents.reference.vision import Vision


class Workload(Protocol):
    """Opened once; then `reset`, `run` and `outputs` are called for each iteration."""

    def reset(self) -> None:
        """Clear all state before the next run; untimed."""

    def run(self, spans: list[RawSpan], iteration: int) -> None:
        """Do the work once; its wall time is that of the iteration."""

    def outputs(self, iteration: int) -> Sequence[Output | Answer]:
        """Return the outputs of the last run; untimed."""

    def close(self) -> None:
        """End threads."""


class Null:
    """No work."""

    stages: frozenset[Stage] = frozenset()

    def reset(self) -> None:
        """Do nothing: there is no state."""

    def run(self, spans: list[RawSpan], iteration: int) -> None:
        """Do nothing."""

    def outputs(self, iteration: int) -> Sequence[Output | Answer]:
        """Return no output."""
        return []

    def close(self) -> None:
        """Do nothing: there is no thread."""


class Load(Null):
    """Open every graph of the build, each on its unit, then close them all."""

    stages = frozenset({Stage.LOAD, Stage.UNLOAD})

    def __init__(self, package: Package, units: Units, inject: Inject | None) -> None:
        manifest = package.manifest
        self._inject = inject
        self._opened: list[object] = []
        self._openers = [
            (lambda g=graph, f=file: self._opened.append(open_session(package, g, f, units[g])))
            for graph, files in manifest.graphs.items()
            for file in files
        ]
        placed = [units[graph] for graph, files in manifest.graphs.items() for _ in files]
        self._loads = [Place(Stage.LOAD, unit) for unit in placed]
        self._unloads = [Place(Stage.UNLOAD, unit) for unit in placed]

    def run(self, spans: list[RawSpan], iteration: int) -> None:
        """Append a `load` span for each graph file, then an `unload` span for each."""
        for index, (opener, place) in enumerate(zip(self._openers, self._loads, strict=True)):
            run_stage(injected(opener, Stage.LOAD, self._inject), spans, place, iteration, index)
        for index, place in enumerate(self._unloads):
            closer = injected(self._close_first, Stage.UNLOAD, self._inject)
            run_stage(closer, spans, place, iteration, index)

    def _close_first(self) -> None:
        if self._opened:
            self._opened.pop(0)


class Encode(Null):
    """Encode an image into image tokens."""

    stages = frozenset({Stage.TILE, Stage.PATCH_EMBED, Stage.VIT, Stage.PROJECT})

    def __init__(self, package: Package, units: Units, work: EncodeImageWork, inject: Inject | None) -> None:
        source = read_input(package, work.input)
        self._vision = Vision(package, units, source, work.batches, pipelined=work.pipelined, inject=inject)
        self._told = _Told()

    def reset(self) -> None:
        """Zero the tokens, so that an iteration that computes nothing is noticed."""
        self._vision.tokens.fill(0)

    def run(self, spans: list[RawSpan], iteration: int) -> None:
        """Encode the image."""
        self._vision.encode(spans, iteration)

    def outputs(self, iteration: int) -> list[Output]:
        """Return the features' fingerprint."""
        found = self._told.fingerprint(_rows(self._vision.tokens))
        return [Output(kind="features", iteration=iteration, fingerprint=found)]

    def close(self) -> None:
        """End the pipeline."""
        self._vision.close()


class Prefill(Null):
    """Run the first tokens of a prompt through the language model; its image is encoded in advance."""

    stages = frozenset({Stage.EMBED, Stage.PREFILL})

    def __init__(self, package: Package, units: Units, work: PrefillWork, inject: Inject | None) -> None:
        source = read_input(package, work.input)
        self._language = Language(
            package,
            units,
            source,
            encode_beforehand(package, units, source),
            prompt_tokens=work.prompt_tokens,
            parallel_tokens=work.parallel_tokens,
            new_tokens=0,
            inject=inject,
        )
        self._told = _Told()

    def reset(self) -> None:
        """Empty the cache."""
        self._language.reset()

    def run(self, spans: list[RawSpan], iteration: int) -> None:
        """Prefill the prompt."""
        self._language.prefill(spans, iteration)

    def outputs(self, iteration: int) -> list[Output]:
        """Return the fingerprint of the logits after the last prompt token."""
        found = self._told.fingerprint(self._language.last_logits[0])
        return [Output(kind="logits", iteration=iteration, fingerprint=found)]


class Decode(Null):
    """Decode new tokens; the cache is filled with the context before every iteration, untimed."""

    stages = frozenset({Stage.EMBED, Stage.DECODE, Stage.SAMPLE, Stage.DETOKENISE})

    def __init__(self, package: Package, units: Units, work: DecodeWork, inject: Inject | None) -> None:
        source = read_input(package, work.input)
        self._new = work.new_tokens
        self._language = Language(
            package,
            units,
            source,
            encode_beforehand(package, units, source),
            prompt_tokens=work.context_tokens,
            parallel_tokens=work.parallel_tokens,
            new_tokens=work.new_tokens,
            inject=inject,
        )

    def reset(self) -> None:
        """Empty the cache and fill it with the context."""
        self._language.reset()
        self._language.prefill([], 0)

    def run(self, spans: list[RawSpan], iteration: int) -> None:
        """Make every new token visible, one by one."""
        self._language.decode(spans, iteration, 0, self._new)

    def outputs(self, iteration: int) -> list[Output]:
        """Return the tokens."""
        return [Output(kind="tokens", iteration=iteration, tokens=self._language.trail())]


class Generate(Null):
    """Generate streamed text from an image and an instruction, given together or the instruction later."""

    stages = Encode.stages | Prefill.stages | Decode.stages

    def __init__(
        self, package: Package, units: Units, work: GenerateWork, inject: Inject | None, meter: Meter | None = None
    ) -> None:
        _check_instruction(work)
        source = read_input(package, work.input)
        self._work = work
        self._vision = Vision(package, units, source, work.batches, pipelined=work.pipelined, inject=inject)
        self._language = Language(
            package,
            units,
            source,
            self._vision.tokens,
            prompt_tokens=source.prompt_tokens,
            parallel_tokens=work.parallel_tokens,
            new_tokens=work.new_tokens,
            inject=inject,
        )
        if work.prefill_early and not self._language.instructed:
            raise bad_job(f"prefill_early needs text after the image, and input {work.input!r} has none")
        self._meter, self._loaded = meter or Meter(), True
        self._user = Place(Stage.FIRST_TOKEN, units[Graph.LLM])
        self._unload = Place(Stage.UNLOAD, units[Graph.PATCH_EMBED])
        self._features, self._logits = _Told(), _Told()

    def reset(self) -> None:
        """Forget the image and the text, and open the vision graphs again if they were released."""
        self._vision.open()
        self._vision.tokens.fill(0)
        self._language.reset()

    def run(self, spans: list[RawSpan], iteration: int) -> None:
        """Encode, wait for the instruction if it has not been given yet, prefill, and stream."""
        self._note_loaded()
        image_given = time.monotonic_ns()
        self._vision.encode(spans, iteration)
        encoded = time.monotonic_ns()
        if self._work.release_vision:
            run_stage(self._vision.release, spans, self._unload, iteration, 0)
            self._loaded = True
        self._meter.end("encode")
        both_given = self._prefill(spans, iteration, image_given, encoded)
        self._meter.end("prefill")
        self._language.decode(spans, iteration, 0, 1)
        visible = spans[-1][4]
        thread = spans[-1][6]
        spans.append((self._user, iteration, 0, both_given, visible, 0, thread, 0, 0))
        self._language.decode(spans, iteration, 1, self._work.new_tokens)
        self._meter.end("decode")

    def outputs(self, iteration: int) -> list[Output]:
        """Return the features' and the logits' fingerprints, and the tokens."""
        features = self._features.fingerprint(_rows(self._vision.tokens))
        logits = self._logits.fingerprint(self._language.last_logits[0])
        return [
            Output(kind="features", iteration=iteration, fingerprint=features),
            Output(kind="logits", iteration=iteration, fingerprint=logits),
            Output(kind="tokens", iteration=iteration, tokens=self._language.trail()),
        ]

    def close(self) -> None:
        """End the pipeline."""
        self._vision.close()

    def _note_loaded(self) -> None:
        """End the memory meter's phase of loading where something was loaded since the last iteration."""
        if self._loaded:
            self._meter.end("load")
        else:
            self._meter.begin()
        self._loaded = False

    def _prefill(self, spans: list[RawSpan], iteration: int, image_given: int, encoded: int) -> int:
        """Prefill, waiting for the user if necessary; return when image and instruction were both given."""
        if self._work.coupled:
            both_given = image_given
        elif self._work.instruction_delay_s is None:
            both_given = encoded
        else:
            both_given = image_given + int(self._work.instruction_delay_s * 1e9)
        if not self._work.prefill_early:
            _sleep_until(both_given)
            self._language.prefill(spans, iteration)
            return both_given
        self._language.prefill_known(spans, iteration)
        _sleep_until(both_given)
        self._language.prefill_rest(spans, iteration)
        return both_given


def _check_instruction(work: GenerateWork) -> None:
    """Raise `bad_job` for an instruction that cannot arrive as the work says."""
    if work.coupled and work.instruction_delay_s is not None:
        raise bad_job("instruction_delay_s needs coupled = false: coupled, both are given at the start")
    if work.instruction_delay_s is not None and not 0 <= work.instruction_delay_s < 3600:
        raise bad_job(f"instruction_delay_s: wanted 0 to 3600 seconds, found {work.instruction_delay_s}")
    if work.prefill_early and work.instruction_delay_s is None:
        raise bad_job("prefill_early needs instruction_delay_s: without one nobody waits for the instruction")


def _sleep_until(moment_ns: int) -> None:
    while (left := moment_ns - time.monotonic_ns()) > 0:
        time.sleep(left / 1e9)


def open_workload(  # noqa: PLR0911  (one return a workload)
    job: Job,
    package: Package,
    units: Units,
    meter: Meter | None = None,
    show: Callable[[Piece], None] = lambda piece: None,
) -> Workload:
    """Open the job's workload, which hands each streamed token to `show`.

    Raises `bad_job` for work that this agent cannot do.
    """
    check_inject(job)
    missing = set(package.manifest.graphs) - set(units)
    if missing:
        raise bad_job(f"the job's stages give no unit to {sorted(graph.value for graph in missing)}")
    match job.work:
        case NullWork():
            return Null()
        case LoadWork():
            return Load(package, units, job.inject)
        case EncodeImageWork() as work:
            return Encode(package, units, work, job.inject)
        case PrefillWork() as work:
            return Prefill(package, units, work, job.inject)
        case DecodeWork() as work:
            return Decode(package, units, work, job.inject)
        case GenerateWork() as work:
            return Generate(package, units, work, job.inject, meter)
        case EvaluateWork() as work:
            return Evaluate(package, units, work, job, show)


STAGES: dict[str, frozenset[Stage]] = {
    "null": Null.stages,
    "load": Load.stages,
    "encode_image": Encode.stages,
    "prefill": Prefill.stages,
    "decode": Decode.stages,
    "generate": Generate.stages,
    "evaluate": Evaluate.stages,
}
"""The stages that a slow-down may be injected into, by workload: those that compute."""


def check_inject(job: Job) -> None:
    """Raise `bad_job` for a slow-down of a stage that the workload does not have."""
    stages = STAGES.get(job.work.kind, frozenset())
    if job.inject is not None and job.inject.stage not in stages:
        raise bad_job(
            f"inject: {job.work.kind} has no stage {job.inject.stage.value!r} to slow down; "
            f"it has {sorted(stage.value for stage in stages)}"
        )


def encode_beforehand(package: Package, units: Units, source: Input) -> Array | None:
    """Encode an input's image untimed, in the largest batches of the build; return None without an image."""
    if source.placement is None:
        return None
    left = len(source.placement.order)
    offered = {shape["batch"] for file in package.manifest.graphs[Graph.VIT] for shape in file.shapes} or {left}
    batches = []
    while left:
        fitting = [size for size in offered if size <= left]
        padded = max(fitting) if fitting else min(offered)
        batches.append(Batch(true=min(left, padded), padded=padded))
        left -= min(left, padded)
    vision = Vision(package, units, source, batches, pipelined=False)
    try:
        vision.encode([], 0)
    finally:
        vision.close()
    return vision.tokens


class _Told:
    """Caches a fingerprint, and computes it again only if the bytes change: one process mostly repeats them."""

    def __init__(self) -> None:
        self._bytes = b""
        self._found: Fingerprint | None = None

    def fingerprint(self, values: Array) -> Fingerprint:
        found = np.ascontiguousarray(values).tobytes()
        if self._found is None or found != self._bytes:
            self._bytes, self._found = found, fingerprint(values)
        return self._found


def _rows(tokens: Array) -> Array:
    """View [tiles, tokens per tile, hidden] as the oracle does, with one row for each token."""
    return tokens.reshape(-1, tokens.shape[-1])
