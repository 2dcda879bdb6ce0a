"""Emulation of arm64 phones on another machine: registers qemu with the kernel, and makes up a cpuinfo.

Emulated phones are for functional tests only: they are about 100 times slower, and their timings mean nothing.
"""

from __future__ import annotations

import os
import shutil
import zlib
from pathlib import Path

from device_agents.virtual_phone import linux
from device_agents.virtual_phone.errors import FarmError
from device_agents.virtual_phone.rootfs import Say

BINFMT = Path("/proc/sys/fs/binfmt_misc")
PROGRAMS = ("qemu-aarch64-static", "qemu-aarch64")  # Debian 12's name, then the one of later releases
# An ELF of 64 bits, little-endian, executable or shared, for machine 183 (EM_AARCH64): qemu's own
# scripts/qemu-binfmt-conf.sh has the same magic and mask.
_MAGIC = rb"\x7fELF\x02\x01\x01" + rb"\x00" * 9 + rb"\x02\x00\xb7\x00"
_MASK = rb"\xff" * 7 + rb"\x00" + rb"\xff" * 8 + rb"\xfe\xff\xff\xff"
_FLAGS = b"F"  # the kernel opens qemu once, at registration: it need not be in the phone's root

# /proc/cpuinfo as an MT6989 prints it (4 Cortex-A720, 4 Cortex-X4), after a listing from a retail phone in
# github.com/hrw/arm-socs-table issue 108. ONNX Runtime reads the part numbers, and from 1.30 on it crashes
# without them: bookworm's qemu would show the cpuinfo of this machine.
_PARTS = ("0xd81",) * 4 + ("0xd82",) * 4
_FEATURES = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm jscvt fcma lrcpc dcpop sha3 "
    "sm3 sm4 asimddp sha512 asimdfhm dit uscat ilrcpc flagm ssbs sb dcpodp flagm2 frint i8mm bf16 dgh bti ecv afp "
    "wfxt"
)


def check() -> None:
    """Raise `FarmError` when this machine cannot emulate arm64."""
    if os.uname().machine != "aarch64" and _program() is None:
        raise FarmError(
            "emulated arm64 phones need qemu's user emulation, found no qemu-aarch64-static: "
            "apt-get install qemu-user-static (later releases: qemu-user-binfmt)"
        )


def _program() -> str | None:
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


def cpuinfo() -> str:
    """Return the text of an emulated phone's /proc/cpuinfo."""
    lines = []
    for number, part in enumerate(_PARTS):
        lines += [f"processor\t: {number}", "BogoMIPS\t: 26.00", f"Features\t: {_FEATURES}"]
        lines += ["CPU implementer\t: 0x41", "CPU architecture: 8", "CPU variant\t: 0x0"]
        lines += [f"CPU part\t: {part}", "CPU revision\t: 1", ""]
    return "\n".join(lines)


def register(farm: Path, say: Say) -> None:
    """Make the kernel run arm64 programs with qemu; record every change in the farm for `unregister`."""
    if os.uname().machine == "aarch64":
        return
    if not (BINFMT / "register").exists():
        say(f"mounting binfmt_misc on {BINFMT} (`down` unmounts it)")
        try:
            linux.mount("binfmt_misc", BINFMT, "binfmt_misc")
        except OSError as error:
            raise FarmError(f"wanted binfmt_misc to run arm64 programs, the kernel refused: {error}") from error
        (farm / "binfmt-mounted").touch()
    name = _entry(farm)
    if any(_is_ours_or_fits(path, name) for path in BINFMT.iterdir()):
        return
    program = _program()
    if program is None:
        check()
        return
    say(f"registering {program} for arm64 programs with the kernel (`down` removes it)")
    line = b":".join([b"", name.encode(), b"M", b"", _MAGIC, _MASK, program.encode(), _FLAGS])
    try:
        (BINFMT / "register").write_bytes(line)
    except OSError as error:
        raise FarmError(f"the kernel refused {program} for arm64 programs: {error}") from error
    (farm / "binfmt-registered").touch()


def unregister(farm: Path) -> None:
    """Undo what `register` added to the kernel, and nothing else."""
    mark = farm / "binfmt-registered"
    if mark.exists():
        entry = BINFMT / _entry(farm)
        if entry.exists():
            entry.write_text("-1", encoding="ascii")
        mark.unlink()
    mark = farm / "binfmt-mounted"
    if mark.exists():
        if not [path for path in BINFMT.iterdir() if path.name not in ("register", "status")]:
            linux.unmount(BINFMT)  # unless somebody else has registered something since
        mark.unlink()


def _entry(farm: Path) -> str:
    """Return this farm's own name for the entry, so that its `down` removes nothing of another farm."""
    return f"pocketlab-{zlib.crc32(str(farm).encode()):08x}"


def _is_ours_or_fits(path: Path, name: str) -> bool:
    """Tell whether the entry is this farm's, or the machine's own for arm64 that works in any root (flag F)."""
    if path.name in ("register", "status"):
        return False
    text = path.read_text(encoding="ascii", errors="replace")
    fixed = any(line.startswith("flags:") and "F" in line for line in text.splitlines())
    others = path.name.startswith("pocketlab-")
    return path.name == name or ("b700" in text and "enabled" in text and fixed and not others)
