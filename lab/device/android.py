"""Connect to an Android device: its identity, facts for the Context, agent, and line in a list of devices.

Sources of names and formats: device_care.md, sections 1 and 4. What a device does not report is "unknown" or None,
never 0. Tested against virtual phones; not verified on a phone.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from lab.device.adb.server import NAME, NAME_WORDS, PROTOCOL, UNREADABLE, checked_name
from lab.device.adb.transport import AdbTransport, Attached, Server, attached
from lab.device.android_text import battery_celsius, cpus, df_free, dumpsys_battery, dumpsys_thermal, getprop, own
from lab.device.lease import SCRATCH
from lab.device.transport import Completed, Device
from lab.documents.strict import Malformed, json_of
from lab.errors import DeviceError, DeviceLost, DeviceRefused, DeviceStarting
from lab.files import read
from lab.islands import remedies
from lab.records import DeviceIdentity, DeviceKind

__all__ = ["SCRATCH", "Bundle", "Description", "bundle_for", "connect", "describe"]

RESERVED = re.compile(r"host|all|soc:.*|[.-].*")
"""Names that no device may have: words with a meaning for `--device`, options, and folders."""

LOOK_EVERY_S = 1.0
"""How often to read an agent's events: one shell on the device, about 15 ms of one core."""

ASK_S = 20.0
"""Deadline for reading all facts: dumpsys alone may take ten seconds on a busy phone (its own limit)."""

_KEPT = ("PATH", "ANDROID_ROOT", "ANDROID_DATA", "ANDROID_ART_ROOT", "ANDROID_I18N_ROOT", "ANDROID_TZDATA_ROOT")
"""The variables of the device's shell that programs need to find Android's own libraries and data."""

_MARK = "@pocketlab "
_SECTIONS: Mapping[str, str] = {
    "getprop": "getprop",
    "env": "env",
    "kernel": "uname -r",
    "machine": "uname -m",
    "page_size": "getconf PAGESIZE",
    "selinux": "id -Z",
    "linker": "ls /system/bin/linker64",
    "cores": "sed -n s/^Cpus_allowed_list://p /proc/self/status",
    "cpu": "sed -n -e 's/^model name[^:]*: //p' -e 's/^Hardware[^:]*: //p' /proc/cpuinfo",
    "khz": "for f in /sys/devices/system/cpu/cpufreq/policy*/cpuinfo_max_freq; do cat $f; done",
    "governor": "for f in /sys/devices/system/cpu/cpufreq/policy*/scaling_governor; do cat $f; done",
}
_STATE: Mapping[str, str] = {
    "getprop": "getprop",
    "df": "df -k /data/local/tmp",
    "battery": "dumpsys battery",
    "thermal": "dumpsys thermalservice",
    "boot": "cat /proc/sys/kernel/random/boot_id",
}

READY, STARTING, SILENT, REFUSED = "device", "starting", "silent", "refused"
"""States: adb's own word for a usable device; Android has not started; no answer; it said no."""

EMULATORS = re.compile(r"goldfish|ranchu|cutf_.*|vsoc_.*|vbox86.*")
"""`ro.hardware` of Android's own emulators (goldfish, ranchu), Cuttlefish (cutf_cvm, vsoc_*), Genymotion."""

_PROPERTIES: Mapping[str, str] = {
    "android": "ro.build.version.release",
    "build": "ro.build.fingerprint",
    "build_type": "ro.build.type",
    "sdk": "ro.build.version.sdk",
    "security_patch": "ro.build.version.security_patch",
    "verified_boot": "ro.boot.verifiedbootstate",
}


@dataclass(frozen=True)
class Bundle:
    """An agent for one ABI as device_agents.native.build leaves it: its folder here, its id, how it is started."""

    folder: Path
    abi: str
    id: str
    agent: str
    runtime: str
    argv: tuple[str, ...]

    def command(self) -> tuple[str, ...]:
        """Return the command that starts the agent in the folder where a push puts it."""
        return tuple(part.replace("{folder}", f"{SCRATCH}/agents/{self.id}") for part in self.argv)


@dataclass(frozen=True)
class Description:
    """One line of a list of devices. `celsius` is the battery's; None means that the device does not report it.

    `platform` is `ro.board.platform`, another name of the SoC. `own_serial` (empty for a dummy) and `boot_id`
    together tell one phone from another; `also` holds the other adb serials under which the same one is attached.
    """

    name: str
    serial: str
    kind: DeviceKind | None
    soc: str
    android: str
    state: str
    free_bytes: int | None
    celsius: float | None
    thermal_status: int | None
    detail: str
    platform: str = ""
    own_serial: str = ""
    boot_id: str = ""
    also: tuple[str, ...] = ()


