"""What ties a phone's heat to its processes: CPU time used becomes warmth, warmth a smaller CPU quota."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from device_agents.virtual_phone import cgroup, heat, knobs
from device_agents.virtual_phone.errors import FarmError
from device_agents.virtual_phone.sensors import Sensors


class Climate:
    """One phone's heat and sensors over all its boots; on a machine without control groups it never warms."""

    def __init__(self, sys_root: Path, state_root: Path, group: str) -> None:
        self._sensors = Sensors(sys_root, state_root)
        self._state_root, self._group = state_root, group
        self._lock = threading.Lock()  # the supervisor ticks, its control threads set
        self._used_ns, self._at = 0, time.monotonic()
        self._quota: float | None = None

    def boot(self) -> None:
        """Prepare a boot: Android's state as after a restart, and a control group that knows no quota yet."""
        with self._lock:
            self._quota = None
            self._sensors.boot(now=time.time())

    def tick(self) -> None:
        """Let the time since the last tick have passed; called about once a second."""
        with self._lock:
            now = time.monotonic()
            seconds, self._at = now - self._at, now
            load = self._cpu_seconds() / (seconds * (os.cpu_count() or 1)) if seconds > 0 else 0.0
            self._step(seconds, load)

    def set_celsius(self, celsius: float) -> None:
        """Make the phone this warm all through, at once."""
        with self._lock:
            self._sensors.heat = heat.at(celsius)
            self._step(0.0, 0.0)

    def misbehave(self, name: str, mode: str) -> None:
        """Turn a knob (knobs.py), at once; raises `FarmError` for one there is not."""
        with self._lock:
            knobs.misbehave(self._state_root, name, mode)
            self._step(0.0, 0.0)

    def restore(self) -> None:
        """Make the phone as cool as one that has rested, with every sensor and tool at work."""
        with self._lock:
            for name in knobs.modes(self._state_root):
                knobs.misbehave(self._state_root, name, "ok")
            self._sensors.heat = heat.IDLE
            self._step(0.0, 0.0)

    def _step(self, seconds: float, load: float) -> None:
        share = self._sensors.step(seconds=seconds, load=load, now=time.time())
        quota = share if share < 1 else None
        if quota != self._quota:
            try:
                cgroup.set_cpu_quota(self._group, quota)
            except FarmError:  # no group, or not yet: the next tick tries again
                return
            self._quota = quota

    def _cpu_seconds(self) -> float:
        """CPU time the phone has used since it was asked last."""
        try:
            used = cgroup.cpu_usage_ns(self._group)
        except FarmError:
            return 0.0
        before, self._used_ns = self._used_ns, used
        return (used - before if used >= before else used) / 1e9  # a group made anew counts from 0
