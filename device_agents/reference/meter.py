"""Resident memory: of the process so far, and of each phase of the work, in the memory pass alone.

The kernel keeps a process's peak and resets it when asked (`5` written to /proc/self/clear_refs, proc(5)), so the
peak of a phase is exact. Where that is not permitted, a phase's figure is the resident set at its end.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from device_agents.contract import Memory

Phase = Literal["load", "encode", "prefill", "decode"]


class Meter:
    """Reads the process's memory at the end of each phase; one that is not `on` does nothing.

    A phase begins where the one before it ended, the first with the meter. `reset` has the kernel begin a new
    peak, and tells whether it did.
    """

    def __init__(self, *, on: bool = False, reset: Callable[[], bool] | None = None) -> None:
        self._on = on
        self._reset = reset or reset_peak
        self._peak = 0
        self._resets = False
        self._phases: list[tuple[Phase, int, int, bool]] = []
        self.begin()

    def begin(self) -> None:
        """Begin a phase here: forget the peak until now."""
        if self._on:
            self._peak = max(self._peak, resident()[1])
            self._resets = self._reset()

    def end(self, phase: Phase) -> None:
        """End a phase, and begin the next."""
        if self._on:
            now, peak = resident()
            self._phases.append((phase, now, peak if self._resets else now, not self._resets))
            self.begin()

    def taken(self, iteration: int) -> list[Memory]:
        """Return the iteration's events: one for each phase that ended, then one for the process so far."""
        if not self._on:
            return []
        phases = [
            Memory(iteration=iteration, resident_bytes=now, peak_bytes=peak, during=phase, sampled=sampled)
            for phase, now, peak, sampled in self._phases
        ]
        self._phases.clear()
        now, peak = resident()
        self._peak = max(self._peak, peak)
        return [*phases, Memory(iteration=iteration, resident_bytes=now, peak_bytes=self._peak)]


def resident() -> tuple[int, int]:
    """Return the bytes resident now and at the kernel's peak."""
    return resident_in(Path("/proc/self/status").read_text(encoding="ascii", errors="replace"))


def resident_in(status: str) -> tuple[int, int]:
    """Read resident set and peak from a /proc/self/status text (whose kB are 1024 bytes)."""
    values = {line.partition(":")[0]: line.partition(":")[2].split() for line in status.splitlines()}
    return int(values["VmRSS"][0]) * 1024, int(values["VmHWM"][0]) * 1024


def reset_peak() -> bool:
    """Have the kernel begin a new peak; return False where it does not permit that."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_bytes(b"5")
        return True
    return False


def give_back() -> None:
    """Return freed memory to the kernel, which the C library otherwise keeps for later (malloc_trim(3))."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
