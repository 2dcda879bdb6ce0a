"""How much memory an agent takes: what it says in the memory pass, what the kernel says of it, or why that is n/a.

The pass is never timed: reading page tables takes milliseconds and disturbs what it looks at (methodology.md,
sections 2 and 12). Peaks of the resident set come from the agent's own `memory` events (the kernel keeps
them); the proportional set and dma-buf from looks at most every half second: a peak between two looks is missed.
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

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        RSS: Metric(RSS, "peak resident memory", "bytes", "lower"),
        PSS: Metric(PSS, "peak proportional memory", "bytes", "lower"),
        DMABUF: Metric(DMABUF, "peak dma-buf of the whole device", "bytes", "lower"),
    }
)
"""The figures of a memory pass, one value a trial. Kept apart from those of time, which they never enter."""

COUNTED = MappingProxyType(
    {
        RSS: "every page of the agent in memory, weights mapped from files included, though those can be evicted",
        PSS: "the same, pages shared with other processes divided among them",
        DMABUF: "buffers of all drivers and processes together; an accelerator's may not be in the others",
    }
)
"""What each figure counts (methodology.md, section 12)."""

EVERY_S = 0.5
"""How often the kernel is asked at most: 2 Hz, methodology.md, section 12."""

DEADLINE_S = 5.0
"""How long one look may take; a judgement: it is one call, of milliseconds."""

_SCRIPT = """
for folder in /proc/[0-9]*; do
  { read -r line < "$folder/stat"; } 2>/dev/null || continue
  fields=${line##*) }; fields=${fields#* }; fields=${fields#* }
  [ "${fields%% *}" = "$1" ] || continue
  echo "@process ${folder#/proc/}"; cat "$folder/smaps_rollup" 2>&1
done
echo @dmabuf; cat /sys/kernel/dmabuf/buffers/*/size 2>&1
"""
"""Prints what the kernel says of every process in a group ($1), then the size of every dma-buf there is."""


@dataclass(frozen=True)
class Look:
    """What the kernel said at one moment, in bytes by metric; `missing` says of the others why not."""

    found: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Figures:
    """A memory pass's figures, one value a metric; `missing` says of the others why they are n/a."""

    samples: Mapping[str, tuple[float, ...]]
    missing: Mapping[str, str]

    @property
    def flags(self) -> tuple[str, ...]:
        """What a reader must know of the trial: what is n/a, and why."""
        return tuple(f"{METRICS[name].label}: n/a: {why}" for name, why in self.missing.items())


def figures(events: Sequence[Event], looks: Sequence[Look]) -> Figures:
    """Return the peaks of a memory pass: RSS by the agent's own events, the rest by looks from outside."""
    samples: dict[str, tuple[float, ...]] = {}
    missing: dict[str, str] = {}
    told = [event.peak_bytes for event in events if isinstance(event, Memory)]
    if told:
        samples[RSS] = (float(max(told)),)
    else:
        missing[RSS] = "the agent wrote no `memory` event"
    for name in (PSS, DMABUF):
        seen = [look.found[name] for look in looks if name in look.found]
        if seen:
            samples[name] = (float(max(seen)),)
        else:
            why = next((look.missing[name] for look in looks if name in look.missing), "")
            missing[name] = why or "the agent ended before it was looked at"
    return Figures(samples, missing)


def weights_bytes(job: Job, manifest: Manifest) -> int:
    """Return the size of the weights that a job must have in memory at one time.

    Those that its graphs map, each file once. Not those of `embed`, a table of which only the rows of its tokens
    are touched; and none for workloads that hold nothing (`load` opens and closes, one after the other).
    """
    graphs: set[Graph] = set()
    if isinstance(job.work, EncodeImageWork | GenerateWork):
        graphs |= {Graph.PATCH_EMBED, Graph.VIT, Graph.PROJECT}
    if isinstance(job.work, PrefillWork | DecodeWork | GenerateWork):
        graphs.add(Graph.LLM)
    names = {name for graph in graphs for file in manifest.graphs.get(graph, []) for name in file.weights}
    return sum(file.bytes for file in manifest.files if file.path in names)


def suspicion(peak_rss_bytes: float, weights: int) -> str:
    """Say so when less was resident than the weights alone take; empty otherwise (methodology.md, 8.10)."""
    if peak_rss_bytes >= weights:
        return ""
    return (
        f"at most {peak_rss_bytes:,.0f} bytes were resident, less than the {weights:,} bytes of weights in use: "
        "they lie where this does not count (an accelerator's buffers), were evicted, or were never used"
    )


def parse(text: str) -> Look:
    """Read what the script of a look printed; a process that ended meanwhile is no longer counted."""
    processes, _, buffers = text.partition("@dmabuf\n")
    found: dict[str, int] = {}
    missing: dict[str, str] = {}
    sections = re.split(r"^@process \d+\n", processes, flags=re.MULTILINE)[1:]
    shares = [int(kb) * 1024 for kb in re.findall(r"^Pss:\s+(\d+) kB$", processes, re.MULTILINE)]
    if shares:
        found[PSS] = sum(shares)
    else:
        missing[PSS] = _first("".join(sections)) or "no process of the agent was there"
    sizes = buffers.split()
    if sizes and all(size.isdigit() for size in sizes):
        found[DMABUF] = sum(map(int, sizes))
    else:
        missing[DMABUF] = _first(buffers) or "the kernel lists none"
    return Look(found, missing)


def sampler(transport: Transport, pid: int) -> Look:
    """Ask the kernel once about a launched process and all of its group, `pid` being their leader.

    Raises `DeviceLost` as every call over a transport does.
    """
    done = transport.shell(["sh", "-c", _SCRIPT, "sh", str(pid)], timeout_s=DEADLINE_S)
    return parse(done.stdout)


class Watch:
    """Looks at a launch's memory while it is followed: give its methods to an `Errand`, with what they replace."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport, self._clock = transport, clock
        self._process: Process | None = None
        self._next_s = 0.0
        self.looks: list[Look] = []

    def started(self, note: Callable[[Process | None], None]) -> Callable[[Process | None], None]:
        """Return what is told which process runs (None: none any more)."""

        def told(process: Process | None) -> None:
            self._process = process
            note(process)

        return told

    def iterations(self, count: Callable[[int], None]) -> Callable[[int], None]:
        """Return what is told of each iteration, and looks when the last look is long enough ago."""

        def told(number: int) -> None:
            count(number)
            self.heed()

        return told

    def heed(self) -> str:
        """Look, unless that was done less than EVERY_S ago; never a reason to end the trial."""
        now = self._clock.monotonic()
        if self._process is not None and now >= self._next_s:
            self._next_s = now + EVERY_S
            try:
                self.looks.append(sampler(self._transport, self._process.pid))
            except DeviceError as error:  # following the agent waits for a device that went away
                log.info("its memory was not looked at: %s", error)
        return ""


def _first(text: str) -> str:
    """Return the reason in what a program printed: the first line, without the program's name and the file's."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line.rpartition(": ")[2]
