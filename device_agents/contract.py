"""The contract between the three islands: Manifest, Input, Job, Event and the only enums.

`models/` writes a :class:`Manifest` and :class:`Input`, `lab/` writes a :class:`Job`, agents write
:class:`Event` lines. Agents in other languages follow `contract.schema.json` and `PROTOCOL.md`; the
schema and the tables of the page are generated from this module (``python -m device_agents.schema --write``).

Times are nanoseconds of the device's monotonic clock. Paths are relative, use forward slashes, are in
their shortest form, and never leave the folder they are relative to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)

from device_agents.plain import plain
from device_agents.reasons import InvalidReason as InvalidReason  # noqa: PLC0414 - handed on

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PROTOCOL = 1
"""The version that this file describes. A reader refuses a higher one, and upgrades or refuses a lower one."""

PATH_BYTES, NAME_BYTES = 512, 255
"""Longest path of a file and longest name in it: NAME_MAX of Linux (limits.h); and half of the 1,024 bytes that
adb's sync protocol takes for a path (AOSP, SYNC.TXT), which leaves room for the folder on the device."""

PROJECTIONS = 64
"""How many random projections an output carries: one for each bit of a 64-bit hash."""


class Stage(StrEnum):
    """The work that a span timed, in the order of one generation."""

    LOAD = "load"
    TILE = "tile"
    PATCH_EMBED = "patch_embed"
    VIT = "vit"
    PROJECT = "project"
    EMBED = "embed"
    PREFILL = "prefill"
    FIRST_TOKEN = "first_token"
    SWAP = "swap"
    DECODE = "decode"
    SAMPLE = "sample"
    DETOKENISE = "detokenise"
    UNLOAD = "unload"


ROLES: Mapping[Stage, str] = MappingProxyType(
    {
        Stage.LOAD: "cpu",
        Stage.TILE: "cpu",
        Stage.PATCH_EMBED: "cpu",
        Stage.VIT: "npu",
        Stage.PROJECT: "npu",
        Stage.EMBED: "cpu",
        Stage.PREFILL: "npu",
        Stage.FIRST_TOKEN: "user",
        Stage.SWAP: "npu",
        Stage.DECODE: "npu",
        Stage.SAMPLE: "cpu",
        Stage.DETOKENISE: "cpu",
        Stage.UNLOAD: "cpu",
    }
)
"""The unit of each stage in the paper's system (arXiv 2411.10640, sec. 3.2 to 3.4), wherever the stage ran."""


class Graph(StrEnum):
    """The networks of a build. `llm` serves both prefill and decode."""

    TILE = "tile"
    PATCH_EMBED = "patch_embed"
    VIT = "vit"
    PROJECT = "project"
    EMBED = "embed"
    LLM = "llm"


class ErrorClass(StrEnum):
    """Why an agent gave up."""

    LOAD = "load"
    OOM = "oom"
    UNIT_UNAVAILABLE = "unit_unavailable"
    BAD_JOB = "bad_job"
    VERSION = "version"
    NO_WORK = "no_work"
    DISK_FULL = "disk_full"
    TIMEOUT = "timeout"
    CRASH = "crash"


def _relative(path: str) -> str:
    pure = PurePosixPath(path)
    if not path or pure.is_absolute() or ".." in pure.parts or "\\" in path:
        raise ValueError(f"wanted a relative path that stays in its folder, found {_quoted(path)}")
    if str(pure) != path:
        raise ValueError(f"wanted a path in its shortest form, {_quoted(str(pure))}, found {_quoted(path)}")
    if plain(path) != path:
        raise ValueError(f"wanted a path of visible characters on one line, found {_quoted(path)}")
    if len(path.encode()) > PATH_BYTES or any(len(part.encode()) > NAME_BYTES for part in pure.parts):
        raise ValueError(
            f"wanted a path of at most {PATH_BYTES} bytes, each name in it of at most {NAME_BYTES}, found "
            f"{_quoted(path)}"
        )
    return path