def connect(server: Server, serial: str, agents: Path) -> Device:
    """Return an attached device, with the agent of its ABI from `agents`.

    Raises `DeviceLost` when it does not answer, `DeviceRefused` when it cannot be used or has no agent.
    """
    transport = AdbTransport(server, serial)
    found = _asked(transport, _SECTIONS)
    properties = getprop(found["getprop"])
    kind, soc = kind_of(properties), _soc(properties)
    khz = ",".join(found["khz"].split()) or "unknown"
    bundle = bundle_for(agents, abis(found["machine"], android=bool(found["linker"])), serial)
    others = (each.serial for each in attached(server) if each.serial != serial)
    told = {name: properties.get(key) or "unknown" for name, key in _PROPERTIES.items()}
    facts = {
        **told,
        "soc": soc,
        **{name: found[name] or "unknown" for name in ("kernel", "machine", "page_size", "selinux")},
        "cores": found["cores"] or "unknown",
        "cpu_model": next(iter(found["cpu"].splitlines()), "unknown"),
        "cpu_max_khz": khz,  # distinguishes the 9300 from the 9300+
        "governor": ",".join(found["governor"].split()) or "unknown",
        "adb": f"protocol {PROTOCOL}",
        "agent": f"{bundle.agent} {bundle.abi}, bundle {bundle.id[:12]}",
        "runtime": bundle.runtime,
        **({"host": platform.node()} if kind != "phone" else {}),
    }
    key = "\n".join((told["build"], facts["kernel"], khz, facts["cores"], soc))
    return Device(
        identity=DeviceIdentity(
            name=name_of(properties.get("ro.serialno", ""), serial, others),
            kind=kind,
            model=f"{soc} ({properties.get('ro.product.model') or 'unknown'})",
            fingerprint=hashlib.sha256(key.encode()).hexdigest()[:16],
            cores=cpus(found["cores"]),
        ),
        transport=transport,
        agent=bundle.command(),
        environment={"HOME": SCRATCH, **_environment(found["env"])},
        scratch=SCRATCH,
        facts=facts,
        bundle=bundle.folder,
        look_every_s=LOOK_EVERY_S,
    )


def describe(server: Server, attached: Attached) -> Description:
    """Describe a device for a list; never raise: why it cannot be used goes into `detail`."""
    if not NAME.fullmatch(attached.serial):
        return _unnamed(server, attached)
    try:
        transport = AdbTransport(server, attached.serial)
        found = _asked(transport, _STATE)
    except DeviceError as error:
        state = state_of(error) if attached.state == READY else attached.state
        return nothing_known(attached.serial, state, str(error))
    properties = getprop(found["getprop"])
    try:
        name = name_of(properties.get("ro.serialno", ""), attached.serial, ())
    except DeviceError as error:
        return nothing_known(attached.serial, UNREADABLE, str(error))
    battery, thermal = dumpsys_battery(found["battery"]), dumpsys_thermal(found["thermal"])
    faked = "battery values are faked: `dumpsys battery reset`; " if "faked" in battery else ""
    faked += "thermal status is faked: `cmd thermalservice reset`; " if thermal.overridden else ""
    return Description(
        name=name,
        serial=attached.serial,
        kind=kind_of(properties),
        soc=_soc(properties),
        android=properties.get("ro.build.version.release") or "unknown",
        state=attached.state,
        free_bytes=df_free(found["df"]),
        celsius=battery_celsius(battery),
        thermal_status=None if thermal.overridden else thermal.status,
        detail=faked.removesuffix("; "),
        platform=properties.get("ro.board.platform", ""),
        own_serial=own(properties.get("ro.serialno", "")),
        boot_id=found["boot"],
    )


def nothing_known(serial: str, state: str, detail: str) -> Description:
    """Describe a device of which only its adb serial and its state are known."""
    return Description(serial, serial, None, "unknown", "unknown", state, None, None, None, detail)


def state_of(error: DeviceError) -> str:
    """Return the state, as one word, of a device that answered with an error."""
    if isinstance(error, DeviceStarting):
        return STARTING
    return SILENT if isinstance(error, DeviceLost) else REFUSED


