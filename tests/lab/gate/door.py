"""A gate before a scripted device, with a journal of looks and naps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from lab.device.fake.phone import FakeClock, FakePhone, fake_device
from lab.device.transport import Device
from lab.gate.clocks import Offered
from lab.gate.idle import Idle
from lab.gate.wait import Opened, wait
from lab.records import DeviceKind, Vitals
from lab.scenario.plan import Gates

WANTED = Gates()
REST = Idle(skin=26.0, soc=30.0)
COOL = Vitals(
    boot_s=0.0,
    celsius={"vtskin-max": 27.0, "soc_max": 32.0, "battery": 27.0},
    cooling={"cpufreq-cpu7": 0, "charger-cooler": 3},
    thermal_status=0,
    battery_level=70.0,
    powered=True,
    busy_cores=0.1,
)
BARE = Vitals(boot_s=0.0, busy_cores=0.1)
"""A device of which only the load can be read."""


def warm(skin: float) -> Vitals:
    """A phone whose skin is this warm (degC), and everything else in order."""
    return replace(COOL, celsius={**COOL.celsius, "vtskin-max": skin})


def device(kind: DeviceKind = "phone") -> Device:
    """A device of two cores."""
    fake = fake_device(FakePhone({}))
    return replace(fake, identity=replace(fake.identity, kind=kind))


@dataclass
class Door:
    """Passes a gate before a scripted device, and keeps a journal."""

    looks: Iterable[Vitals]
    kind: DeviceKind = "phone"
    wanted: Gates = WANTED
    idle: Idle | None = REST
    load_left_s: float = 120.0
    rested_s: float = 0.0
    clock: FakeClock = field(default_factory=FakeClock)
    device_clock: Callable[[float], float] = lambda seconds: 1000.0 + seconds
    offered: Offered | None = None
    look_s: float = 0.0
    journal: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    recorded: list[Vitals] = field(default_factory=list)

    def passed(self) -> Opened:
        """Pass the gate; `device_clock` maps the lab's clock to the device's."""
        script = iter(self.looks)

        def look(device: Device) -> Vitals:
            self.journal.append("look")
            self.clock.seconds += self.look_s
            return replace(next(script), boot_s=self.device_clock(self.clock.seconds))

        def sleep(seconds: float) -> None:
            self.journal.append(f"sleep {seconds:g}")
            self.clock.seconds += seconds

        return wait(
            device(self.kind),
            self.wanted,
            idle=self.idle,
            look=look,
            clock=self.clock,
            sleep=sleep,
            load_left_s=self.load_left_s,
            tell=self.told.append,
            record=self.recorded.append,
            rested_s=self.rested_s,
            offered=self.offered,
        )