def _quoted(path: str) -> str:
    return ascii(path) if len(path) <= 100 else f"{path[:100]!a}... ({len(path)} characters)"


RelativePath = Annotated[str, AfterValidator(_relative)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
LARGEST = 2**63 - 1
"""The largest integer of any document: a signed word of 64 bits holds it, whatever the agent is written in."""

Integer = Annotated[int, Field(strict=True, ge=-LARGEST - 1, le=LARGEST)]
Count = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
Positive = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
Real = Annotated[
    float, WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]})
]
"""A computed number. A broken network may compute NaN or infinity; JSON has neither, so they are strings."""


class Contract(BaseModel):
    """The base of every document: frozen; it rejects unknown keys."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", ser_json_inf_nan="strings")


# --- Build -----------------------------------------------------------------------------------------


class File(Contract):
    """One file of a build, with the size and hash that `lab builds verify` and a push check."""

    path: RelativePath
    sha256: Sha256
    bytes: Count


class GraphFile(Contract):
    """One graph file: `shapes` lists the shapes it may run with, `weights` the files it shares with others."""

    path: RelativePath
    weights: list[RelativePath] = Field(description="weight files that the graph maps, shared between shapes")
    shapes: list[dict[str, Positive]] = Field(
        description="static shapes to run it with, by symbol: tiles in a `batch`, or `tokens` in parallel"
    )


class Product(Contract):
    """How the matrices of a component are multiplied, and what a weight takes, scales and padding included."""

    operator: str = Field(description="the runtime's operator: MatMul, MatMulNBits, ...")
    accuracy_level: Integer | None = Field(description="of MatMulNBits: 4 multiplies in INT8")
    block: Positive | None = Field(description="weights of a row that share one scale; null: the whole row")
    unpacked: bool = Field(description="the runtime unpacks the weights to float32 once, while it opens the graph")
    stored_bits: float = Field(gt=0, description="bits a weight in the build's files")
    loaded_bits: float = Field(gt=0, description="bits a weight in memory, where the operator reads it")


class Precision(Contract):
    """How one component is stored and computed; `note` says where that departs from the paper.

    `product` is absent where no matrix is multiplied, and in builds older than the field (their ids stay).
    """

    weights: str
    activations: str
    note: str = ""
    product: Product | None = Field(default=None, exclude_if=lambda product: product is None)


class Tolerance(Contract):
    """How far an output may lie from the fp32 oracle before a trial is `wrong_output`.

    `features` and `logits` bound ||output - golden|| / ||golden||, estimated from the projections.
    `margin` bounds the oracle's top-1 minus top-2 logit at the first token that differs: below it the
    oracle itself is undecided, and quantisation may choose another token.
    """

    features: float = Field(gt=0)
    logits: float = Field(gt=0)
    margin: float = Field(ge=0)


class RecipeError(Contract):
    """The error that the precision recipe adds, measured by the export against the fp32 oracle."""

    feature_relative_error: float
    feature_cosine: float
    logit_relative_error: float
    logit_kl_nats: float
    top1_agreement: float
    positions: Positive = Field(description="number of logit positions that the three logit figures average")


class Dimensions(Contract):
    """The sizes that an agent needs to allocate memory and to check its work."""

    tile_pixels: Positive
    vision_tokens_per_tile: Positive
    vision_hidden: Positive
    tokens_per_tile: Positive = Field(description="tokens that a tile takes up in the language model")
    hidden: Positive
    layers: Positive
    key_value_heads: Positive
    head_dim: Positive
    vocabulary: Positive
    cache_tokens: Positive = Field(description="positions that the key-value cache holds")


class Tokenizer(Contract):
    """`bytes`: token id = byte + `first_byte`; lower ids are special. Public BPE kinds may follow."""

    kind: Literal["bytes"]
    first_byte: Count
    end: Count


class WeightsFile(Contract):
    """A file or folder of weights on the machine that exported the build; models/ reads them from it again."""

    option: Literal["weights", "vision", "language"] = Field(
        description="the option of models.export it was given as"
    )
    path: str = Field(description="absolute, or relative to pocketlab's own folder for weights that come with it")
    sha256: Sha256 = Field(description="of the file, or of the digests of all its shards")


class Weights(Contract):
    """Where the weights came from. With `random` weights speeds are real and answers are nonsense."""

    origin: Literal["trained", "random", "checkpoint"]
    source: str = Field(description="the seed, the training run or the checkpoint to get the weights from again")
    seed: Integer | None = Field(default=None, description="the seed from which models/ draws what no file gives")
    files: list[WeightsFile] = Field(
        default_factory=list,
        exclude_if=lambda files: not files,  # a build of before keeps its name
        description="the files from which models/ reads the weights again",
    )


class Accuracy(Contract):
    """How many questions a build answers, counted once by its export: enough to notice a broken build.

    `lab run accuracy` asks more of them, on a device.
    """

    questions: Sha256 = Field(description="content id of the answer key")
    asked: Positive = Field(description="the first so many questions of the set")
    right: Count


class Manifest(Contract):
    """One build: immutable, named by the SHA-256 of this document (:func:`content_id`)."""

    protocol: Positive
    runtime: Literal["onnxruntime", "stand_in"]
    model: Name = Field(description="the preset: tiny, nano, bench, ...")
    recipe: Name
    dimensions: Dimensions
    graphs: dict[Graph, list[GraphFile]]
    precision: dict[str, Precision]
    kv_cache: Literal["float32", "float16", "int8"]
    tolerance: Tolerance
    recipe_error: RecipeError
    tokenizer: Tokenizer
    inputs: dict[Name, RelativePath] = Field(description="name of a reference input -> its folder in the build")
    weights: Weights
    accuracy: Accuracy | None = Field(
        default=None,
        exclude_if=lambda accuracy: accuracy is None,
        description="absent in builds older than the field (their ids stay), and where nothing was asked",
    )
    notes: list[str] = Field(default_factory=list)
    files: list[File]


class ForeignManifest(Contract):
    """A build that another project's tool runs: packed by the lab, named like any build (:func:`content_id`).

    It has no graphs, inputs or golden outputs: the tool makes up random token ids and prints durations.
    The lab can check how much the tool computed, not what.
    """

    protocol: Positive
    runtime: Name = Field(description="whose tool runs it, as the lab's table of runtimes names it: llama.cpp")
    model: Name
    recipe: Name
    weight_file: RelativePath = Field(description="the file that the tool loads: the .gguf")
    program: RelativePath = Field(description="the tool itself: llama-bench, for the device's ABI")
    abi: str = Field(description="machine of the program, from its ELF header: x86_64, arm64, ...; or `script`")
    kv_cache: Name = Field(description="type of the key-value cache, as the tool calls it: f16, q8_0")
    prompt_tokens: dict[Name, Positive] = Field(
        description="input that a scenario names -> how many tokens the tool works on instead"
    )
    weights: Weights
    notes: list[str] = Field(default_factory=list)
    files: list[File]


def manifest_of(document: object) -> Manifest | ForeignManifest:
    """Check a manifest, ours or a foreign one (it names a `program`); raises `pydantic.ValidationError`."""
    foreign = isinstance(document, dict) and "program" in document
    return (ForeignManifest if foreign else Manifest).model_validate(document)


# --- Input -----------------------------------------------------------------------------------------


class Placement(Contract):
    """Where an image lies on its canvas of columns x rows tiles; chosen once, by `models/`."""

    rule: str
    columns: Positive
    rows: Positive
    fit_width: Positive
    fit_height: Positive
    left: Count
    top: Count
    order: list[Count] = Field(description="order of encoding: 0 = thumbnail, 1.. = tiles row by row")


class Image(Contract):
    """Decoded pixels: RGB8, row-major, height x width x 3, no header."""

    path: RelativePath
    sha256: Sha256
    width: Positive
    height: Positive


class Segment(Contract):
    """A stretch of the prompt: `ids`, or the image's tokens when `ids` is None."""

    ids: list[Count] | None


