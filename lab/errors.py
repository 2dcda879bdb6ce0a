"""Every error the lab raises on purpose, in one tree.

    LabError                     shown to the user as one message; `lab` exits with 2
    ├── ScenarioError            a scenario or suite that cannot be read or makes no sense
    ├── BuildError               a build that is missing, damaged, or of another protocol
    ├── PrepareError             an image, prompt or model that could not be prepared
    ├── DeviceError
    │   ├── DeviceLost           transient: the device disconnected; a retry may help
    │   │   ├── DeviceStarting   it answers, but Android has not started yet
    │   │   └── DeviceRebooted   it came back after a reboot; its work is lost
    │   └── DeviceRefused        stable: the device said no; a retry will not help
    │       ├── DeviceFull       no space left on the device; files already sent stay
    │       ├── WrongFile        a pipe, a device or a folder where a file belongs
    │       └── DeviceBusy       another lab is using it, or the cores it shares; no fault of the device
    ├── RunError                 a run that cannot continue, or had too little that was valid
    │   ├── LabFailed            a fault of the lab itself, while it measured on one device
    │   └── NotAccepted          a device that may not judge builds: it does not repeat its own reference cell
    ├── Incomparable             two sides that differ beyond the dimension compared
    ├── StoreError               results that cannot be written or read
    │   └── DiskFull             no space left; everything saved before is safe
    └── NotEnoughData            too few samples for a statistic

A message names what was wanted, what was found, which device or file, and what to do next.
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
    """A problem with a device."""


class DeviceLost(DeviceError):  # noqa: N818 - the words of the design
    """Transient: the device disconnected; a retry may help."""


class DeviceStarting(DeviceLost):
    """The device answers, but Android has not started yet."""


class DeviceRebooted(DeviceLost):
    """The device came back in another boot: what ran there is lost, and checks made there no longer hold."""


class DeviceRefused(DeviceError):  # noqa: N818 - the words of the design
    """Stable: the device said no; a retry will not help."""


class DeviceFull(DeviceRefused):
    """No space left on the device; files already sent stay there."""


class WrongFile(DeviceRefused):
    """A pipe, a device or a folder on the device where a file belongs: nothing was read from it."""


class DeviceBusy(DeviceRefused):
    """Another lab is using the device, or the cores that it shares; no fault of the device."""


class RunError(LabError):
    """A run that cannot continue, or had too little that was valid."""


class LabFailed(RunError):  # noqa: N818 - the words of the design
    """The lab itself failed while it measured on one device; the others go on."""


class NotAccepted(RunError):  # noqa: N818 - the words of the design
    """A device that does not repeat its own reference cell, and so may not judge builds."""


class Incomparable(LabError):  # noqa: N818 - the words of the design
    """Two sides that differ beyond the dimension compared; nothing was measured."""


class StoreError(LabError):
    """Results that cannot be written or read."""


class DiskFull(StoreError):  # noqa: N818 - the words of the design
    """No space left; everything saved before is safe."""


class NotEnoughData(LabError):  # noqa: N818 - the words of the design
    """Too few samples for a statistic."""
