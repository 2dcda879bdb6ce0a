"""The memory that an agent uses, as the agent and the kernel report it in the memory pass, or why that is n/a.

The pass is never timed: reading page tables takes milliseconds and disturbs the process it reads (methodology.md,
sections 2 and 12). Peaks of the resident set come from the agent's own `memory` events (the kernel keeps them).
So do the peaks of phases. The proportional set and dma-buf come from looks, at most one every half second: they
miss a peak in between.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from device_agents.contract import (
    DecodeWork,
    EncodeImageWork,
    Event,
    GenerateWork,
    Graph,
    Job,
    Manifest,
    Memory,
    PrefillWork,
)
from lab.device.transport import Clock, Process, Transport
from lab.errors import DeviceError
from lab.records import Metric

log = logging.getLogger(__name__)

RSS, PSS, DMABUF = "peak_rss_bytes", "peak_pss_bytes", "peak_dmabuf_bytes"

PHASES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "load": ("peak_rss_load_bytes", "while loading"),
        "encode": ("peak_rss_encode_bytes", "while encoding"),
        "prefill": ("peak_rss_prefill_bytes", "in prefill"),
        "decode": ("peak_rss_decode_bytes", "in decode"),
    }
)
"""Phase of a `generate` -> the figure of its peak, and when that is."""

SAMPLED = "peaks of phases were sampled at the end of each, since the kernel does not reset its peak for the agent"
"""Flag of a trial."""

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        RSS: Metric(RSS, "peak resident memory", "bytes", "lower"),
        **{name: Metric(name, f"peak resident memory {when}", "bytes", "lower") for name, when in PHASES.values()},
        PSS: Metric(PSS, "peak proportional memory", "bytes", "lower"),
        DMABUF: Metric(DMABUF, "peak dma-buf of the whole device", "bytes", "lower"),
    }
)
"""The figures of a memory pass, one value for each trial. They are kept apart from the figures of time."""

COUNTED = MappingProxyType(
    {
        RSS: "every page of the agent in memory, weights mapped from files included, though those can be evicted",
        PSS: "the same, but pages shared with other processes are divided among them",
        DMABUF: "buffers of all drivers and processes together; an accelerator's may not be in the others",
    }
)
"""The meaning of each figure (methodology.md, section 12)."""

EVERY_S = 0.5
"""Shortest interval between looks: 2 Hz, methodology.md, section 12."""

DEADLINE_S = 5.0
"""Time limit of one look; a judgement: a look is one call, of milliseconds."""

_SCRIPT = """
for folder in /proc/[0-9]*; do
  { read -r line < "$folder/stat"; } 2>/dev/null || continue
  fields=${line##*) }; fields=${fields#* }; fields=${fields#* }
  [ "${fields%% *}" = "$1" ] || continue
  echo "@process ${folder#/proc/}"; cat "$folder/smaps_rollup" 2>&1
done
echo @dmabuf; cat /sys/kernel/dmabuf/buffers/*/size 2>&1
"""
"""Prints the memory of every process in the group $1, then the size of every dma-buf of the device."""


@dataclass(frozen=True)
class Look:
    """The kernel's figures at one moment, in bytes by metric; `missing` maps the other metrics to the reason."""

    found: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Figures:
    """The figures of a memory pass, one value for each metric; `missing` maps the other metrics to the reason."""

    samples: Mapping[str, tuple[float, ...]]
    missing: Mapping[str, str]
    sampled: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags for the reader of the trial: which figures are n/a, and why, and which were sampled."""
        absent = (f"{METRICS[name].label}: n/a: {why}" for name, why in self.missing.items())
        return (*absent, *((SAMPLED,) if self.sampled else ()))


def figures(events: Sequence[Event], looks: Sequence[Look]) -> Figures:
    """Return the peaks of a memory pass: RSS from the agent's own events, the others from looks from outside."""
    samples: dict[str, tuple[float, ...]] = {}
    missing: dict[str, str] = {}
    told = [event for event in events if isinstance(event, Memory)]
    if told:
        samples[RSS] = (float(max(event.peak_bytes for event in told)),)
    else:
        missing[RSS] = "the agent wrote no `memory` event"
    for phase, (name, _) in PHASES.items():
        if peaks := [event.peak_bytes for event in told if event.during == phase]:
            samples[name] = (float(max(peaks)),)
    for name in (PSS, DMABUF):
        seen = [look.found[name] for look in looks if name in look.found]
        if seen:
            samples[name] = (float(max(seen)),)
        else:
            why = next((look.missing[name] for look in looks if name in look.missing), "")
            missing[name] = why or "the agent ended before the first look"
    return Figures(samples, missing, sampled=any(event.sampled for event in told))


def weights_bytes(job: Job, manifest: Manifest) -> int:
    """Return the bytes of weights that a job must have in memory at the same time.

    These are the files that its graphs map, each counted once. `embed` does not count: of its table the job
    touches only the rows of its tokens. Nor do workloads that keep nothing open (`load` opens and closes one graph
    after the other). Where the vision graphs are released before the prompt is run, only the larger half counts.
    """

    def of(graphs: set[Graph]) -> int:
        names = {name for graph in graphs for file in manifest.graphs.get(graph, []) for name in file.weights}
        return sum(file.bytes for file in manifest.files if file.path in names)

    sees = isinstance(job.work, EncodeImageWork | GenerateWork)
    reads = isinstance(job.work, PrefillWork | DecodeWork | GenerateWork)
    vision = {Graph.PATCH_EMBED, Graph.VIT, Graph.PROJECT} if sees else set[Graph]()
    language = {Graph.LLM} if reads else set[Graph]()
    if isinstance(job.work, GenerateWork) and job.work.release_vision:
        return max(of(vision), of(language))
    return of(vision | language)


def suspicion(peak_rss_bytes: float, weights: int) -> str:
    """Return a warning when less was resident than the weights alone need; else empty (methodology.md, 8.10)."""
    if peak_rss_bytes >= weights:
        return ""
    return (
        f"at most {peak_rss_bytes:,.0f} bytes were resident, less than the {weights:,} bytes of weights in use: "
        "they are in memory that does not count here (an accelerator's buffers), were evicted, or were never used"
    )


def parse(text: str) -> Look:
    """Read the output of a look's script; a process that has ended since does not count."""
    processes, _, buffers = text.partition("@dmabuf\n")
    found: dict[str, int] = {}
    missing: dict[str, str] = {}
    sections = re.split(r"^@process \d+\n", processes, flags=re.MULTILINE)[1:]
    shares = [int(kb) * 1024 for kb in re.findall(r"^Pss:[ \t]+(\d{1,15}) kB$", processes, re.MULTILINE)]
    if shares:
        found[PSS] = sum(shares)
    else:
        missing[PSS] = _first("".join(sections)) or "the agent had no process"
    sizes = buffers.split()
    if sizes and all(re.fullmatch(r"[0-9]{1,18}", size) for size in sizes):
        found[DMABUF] = sum(map(int, sizes))
    else:
        missing[DMABUF] = _first(buffers) or "the kernel lists none"
    return Look(found, missing)


def sampler(transport: Transport, pid: int) -> Look:
    """Look once at a launched process and all of its group; `pid` is the leader's.

    Raises `DeviceLost`, as every call over a transport.
    """
    done = transport.shell(["sh", "-c", _SCRIPT, "sh", str(pid)], timeout_s=DEADLINE_S)
    return parse(done.stdout)


class Watch:
    """Looks at the memory of a launch while it runs: its methods wrap the callbacks of an `Errand`."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport, self._clock = transport, clock
        self._process: Process | None = None
        self._next_s = 0.0
        self.looks: list[Look] = []

    def started(self, note: Callable[[Process | None], None]) -> Callable[[Process | None], None]:
        """Return a wrapper of `note`, called with the running process, and with None once it has ended."""

        def wrapped(process: Process | None) -> None:
            self._process = process
            note(process)

        return wrapped

    def iterations(self, count: Callable[[int], None]) -> Callable[[int], None]:
        """Return a wrapper of `count`, called after each iteration, that also looks if a look is due."""

        def wrapped(number: int) -> None:
            count(number)
            self.heed()

        return wrapped

    def heed(self) -> str:
        """Look, unless the last look was less than EVERY_S ago; return nothing, so the trial goes on."""
        now = self._clock.monotonic()
        if self._process is not None and now >= self._next_s:
            self._next_s = now + EVERY_S
            try:
                self.looks.append(sampler(self._transport, self._process.pid))
            except DeviceError as error:  # following the agent waits for a device that disconnects
                log.info("skipped a look at the agent's memory: %s", error)
        return ""


def _first(text: str) -> str:
    """Return the reason from a program's output: its first line without the names of program and file."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line.rpartition(": ")[2]