class Fingerprint(Contract):
    """A tensor's shape, norm and 64 sums under random signs (:func:`fingerprint`)."""

    shape: list[Positive]
    norm: Real
    projections: Annotated[list[Real], Field(min_length=PROJECTIONS, max_length=PROJECTIONS)]


class TokenTrail(Contract):
    """Greedy token ids, each with its margin: top-1 minus top-2 logit."""

    ids: list[Count]
    margins: list[Real] = Field(description="one for each id")

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if len(self.margins) != len(self.ids):
            raise ValueError(f"wanted a margin for each of {len(self.ids)} ids, found {len(self.margins)}")
        return self


class Golden(Contract):
    """The fp32 torch oracle's outputs for an input."""

    features: Fingerprint | None = Field(description="projected image tokens, in `order`")
    logits: Fingerprint = Field(description="logits after the last prompt token")
    tokens: TokenTrail


class Input(Contract):
    """The input of a workload; content-addressed by :func:`content_id`."""

    protocol: Positive
    name: Name
    image: Image | None
    placement: Placement | None
    segments: list[Segment]
    prompt_tokens: Positive = Field(description="text and image tokens together")
    instruction: str
    golden: Golden


# --- Question set ----------------------------------------------------------------------------------


class Question(Contract):
    """A question of a set, as an agent needs it. Its answers are in the :class:`AnswerKey`, for the lab alone."""

    name: Name
    image: Image | None = Field(description="its path is relative to the set's folder")
    placement: Placement | None
    segments: list[Segment]
    prompt_tokens: Positive = Field(description="text and image tokens together")


