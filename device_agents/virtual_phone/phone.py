"""One virtual phone on this machine: its name, its address, and every path that belongs to it.

The files in the phone's folder, and where the phone sees them:

    phone.json      this dataclass                        (not seen)
    data.img        a sparse ext4 image                   /data                 survives a reboot, not `down`
    state/          files of the phone's Android tools    /metadata/pocketlab   identity.prop: `write_identity`
    sys/            all of sysfs, made up                 /sys
    layer/system/   Android's tools, copied at each boot  /system/bin           over toybox's links
    boot_id         new at each boot                      /proc/sys/kernel/random/boot_id
    cpuinfo         made up, for an emulated phone        /proc/cpuinfo
    control.sock    the control socket (control.py)       (not seen)
    supervisor.log  output of supervisor, init and adbd   (not seen)
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from device_agents.virtual_phone import emulation
from device_agents.virtual_phone.errors import FarmError

KIND = {"x86_64": "virtual", "arm64": "emulated"}
DATA_BYTES = 8 << 30  # room for a few builds of 1 GB; sparse: takes disk space only as it is written
TOOLS = Path(__file__).parent / "android/bin"
FINGERPRINT = "pocketlab/virtual_mt6989/virtual:14/POCKETLAB/{}:userdebug/test-keys"  # as in mt6989.prop
SHELL = 2000  # AID_SHELL, the user of adb's shell on Android (android_filesystem_config.h)


@dataclass(frozen=True)
class Phone:
    """A phone of a farm; `folder` is its own, `root` the cached root file system below its overlay."""

    name: str
    abi: str
    host: str  # its own loopback address
    folder: Path
    root: Path
    group: str  # control group, see cgroup.py

    @property
    def kind(self) -> str:
        """`virtual` or `emulated`, as in the lab's Device."""
        return KIND[self.abi]

    @property
    def address(self) -> str:
        """The address for `adb connect`."""
        return f"{self.host}:5555"

    @property
    def sys_root(self) -> Path:
        """The folder that is the phone's /sys."""
        return self.folder / "sys"

    @property
    def state_root(self) -> Path:
        """The folder that Android's tools read and write; /metadata/pocketlab in the phone."""
        return self.folder / "state"

    @property
    def system(self) -> Path:
        """The folder that lies over the root file system's /system."""
        return self.folder / "layer/system"

    @property
    def data_image(self) -> Path:
        """The file system that is the phone's /data."""
        return self.folder / "data.img"

    @property
    def boot_id(self) -> Path:
        """The file that is the phone's /proc/sys/kernel/random/boot_id."""
        return self.folder / "boot_id"

    @property
    def control(self) -> Path:
        """The supervisor's socket."""
        return self.folder / "control.sock"

    @property
    def log(self) -> Path:
        """The log of the supervisor, init and adbd."""
        return self.folder / "supervisor.log"


def save(phone: Phone) -> None:
    """Write phone.json."""
    text = json.dumps({key: str(value) for key, value in asdict(phone).items()}, indent=1)
    (phone.folder / "phone.json").write_text(text + "\n", encoding="utf-8")


def load(folder: Path) -> Phone:
    """Read phone.json from a phone's folder; raise `FarmError` when it says that it is another folder's."""
    path = folder / "phone.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        phone = Phone(raw["name"], raw["abi"], raw["host"], Path(raw["folder"]), Path(raw["root"]), raw["group"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise FarmError(f"wanted a phone's description, found {path} unreadable: {error}: delete it") from error
    if phone.folder != folder or not phone.group.startswith("pocketlab-"):
        raise FarmError(f"wanted the phone of {folder}, found in {path} that of {phone.folder}: delete the file")
    return phone


def create(phone: Phone) -> None:
    """Make the phone's folder in its factory state; keep an existing /data (the supervisor was lost)."""
    for folder in (phone.sys_root, phone.state_root, phone.folder / "mount"):
        folder.mkdir(parents=True, exist_ok=True)
    save(phone)
    if not phone.data_image.exists():
        aside = phone.data_image.with_suffix(".part")
        with aside.open("wb") as image:
            image.truncate(DATA_BYTES)
        # No journal: the kernel unmounts a killed phone cleanly. No blocks reserved for root.
        options = [
            "-O",
            "^has_journal",
            "-m",
            "0",
            "-E",
            "lazy_itable_init=1,nodiscard",
        ]
        done = subprocess.run(
            ["mkfs.ext4", "-q", *options, str(aside)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise FarmError(f"mkfs.ext4 could not make {aside}: {done.stderr.strip()}")
        aside.rename(phone.data_image)


def furnish(phone: Phone, serial: str) -> None:
    """Prepare a boot: write a new boot id, the tools of /system/bin, the processors in /sys and the identity."""
    phone.boot_id.write_text(f"{uuid.uuid4()}\n", encoding="ascii")
    tools = phone.system / "bin"
    shutil.rmtree(phone.system, ignore_errors=True)
    tools.mkdir(parents=True)
    for tool in sorted(TOOLS.iterdir()):
        if tool.is_file():
            shutil.copyfile(tool, tools / tool.name)
            (tools / tool.name).chmod(0o755)
    processors = phone.sys_root / "devices/system/cpu"
    processors.mkdir(parents=True, exist_ok=True)
    for name in ("online", "possible", "present"):  # C libraries and ONNX Runtime count processors here
        (processors / name).write_text(f"0-{(os.cpu_count() or 1) - 1}\n", encoding="ascii")
    if phone.kind == "emulated":
        (phone.folder / "cpuinfo").write_text(emulation.cpuinfo(), encoding="ascii")
    os.chown(phone.state_root, SHELL, SHELL)
    write_identity(phone, serial)


def write_identity(phone: Phone, serial: str) -> None:
    """Write the properties that identify this phone (key=value); they override those common to all phones."""
    properties = {
        "ro.serialno": serial,
        "ro.boot.serialno": serial,
        "ro.boot.pocketlab.kind": phone.kind,
        "ro.product.cpu.abi": {"x86_64": "x86_64", "arm64": "arm64-v8a"}[phone.abi],
        "ro.build.fingerprint": FINGERPRINT.format(1 if serial == phone.name else 2),
    }
    text = "".join(f"{key}={value}\n" for key, value in properties.items())
    target = phone.state_root / "identity.prop"
    aside = target.with_suffix(".part")
    aside.unlink(missing_ok=True)  # the phone's shell may have put a link there
    aside.write_text(text, encoding="ascii")
    aside.rename(target)
