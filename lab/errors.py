"""Every error the lab raises on purpose, in one tree.

    LabError                     shown to the user as one message; `lab` exits with 2
    ├── ScenarioError            a scenario or suite that cannot be read or makes no sense
    ├── BuildError               a build that is missing, damaged, or of another protocol
    ├── PrepareError             an image, prompt or model that could not be prepared
    ├── DeviceError
    │   ├── DeviceLost           transient: the device went away; trying again may help
    │   │   └── DeviceRebooted   it came back, and what it was doing is gone
    │   └── DeviceRefused        stable: the device said no; trying again will not help
    │       ├── DeviceFull       no space left on the device; what it has so far stays there
    │       └── DeviceBusy       another lab has it, or the cores it shares; it is not the device's fault
    ├── RunError                 a run that cannot go on, or of which too little was valid
    ├── Incomparable             two sides that differ in more than what is to be compared
    ├── StoreError               results that cannot be written or read
    │   └── DiskFull             no space left; what was saved before is safe
    └── NotEnoughData            a statistic asked of too few samples

A message says what was wanted, what was found, which device or file, and what to do next.
"""

from __future__ import annotations


class LabError(Exception):
    """The root of the tree; its text is meant for the user."""


class ScenarioError(LabError):
    """A scenario or suite that cannot be read or makes no sense."""


class BuildError(LabError):
    """A build that is missing, damaged, or of another protocol."""


class PrepareError(LabError):
    """An image, prompt or model that could not be prepared."""


class DeviceError(LabError):
    """Something about a device."""


class DeviceLost(DeviceError):  # noqa: N818 - the words of the design
    """Transient: the device went away; trying again may help."""


class DeviceRebooted(DeviceLost):
    """The device came back in another boot: what ran there is gone, and so is what was proven there."""


class DeviceRefused(DeviceError):  # noqa: N818 - the words of the design
    """Stable: the device said no; trying again will not help."""


class DeviceFull(DeviceRefused):
    """No space left on the device; what it has so far stays there."""


class DeviceBusy(DeviceRefused):
    """Another lab has the device, or the cores that it shares."""


class RunError(LabError):
    """A run that cannot go on, or of which too little was valid."""


class Incomparable(LabError):  # noqa: N818 - the words of the design
    """Two sides that differ in more than what is to be compared; nothing was measured."""


class StoreError(LabError):
    """Results that cannot be written or read."""


class DiskFull(StoreError):  # noqa: N818 - the words of the design
    """No space left; what was saved before is safe."""


class NotEnoughData(LabError):  # noqa: N818 - the words of the design
    """A statistic asked of too few samples."""