class QuestionSet(Contract):
    """Questions to answer in this order, prepared for models with these tiles; content-addressed.

    Consecutive questions of one image have the same `image` and `placement`: an agent encodes it once.
    """

    protocol: Positive
    name: Name
    tile_pixels: Positive
    tokens_per_tile: Positive
    tokenizer: Tokenizer
    questions: Annotated[list[Question], Field(min_length=1)]


class Expected(Contract):
    """The accepted answers of one question, and what tells it from others; no device needs it."""

    name: Name
    text: str = Field(description="the question, for people")
    answers: Annotated[list[str], Field(min_length=1)] = Field(description="each is right")
    kind: str = Field(description="kind of question: answers are tabled by it")
    layout: str = Field(description="layout of its image: answers are tabled by it")
    image: str = Field(description="name of its image; questions of one image are no independent samples")


class AnswerKey(Contract):
    """`answers.json` of a folder of question sets: the answers to each of them; content-addressed.

    The sets of a folder ask the same questions, with other images: as they are, blanked, or the thumbnail alone.
    """

    protocol: Positive
    name: Name
    source: str = Field(description="where the questions came from: a generator and its seed, a file")
    sets: dict[RelativePath, Sha256] = Field(description="file of a question set -> its content id")
    expected: Annotated[list[Expected], Field(min_length=1)] = Field(description="in the order of the questions")
    left_out: list[str] = Field(default_factory=list, description="rows of the source that are none, and why")


def text_of(ids: Sequence[int], tokenizer: Tokenizer) -> str:
    """Return the text of token ids: the `bytes` tokenizer's other ids, the end among them, have none."""
    content = bytes(each - tokenizer.first_byte for each in ids if 0 <= each - tokenizer.first_byte < 256)
    return content.decode("utf-8", errors="replace")


def normalised(text: str) -> str:
    """Return a text without case and without spaces at its ends, and with single spaces inside."""
    return " ".join(text.casefold().split())


