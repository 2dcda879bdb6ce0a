"""Connect to an Android device: its identity, facts for the Context, agent, and line in a list of devices.

Sources of names and formats: device_care.md, sections 1 and 4. What a device does not report is "unknown" or None,
never 0. Tested against virtual phones; not verified on a phone.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lab import remedies
from lab.device.adb.server import NAME, PROTOCOL, UNREADABLE, checked_name
from lab.device.adb.transport import AdbTransport, Attached, Server, attached
from lab.device.android_text import battery_celsius, cpus, df_free, dumpsys_battery, dumpsys_thermal, getprop, own
from lab.device.lease import SCRATCH
from lab.device.transport import Completed, Device
from lab.errors import DeviceError, DeviceRefused
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
}

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
    """One line of a list of devices. `celsius` is the battery's; None means that the device does not report it."""

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


def connect(server: Server, serial: str, agents: Path) -> Device:
    """Return an attached device, with the agent of its ABI from `agents`.

    Raises `DeviceLost` when it does not answer, `DeviceRefused` when it cannot be used or has no agent.
    """
    transport = AdbTransport(server, serial)
    found = _asked(transport, _SECTIONS)
    properties = getprop(found["getprop"])
    kind, soc = _kind(properties), _soc(properties)
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
    nothing = Description(
        attached.serial, attached.serial, None, "unknown", "unknown", attached.state, None, None, None, ""
    )
    try:
        transport = AdbTransport(server, attached.serial)
        found = _asked(transport, _STATE)
    except DeviceError as error:
        return _with(nothing, detail=str(error))
    properties = getprop(found["getprop"])
    try:
        name = name_of(properties.get("ro.serialno", ""), attached.serial, ())
    except DeviceError as error:
        return _with(replace(nothing, state=UNREADABLE), detail=str(error))
    battery, thermal = dumpsys_battery(found["battery"]), dumpsys_thermal(found["thermal"])
    faked = "battery values are faked: `dumpsys battery reset`; " if "faked" in battery else ""
    faked += "thermal status is faked: `cmd thermalservice reset`; " if thermal.overridden else ""
    return Description(
        name=name,
        serial=attached.serial,
        kind=_kind(properties),
        soc=_soc(properties),
        android=properties.get("ro.build.version.release") or "unknown",
        state=attached.state,
        free_bytes=df_free(found["df"]),
        celsius=battery_celsius(battery),
        thermal_status=None if thermal.overridden else thermal.status,
        detail=faked.removesuffix("; "),
    )


def _with(description: Description, *, detail: str) -> Description:
    serial = description.serial if NAME.fullmatch(description.serial) else repr(description.serial[:64])
    return Description(serial, serial, None, "unknown", "unknown", description.state, None, None, None, detail)


def _asked(transport: AdbTransport, sections: Mapping[str, str]) -> dict[str, str]:
    """Run all commands in one round trip; return the output of each, empty where it failed or is missing."""
    script = "".join(f"echo '{_MARK}{name}'\n{{ {line}; }} 2>/dev/null\n" for name, line in sections.items())
    done: Completed = transport.shell(["sh", "-c", script], timeout_s=ASK_S)
    found = dict.fromkeys(sections, "")
    for part in f"\n{done.stdout}".split(f"\n{_MARK}")[1:]:
        name, _, text = part.partition("\n")
        found[name] = found.get(name) or text.strip("\n")
    return {name: text if name in {"battery", "thermal"} else text.strip() for name, text in found.items()}


def bundle_for(agents: Path, wanted: Iterable[str], serial: str) -> Bundle:
    """Return the bundle of the first wanted ABI that has one. Raises `DeviceRefused` when none has."""
    names = tuple(wanted)
    for abi in names:
        path = agents / abi / "bundle.json"
        if not path.is_file():
            continue
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            bundle = Bundle(path.parent, abi, said["id"], said["agent"], said["runtime"], tuple(said["argv"]))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DeviceRefused(
                f"{path}: is no agent bundle ({error!r}); build it again: {remedies.agent(abi, path.parent)}"
            ) from error
        if not re.fullmatch(r"[0-9a-f]{64}", bundle.id) or not bundle.argv:
            raise DeviceRefused(
                f"{path}: has no proper id or argv; build it again: {remedies.agent(abi, path.parent)}"
            )
        return bundle
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


def _kind(properties: Mapping[str, str]) -> DeviceKind:
    said = properties.get("ro.boot.pocketlab.kind")
    return "virtual" if said == "virtual" else "emulated" if said == "emulated" else "phone"


def _soc(properties: Mapping[str, str]) -> str:
    names = ("ro.soc.model", "ro.board.platform", "ro.hardware")  # old builds lack the first
    return next((properties[name].upper() for name in names if properties.get(name)), "unknown")


def _environment(text: str) -> dict[str, str]:
    found = dict(line.partition("=")[::2] for line in text.splitlines())
    return {name: found[name] for name in _KEPT if found.get(name)}
