"""The result that llama.cpp's `llama-bench` prints, compared with what its job asked for.

The output format is that of ``-o jsonl``: one object for each test. Its keys differ between builds, so they are
looked up by name. Many of them only repeat the options: they can contradict the job, but prove nothing.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from device_agents.contract import DecodeWork, ErrorClass, ForeignManifest, Graph, Job, PrefillWork
from device_agents.reference.failure import AgentError, bad_job

TAIL = 300
"""The number of characters that a message quotes from the end of the tool's output."""

NOT_PINNED = "failed to set affinity"
"""The text that ggml prints on stderr when it cannot pin a thread to its cores; it still goes on."""

ON_THE_CPU = frozenset({"CPU", "BLAS"})
"""The back ends of ggml that compute on the CPU; any other may take work from it, prompts even at 0 layers
(`op_offload` in llama.cpp's ggml-backend)."""

SIGNS: Mapping[str, ErrorClass] = {
    "invalid parameter": ErrorClass.BAD_JOB,
    "Exec format error": ErrorClass.LOAD,
    "cannot execute": ErrorClass.LOAD,
    "not found": ErrorClass.LOAD,
    "Permission denied": ErrorClass.LOAD,
    "failed to load model": ErrorClass.LOAD,
    "failed to allocate": ErrorClass.OOM,
    "unable to allocate": ErrorClass.OOM,
    "bad_alloc": ErrorClass.OOM,
}
"""Text on stderr of a failing `llama-bench`, or of the shell that could not start it -> the contract's class."""


class Result(BaseModel):
    """The fields read from one line of ``-o jsonl``; those with a default are not printed by every build."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    n_prompt: int = Field(ge=0)
    n_gen: int = Field(ge=0)
    n_depth: int = Field(default=0, ge=0)
    n_ubatch: int
    n_threads: int
    samples_ns: list[int]
    cpu_mask: str | None = None
    cpu_strict: bool | None = None
    n_gpu_layers: int | None = None
    backends: str | None = None
    devices: str | None = None
    type_k: str | None = None
    type_v: str | None = None
    model_filename: str | None = None
    build_commit: str = "unknown"
    build_number: int = 0
    test_time: str = ""


def read(job: Job, manifest: ForeignManifest, *, stdout: str, stderr: str, returncode: int) -> Result:
    """Read the result of a run that succeeded and did what the job asks; raises `AgentError` otherwise."""
    if returncode != 0:
        raise _failure(returncode, stderr)
    if NOT_PINNED in stderr:
        raise AgentError(ErrorClass.UNIT_UNAVAILABLE, f"llama-bench could not use its cores: {_tail(stderr)}")
    lines = [line for line in stdout.splitlines() if line.lstrip().startswith("{")]
    if len(lines) != 1:
        raise AgentError(
            ErrorClass.NO_WORK,
            f"llama-bench ended with status 0 and printed {len(lines)} results, wanted 1; stdout: "
            f"{_tail(stdout)!r}, stderr: {_tail(stderr)!r}",
        )
    try:
        result = Result.model_validate_json(lines[0])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise AgentError(
            ErrorClass.CRASH, f"llama-bench's result cannot be read: {where}: {first['msg']}: {_tail(lines[0])!r}"
        ) from error
    if not result.samples_ns or min(result.samples_ns) <= 0:
        raise AgentError(ErrorClass.NO_WORK, f"llama-bench took no time: samples_ns is {result.samples_ns}")
    _on_the_cpu(job, result)
    _as_asked(job, manifest, result)
    return result


def _on_the_cpu(job: Job, result: Result) -> None:
    """Raise `AgentError` when the tool says that something other than the CPU may have computed."""
    ends = [name.strip() for name in (result.backends or "").split(",") if name.strip()]
    others = [name for name in ends if name not in ON_THE_CPU]
    layers = result.n_gpu_layers or 0
    if (others and result.devices != "none") or layers:
        where = ", ".join(others) or "a back end that it does not name"
        raise AgentError(
            ErrorClass.UNIT_UNAVAILABLE,
            f"llama-bench ran on {where}, {layers} layers; wanted cores {cores_of(job)} alone: use a tool that "
            "was built without that back end",
        )


def _as_asked(job: Job, manifest: ForeignManifest, result: Result) -> None:
    """Raise `AgentError` when the tool says that it ran something else; the reader checks the amounts."""
    work, cores, cache = job.work, cores_of(job), manifest.kv_cache
    wanted: dict[str, object] = {"n_threads": len(cores)}
    if isinstance(work, PrefillWork):
        wanted |= {"n_gen": 0, "n_depth": 0, "n_ubatch": work.parallel_tokens}
    elif isinstance(work, DecodeWork):
        wanted |= {"n_prompt": 0, "n_depth": work.context_tokens, "n_ubatch": work.parallel_tokens}
    found: dict[str, object] = {name: getattr(result, name) for name in wanted}
    said: dict[str, tuple[object, object]] = {  # not printed by every build: (wanted, found)
        "cpu_mask": (hex(mask_of(cores)), result.cpu_mask and result.cpu_mask.lower()),
        "cpu_strict": (True, result.cpu_strict),
        "type_k": (cache, result.type_k),
        "type_v": (cache, result.type_v),
        "model_filename": (_name(manifest.weight_file), result.model_filename and _name(result.model_filename)),
    }
    wanted |= {name: pair[0] for name, pair in said.items() if pair[1] is not None}
    found |= {name: pair[1] for name, pair in said.items() if pair[1] is not None}
    if wrong := [f"{name} {found[name]}, wanted {wanted[name]}" for name in wanted if found[name] != wanted[name]]:
        raise bad_job(f"llama-bench ran something else than it was asked for: {'; '.join(wrong)}")


def _failure(returncode: int, stderr: str) -> AgentError:
    if returncode < 0:
        try:
            name = signal.Signals(-returncode).name
        except ValueError:
            name = f"signal {-returncode}"
        return AgentError(ErrorClass.CRASH, f"llama-bench was ended by {name}; its last words: {_tail(stderr)!r}")
    found = next((error for sign, error in SIGNS.items() if sign in stderr), ErrorClass.CRASH)
    return AgentError(found, f"llama-bench ended with status {returncode}; its last words: {_tail(stderr)!r}")


def cores_of(job: Job) -> list[int]:
    """Return the cores of the language model's unit; raises `AgentError` (`bad_job`) when it has none."""
    name = job.stages.get(Graph.LLM)
    if name not in job.units:
        raise bad_job(
            f"the job names no unit for the language model: stages {job.stages}, units {list(job.units)}"
        )
    return sorted(set(job.units[name].cores))


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def mask_of(cores: Sequence[int]) -> int:
    """Return a set of cores as a mask, core 0 as 1."""
    return sum(1 << core for core in cores)


def _tail(text: str) -> str:
    return text.strip()[-TAIL:]