def is_right(said: str, answers: Sequence[str]) -> bool:
    """Return whether a text equals an accepted answer once both are normalised; of a choice that is a letter."""
    return normalised(said) in {normalised(each) for each in answers}


# --- Job -------------------------------------------------------------------------------------------


class Batch(Contract):
    """One launch of the vision graphs: `true` tiles, run at the graph's batch size `padded`."""

    true: Positive
    padded: Positive


class LoadWork(Contract):
    """Open every graph, then close them all."""

    kind: Literal["load"] = "load"


class EncodeImageWork(Contract):
    """Image -> image tokens. `pipelined`: the next batch's convolution overlaps this one's blocks."""

    kind: Literal["encode_image"] = "encode_image"
    input: Name
    batches: Annotated[list[Batch], Field(min_length=1)]
    pipelined: bool


class PrefillWork(Contract):
    """Run the input's prompt through the language model, `parallel_tokens` a call."""

    kind: Literal["prefill"] = "prefill"
    input: Name
    prompt_tokens: Positive = Field(description="true tokens, taken from the start of the input's prompt")
    parallel_tokens: Positive


class DecodeWork(Contract):
    """Decode `new_tokens` one by one, after a cache already filled with `context_tokens`."""

    kind: Literal["decode"] = "decode"
    input: Name
    context_tokens: Positive
    new_tokens: Positive
    parallel_tokens: Positive


class GenerateWork(Contract):
    """Image and instruction -> streamed text.

    Coupled: both are given at the start. Decoupled: the instruction is given `instruction_delay_s`
    after the image, or when the image is encoded if that is None. `prefill_early` is ours, not the paper's.
    """

    kind: Literal["generate"] = "generate"
    input: Name
    batches: Annotated[list[Batch], Field(min_length=1)]
    pipelined: bool
    parallel_tokens: Positive
    new_tokens: Annotated[int, Field(strict=True, ge=2, le=LARGEST)]
    coupled: bool
    instruction_delay_s: float | None = None
    release_vision: bool = Field(
        default=False, description="close the vision graphs once the image is encoded, and give their memory back"
    )
    prefill_early: bool = Field(
        default=False,
        description="prefill the whole chunks before the instruction without waiting for it; needs a delay",
    )


class EvaluateWork(Contract):
    """A question set -> answers: every iteration is one question, in the set's order, so there is no warm-up.

    An image is cut into batches of `patches_per_batch`; the rest runs at the build's smallest shape that holds it.
    Decoding is greedy and ends with the tokenizer's `end`, or after `most_tokens`.
    """

    kind: Literal["evaluate"] = "evaluate"
    questions: Name = Field(description="the set's folder, by its name in the job's `inputs`")
    document: RelativePath = Field(default="questions.json", description="the question set in that folder")
    patches_per_batch: Positive
    pipelined: bool
    parallel_tokens: Positive
    most_tokens: Positive
    stream: bool = Field(default=False, description="write a `piece` for each token as soon as it is there")


class NullWork(Contract):
    """No work: it measures the lab's own cost."""

    kind: Literal["null"] = "null"


Work = Annotated[
    LoadWork | EncodeImageWork | PrefillWork | DecodeWork | GenerateWork | EvaluateWork | NullWork,
    Field(discriminator="kind"),
]


class Unit(Contract):
    """An execution unit: a named set of cores that does one thing at a time."""

    cores: Annotated[list[Count], Field(min_length=1)]


class Inject(Contract):
    """A deliberate slow-down for the lab's self-test, recorded in the events."""

    stage: Stage
    slow_down: float = Field(gt=1.0, description="the stage's time is multiplied by this")


