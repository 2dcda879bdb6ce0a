"""The devices of a night, each connected once, and the benches on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from lab.device.transport import Device
from lab.run.bench import Bench
from lab.run.benches import benches_of, devices_of
from lab.run.turn import Terms
from lab.store import Store

BenchOn = Callable[[str, str, str], Bench]
"""Return a bench on the device of this name for the build with this id. Trials of the run with the third id that a
killed lab left running go on. Raises `DeviceError` and `BuildError`."""


@dataclass
class Places:
    """Connects to devices by name when they are first needed; :meth:`bench` is a :data:`BenchOn`."""

    store: Store
    terms: Terms
    devices: dict[str, Device] = field(default_factory=dict)

    def bench(self, device: str, build: str, keep: str = "") -> Bench:
        """Return a bench; raises `DeviceError` and `BuildError`."""
        if device not in self.devices:
            (self.devices[device],) = devices_of(self.store, device, tell=self.terms.tell)
        (found,) = benches_of(self.store, [self.devices[device]], build, replace(self.terms, keep=keep))
        return found
