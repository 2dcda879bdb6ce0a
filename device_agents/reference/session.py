"""One job from `hello` to `end`: iterates a workload and reports its failure."""

from __future__ import annotations

import gc
import os
import platform
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

from device_agents.contract import PROTOCOL, Hello, Iteration, Job, canonical_json, parse_event
from device_agents.reference import AGENT, AGENT_VERSION
from device_agents.reference.failure import AgentError, as_failure
from device_agents.reference.meter import Meter
from device_agents.reference.package import open_package, read_job
from device_agents.reference.profiler import Profiler
from device_agents.reference.recorder import Recorder

_X86 = "avx avx2 f16c fma avx512f avx512bw avx512vl avx512_vnni avx512_bf16 avx512_fp16 avx_vnni amx_tile amx_int8"
_ARM = "asimd asimdhp asimddp i8mm bf16 sve sve2 svei8mm sme sme2"
CPU_FEATURES = frozenset(_X86.split() + _ARM.split())
"""The /proc/cpuinfo flags by which ONNX Runtime's CPU provider chooses kernels (x86 `flags`, Arm `Features`)."""


def run_job(job_path: Path, stream: BinaryIO, profiler: Profiler | None = None) -> int:
    """Run one job, write its events and return the exit code: 0, or 1 after an `error` event.

    With a `profiler` its sessions are profiled. Raises `OSError` when the events themselves cannot be written.
    """
    recorder = Recorder(stream)
    job: Job | None = None
    failure: AgentError | None = None
    try:
        job = read_job(job_path)
    except AgentError as error:
        failure = error
    recorder.hello(hello(job))
    if job is not None:
        failure = _work(job, recorder, profiler)
    if failure is not None:
        tell(failure)
        recorder.error(failure.error, str(failure))
    recorder.end(job.inject if job is not None else None)
    return 0 if failure is None else 1


def profile_job(job_path: Path, events: Path, operators: Path) -> int:
    """Run one job under the runtime's profiler, write `operators` beside its events, and return the exit code.

    The profiler's own files are large (a kilobyte for each operator that ran); they are read and removed.
    """
    with tempfile.TemporaryDirectory(prefix="profile-", dir=operators.absolute().parent) as folder:
        profiler = Profiler(Path(folder))
        with events.open("wb") as stream:
            code = run_job(job_path, stream, profiler)
        if code == 0:
            lines = [parse_event.validate_json(line) for line in events.read_bytes().splitlines()]
            operators.write_bytes(canonical_json(profiler.operators(lines)))
    return code


def tell(failure: AgentError) -> None:
    """Write one line to stderr: why the agent gives up."""
    sys.stderr.write(f"agent: {failure.error.value}: {' '.join(str(failure).split())}\n")


def hello(job: Job | None) -> Hello:
    """Return the first event: which agent runs, and where. The three clocks are read together."""
    import onnxruntime

    monotonic, boot, real = time.monotonic_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()
    return Hello(
        protocol=PROTOCOL,
        agent=AGENT,
        agent_version=AGENT_VERSION,
        runtime="onnxruntime",
        runtime_version=onnxruntime.__version__,
        abi=sysconfig.get_config_var("MULTIARCH") or f"{platform.machine()}-{sys.platform}",
        cpu_features=cpu_features(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")),
        units={} if job is None else {name: unit.cores for name, unit in job.units.items()},
        pid=os.getpid(),
        monotonic_ns=monotonic,
        boot_ns=boot,
        real_ns=real,
    )


def cpu_features(cpuinfo: str) -> list[str]:
    """Return the features of `CPU_FEATURES` that every core in a /proc/cpuinfo text has, sorted."""
    cores = [
        set(line.partition(":")[2].split())
        for line in cpuinfo.splitlines()
        if line.partition(":")[0].strip() in ("flags", "Features")
    ]
    return sorted(CPU_FEATURES.intersection(*cores)) if cores else []


def _work(job: Job, recorder: Recorder, profiler: Profiler | None) -> AgentError | None:
    """Open the build and iterate; return a failure instead of raising it.

    Raises only `OSError`, when the events cannot be written: no event can report that.
    """
    from device_agents.reference.units import open_units
    from device_agents.reference.workloads import open_workload

    writing = False
    gc.disable()
    try:
        units = open_units(job)
        inputs = {name: Path(folder) for name, folder in job.inputs.items()}
        package = open_package(Path(job.build), inputs, profiler)
        meter = Meter(on=job.memory_pass)
        workload = open_workload(job, package, units, meter, recorder.piece)
        try:
            for iteration in range(job.warmup_iterations + job.iterations):
                workload.reset()
                gc.collect()  # between iterations, so never inside one
                start = time.monotonic_ns()
                workload.run(recorder.spans, iteration)
                duration = time.monotonic_ns() - start
                told = Iteration(
                    iteration=iteration,
                    phase="warmup" if iteration < job.warmup_iterations else "measure",
                    start_ns=start,
                    duration_ns=duration,
                )
                memory = meter.taken(iteration)
                outputs = workload.outputs(iteration)
                writing = True
                recorder.iteration(told, outputs, memory)
                writing = False
        finally:
            workload.close()
    except Exception as error:  # unforeseen: the contract's `crash`
        if writing and isinstance(error, OSError):
            raise
        return as_failure(error)
    finally:
        gc.enable()
    return None