class Job(Contract):
    """The work that an agent does once, in one process."""

    protocol: Positive
    trial: str
    build: str = Field(description="folder of the build on the device")
    work: Work
    warmup_iterations: Count
    iterations: Positive
    units: dict[Name, Unit]
    stages: dict[Graph, Name] = Field(description="which unit runs which graph")
    inputs: dict[Name, str] = Field(
        default_factory=dict,
        description="inputs outside the build: name -> folder on the device; one hides the build's of that name",
    )
    memory_pass: bool = False
    inject: Inject | None = None


class Command(Contract):
    """How to start a foreign tool on the device: the output of an adapter's `prepare`.

    The lab puts `files` (name -> text) into the trial's folder, runs `argv` there and fetches `outputs`.
    """

    argv: Annotated[list[str], Field(min_length=1)]
    environment: dict[str, str]
    files: dict[RelativePath, str] = Field(default_factory=dict)
    outputs: list[RelativePath] = Field(
        default_factory=list, description="files to fetch besides stdout and stderr"
    )


# --- Events ----------------------------------------------------------------------------------------


class Hello(Contract):
    """First line: which agent runs, and where. The three clocks are read together."""

    event: Literal["hello"] = "hello"
    protocol: Positive
    agent: str
    agent_version: str
    runtime: str
    runtime_version: str
    abi: str
    cpu_features: list[str]
    units: dict[Name, list[Count]]
    pid: Count = Field(description="0 for a foreign tool, whose output does not give it")
    monotonic_ns: Integer
    boot_ns: Integer
    real_ns: Integer


class Tokens(Contract):
    """How much a span worked on: `true` is what counts, `padded` what was computed."""

    true: Count
    padded: Count


class Span(Contract):
    """One stage of one iteration on one unit."""

    event: Literal["span"] = "span"
    stage: Stage
    iteration: Count
    index: Count = Field(description="batch, chunk or token")
    parent: Stage | None = None
    start_ns: Integer
    duration_ns: Count
    role: str = Field(description="the paper's name of the unit: cpu or npu; user for the time that a user waits")
    unit: str = Field(description="the unit that executed it, e.g. cpu0-1")
    thread: Count
    cpu_ns: Count = Field(
        description="CPU time: the thread's on a one-core unit, the process's otherwise; 0 for a parsed span"
    )
    count: Tokens | None = Field(default=None, description="tiles for vision stages, tokens for the others")
    source: Literal["measured", "parsed"] = Field(
        default="measured", description="parsed: a foreign tool printed the duration; the start is unknown"
    )


class Iteration(Contract):
    """One repetition as a user would feel it (wall time)."""

    event: Literal["iteration"] = "iteration"
    iteration: Count
    phase: Literal["warmup", "measure"]
    start_ns: Integer
    duration_ns: Count


class Output(Contract):
    """The result of an iteration: a fingerprint of features or logits, or token ids."""

    event: Literal["output"] = "output"
    kind: Literal["features", "logits", "tokens"]
    iteration: Count
    fingerprint: Fingerprint | None = None
    tokens: TokenTrail | None = None


class Piece(Contract):
    """A token of an answer, written as soon as it is there if the job asks to `stream`."""

    event: Literal["piece"] = "piece"
    iteration: Count
    index: Count = Field(description="number of the token in its answer")
    id: Count


class Answer(Contract):
    """The answer to one question, written after its iteration: `tokens`, or the `problem` that prevents one."""

    event: Literal["answer"] = "answer"
    iteration: Count
    question: Name
    tokens: TokenTrail | None = Field(
        default=None, description="ends with the tokenizer's `end`, unless cut short"
    )
    problem: str | None = None

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.tokens is None) == (self.problem is None):
            raise ValueError("wanted either the tokens of an answer or the problem that prevents one")
        return self


class Memory(Contract):
    """Resident memory, reported only in the separate memory pass: of the process so far, or during a phase."""

    event: Literal["memory"] = "memory"
    iteration: Count
    resident_bytes: Count = Field(description="at the end")
    peak_bytes: Count = Field(description="the most so far, or during the phase")
    during: Literal["load", "encode", "prefill", "decode"] | None = Field(
        default=None, description="the phase; null: the process so far"
    )
    sampled: bool = Field(
        default=False, description="the kernel did not reset its peak: `peak_bytes` is the resident set at the end"
    )