def _unnamed(server: Server, attached: Attached) -> Description:
    """Describe a device whose adb serial cannot be used: requests, paths and pages would have to carry it."""
    serial = repr(attached.serial[:64])
    found = f"adb lists it as {attached.serial[:120]!r}; wanted {NAME_WORDS}"
    todo = "connect to the same phone by its address: `lab devices connect IP:PORT`"
    if "._adb" not in attached.serial and attached.transport_id:  # not found on the network: perhaps on a cable
        todo += f" (`adb -P {server.port} -t {attached.transport_id} tcpip 5555` opens port 5555)"
    return nothing_known(serial, UNREADABLE, f"{found}; {todo}")


def _asked(transport: AdbTransport, sections: Mapping[str, str]) -> dict[str, str]:
    """Run all commands in one round trip; return the output of each, empty where it failed or is missing."""
    script = "".join(f"echo '{_MARK}{name}'\n{{ {line}; }} 2>/dev/null\n" for name, line in sections.items())
    done: Completed = transport.shell(["sh", "-c", script], timeout_s=ASK_S)
    found = dict.fromkeys(sections, "")
    for part in f"\n{done.stdout}".split(f"\n{_MARK}")[1:]:
        name, _, text = part.partition("\n")
        found[name] = found.get(name) or text.strip("\n")
    return {name: text if name in {"battery", "thermal"} else text.strip() for name, text in found.items()}


_Word = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[ -~]*$")]
"""A printable word. Lengths are a judgement: ours have 40 characters."""


class _Said(BaseModel):
    """The part of `bundle.json` that says how an agent is started; `id` goes into a path on the device."""

    id: str = Field(pattern=r"^[0-9a-f]{64}$")
    agent: _Word
    runtime: _Word
    argv: tuple[_Word, ...] = Field(min_length=1, max_length=100)


def bundle_for(agents: Path, wanted: Iterable[str], serial: str) -> Bundle:
    """Return the bundle of the first wanted ABI that has one. Raises `DeviceRefused` when none has."""
    names = tuple(wanted)
    for abi in names:
        path = agents / abi / "bundle.json"
        if not os.path.lexists(path):
            continue
        try:
            said = _Said.model_validate(json_of(read(path)))
        except (OSError, Malformed, ValidationError) as error:
            if isinstance(error, ValidationError):
                first = error.errors(include_url=False)[0]
                why = f"{'.'.join(map(str, first['loc'])) or 'the document'}: {first['msg']}"
            else:
                why = getattr(error, "strerror", None) or str(error)
            raise DeviceRefused(
                f"{path}: is no agent bundle ({why}); build it again: {remedies.agent(abi, path.parent)}"
            ) from error
        return Bundle(path.parent, abi, said.id, said.agent, said.runtime, said.argv)
    raise DeviceRefused(
        f"{serial}: wanted an agent for {' or '.join(names)} in {agents}, found none. "
        f"Build it: {remedies.agent(names[-1], agents / names[-1])}"
    )


def abis(machine: str, *, android: bool) -> tuple[str, ...]:
    """Return the ABIs that a device can run, best first: Android's own libc reaches the vendor's drivers."""
    if machine == "aarch64":
        return ("android-arm64", "arm64") if android else ("arm64",)
    return ("x86_64",) if machine == "x86_64" else (machine or "unknown",)


def name_of(serialno: str, serial: str, others: Iterable[str]) -> str:
    """Return a device's name: its own serial, or adb's where the own one is generic, reserved or shared."""
    name = serial if not own(serialno) or RESERVED.fullmatch(serialno) or serialno in set(others) else serialno
    if RESERVED.fullmatch(name):
        raise DeviceRefused(
            f"a device calls itself {name[:64]!r}, which means something else to the lab; detach it"
        )
    return checked_name(name)


def kind_of(properties: Mapping[str, str]) -> DeviceKind:
    """Return the kind. `ro.build.characteristics` is no sign: phones said "emulator" (flutter issue 10203)."""
    said = properties.get("ro.boot.pocketlab.kind")
    if said == "virtual":
        return "virtual"
    hardware = (properties.get(name, "").lower() for name in ("ro.hardware", "ro.boot.hardware"))
    qemu = "1" in (properties.get("ro.boot.qemu"), properties.get("ro.kernel.qemu"))
    return "emulated" if said == "emulated" or qemu or any(map(EMULATORS.fullmatch, hardware)) else "phone"


def _soc(properties: Mapping[str, str]) -> str:
    names = ("ro.soc.model", "ro.board.platform", "ro.hardware")  # old builds lack the first
    return next((properties[name].upper() for name in names if properties.get(name)), "unknown")


def _environment(text: str) -> dict[str, str]:
    found = dict(line.partition("=")[::2] for line in text.splitlines())
    return {name: found[name] for name in _KEPT if found.get(name)}