class Error(Contract):
    """The agent gives up; only `end` may follow."""

    event: Literal["error"] = "error"
    error: ErrorClass
    message: str


class End(Contract):
    """Last line. Without it the trial failed, whatever the exit code."""

    event: Literal["end"] = "end"
    spans: Count
    iterations: Count
    outputs: Count
    inject: Inject | None = None


class StageTime(Contract):
    """The launches of one stage in the measured iterations of a profiled job, as its spans timed them."""

    stage: Stage
    launches: Count
    duration_ns: Count
    items: Count = Field(description="true tiles or tokens")


class OperatorTime(Contract):
    """The calls of one of the runtime's operators inside one stage of a profiled job."""

    stage: Stage
    operator: str = Field(description="the runtime's name of its type: MatMul, GroupQueryAttention, Cast, ...")
    calls: Count
    duration_ns: Count


class Operators(Contract):
    """Where the time of a job went, by the runtime's own profiler, which slows it: never a measured trial."""

    runtime: str
    runtime_version: str
    stages: list[StageTime]
    operators: list[OperatorTime]
    unseen: Count = Field(description="launches that the profiler did not record, left out of the lists above")


Event = Annotated[
    Hello | Span | Iteration | Output | Piece | Answer | Memory | Error | End, Field(discriminator="event")
]

parse_event: TypeAdapter[Event] = TypeAdapter(Event, config=ConfigDict(defer_build=True))
"""``parse_event.validate_json(line)`` -> one event; raises `pydantic.ValidationError`."""


def content_id(document: Manifest | ForeignManifest | Input | QuestionSet | AnswerKey) -> str:
    """Return the SHA-256 of the document's canonical JSON (sorted keys, no spaces): its name in the lab."""
    return hashlib.sha256(canonical_json(document)).hexdigest()


def canonical_json(document: BaseModel) -> bytes:
    """Return the bytes that a document is hashed and written as."""
    return json.dumps(
        document.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=True
    ).encode()


def fingerprint(values: npt.NDArray[np.float32]) -> Fingerprint:
    """Return the norm and 64 signed sums of a tensor of any shape.

    Element i (row-major) has the hash SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) of i + 1; bit k of
    the hash gives its sign in sum k. The expected square of each sum is ||values||^2, so two fingerprints
    estimate the distance of two tensors with a relative standard error of 1/sqrt(128)
    (:func:`relative_distance`).
    """
    import numpy as np  # noqa: PLC0415 - half of what reading a document takes

    flat = np.ascontiguousarray(values, dtype=np.float32).reshape(-1)
    sums = np.zeros(PROJECTIONS, dtype=np.float64)
    for start in range(0, flat.size, 1 << 16):
        part = flat[start : start + (1 << 16)]
        with np.errstate(over="ignore"):
            z = (np.arange(start + 1, start + 1 + part.size, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = z ^ (z >> np.uint64(31))
        bits = np.unpackbits(z.astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
        sums += part.astype(np.float64) @ (2.0 * bits - 1.0)
    norm = float(np.linalg.norm(flat.astype(np.float64)))
    return Fingerprint(shape=list(values.shape), norm=norm, projections=[float(s) for s in sums])


def relative_distance(found: Fingerprint, golden: Fingerprint) -> float:
    """Estimate ||found - golden|| / ||golden|| from two fingerprints; NaN and infinity propagate."""
    import numpy as np  # noqa: PLC0415 - as above

    with np.errstate(over="ignore", invalid="ignore"):
        difference = np.subtract(found.projections, golden.projections)
        return float(np.sqrt(np.mean(difference**2)) / golden.norm)
