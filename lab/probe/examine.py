"""What a phone allows, found by trying, and a bundle of the answers that one can send."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shlex
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from device_agents.contract import PROTOCOL, Hello, Job, NullWork, Unit
from lab.device.cores import Held
from lab.device.local import SystemClock
from lab.device.push import package_of_agent, push
from lab.device.transport import Completed, Device, Transport
from lab.errors import DeviceError, DeviceLost, LabError, RunError
from lab.probe.catalogue import PROBES, Probe, Setting
from lab.trial.agent import EVENTS, STDERR, Errand, carry_out, launch_for, read_events

Verdict = Literal["available", "refused", "missing", "unverifiable"]

AGENT_S = 120.0
"""How long the agent may take to do nothing; a judgement: emulated, its start alone takes many seconds."""

NOTHING = "(nothing)"

SHOWN = 100
"""How many characters of a finding stand in the table."""

_MISSING = re.compile(
    r"not found|no such file|can't find service|cannot find service|unknown command|unknown option|"
    r"no shell command",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"permission denied|securityexception|not allowed|operation not permitted|not permitted|requires permission",
    re.IGNORECASE,
)
_PRIVATE = re.compile(r"\[[^\]]*(?:serial|imei|meid|mac|bssid|ssid|phone)[^\]]*\]: \[([^\]]{6,})\]", re.IGNORECASE)
_MAC = re.compile(r"\b(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\b")


@dataclass(frozen=True)
class Result:
    """What became of a probe: the verdict, one line of what was found, and everything the device said."""

    name: str
    shows: str
    command: str
    verdict: Verdict
    finding: str
    raw: str


def examine(
    device: Device, *, lease: Callable[[], AbstractContextManager[Held]], tell: Callable[[str], None]
) -> list[Result]:
    """Try every probe, then the agent; one that gets no answer in time hides no other.

    `lease` gives the device's turn, which only the agent needs: a phone whose shell lacks what a lease
    takes is probed all the same. `tell` hears of each group of ten.
    """
    results: list[Result] = []
    for number, probe in enumerate(PROBES, start=1):
        results.append(
            _setting(device.transport, probe) if isinstance(probe, Setting) else _read(device.transport, probe)
        )
        if number % 10 == 0:
            tell(f"{device.identity.name}: {number} of {len(PROBES)} probes done")
    return [*results, agent(device, lease)]


def judge(done: Completed, holds: str = "") -> tuple[Verdict, str]:
    """Return a verdict and one line: an answer counts as one when it holds `holds`.

    What a refused or missing thing says is matched in words, because not every ROM sets a status.
    """
    words = "\n".join(filter(None, (done.stdout.strip(), done.stderr.strip())))
    line = _first(words) or NOTHING
    answered = bool(done.stdout.strip()) and holds in done.stdout
    if answered and (done.returncode == 0 or not (_MISSING.search(words) or _REFUSED.search(words))):
        return "available", _first(done.stdout, holds) or line
    said = _first(done.stderr) or line
    if _REFUSED.search(words):
        return "refused", said
    if done.returncode == 127 or _MISSING.search(words):
        return "missing", said
    if not done.stdout.strip():
        return "unverifiable", f"said nothing (status {done.returncode})" if line == NOTHING else said
    return "unverifiable", f"does not say {holds!r}: {line}" if holds not in done.stdout else line


def _first(text: str, holds: str = "") -> str:
    """Return the first line that says something and holds `holds`; headings of head(1) are left out."""
    lines = (" ".join(line.split()) for line in text.splitlines() if holds in line)
    return next((line for line in lines if line and not line.startswith("==>")), "")


def _read(transport: Transport, probe: Probe) -> Result:
    command = shlex.join(probe.argv)
    try:
        done = transport.shell(probe.argv, timeout_s=probe.timeout_s)
    except DeviceError as error:
        return Result(probe.name, probe.shows, command, "unverifiable", str(error), "")
    verdict, finding = judge(done, probe.holds)
    return Result(probe.name, probe.shows, command, verdict, finding, _raw(command, done))


def _setting(transport: Transport, setting: Setting) -> Result:
    """Read a setting, write the same value, read it back: nothing is changed, and the right to write is known."""
    raw: list[str] = []

    def ask(argv: Sequence[str]) -> Completed:
        done = transport.shell(argv, timeout_s=15.0)
        raw.append(_raw(shlex.join(argv), done))
        return done

    def result(verdict: Verdict, finding: str) -> Result:
        command = f"{shlex.join(setting.write)} VALUE"
        return Result(setting.name, setting.shows, command, verdict, finding, "\n".join(raw))

    try:
        before = ask(setting.read)
        verdict, finding = judge(before)
        value = before.stdout.strip()
        if verdict != "available":
            return result(verdict, finding)
        if value == "null" or not value or "\n" in value:
            return result("unverifiable", f"reads {value!r}: there is no value to write back")
        if (refusal := _refusal(ask((*setting.write, value)))) is not None:
            return result(*refusal)
        after = ask(setting.read).stdout.strip()
    except DeviceError as error:
        return result("unverifiable", str(error))
    if after != value:
        return result("refused", f"was {value!r}, written with the same, reads {after!r}: set it back by hand")
    return result("available", f"{value!r} was written and read back")


def _refusal(done: Completed) -> tuple[Verdict, str] | None:
    """Return what went wrong with a write, which says nothing when it works; None when nothing did."""
    verdict, finding = judge(done)
    silent = not done.stdout.strip() and not done.stderr.strip()
    return None if done.returncode == 0 and (silent or verdict == "available") else (verdict, finding)


def _raw(command: str, done: Completed) -> str:
    return f"$ {command}\n{done.stdout}{done.stderr}[status {done.returncode}]\n"


# --- the agent -----------------------------------------------------------------------------------------


def agent(device: Device, lease: Callable[[], AbstractContextManager[Held]]) -> Result:
    """Push the agent's bundle and let it do nothing: its first line says what it found."""
    command = shlex.join((*device.agent, "run", "--job", "job.json", "--events", "events.jsonl"))
    name, shows = "the lab's agent", "whether our own program runs there, and what it sees"
    try:
        with lease() as held, tempfile.TemporaryDirectory() as folder:
            if device.bundle is not None:
                push([package_of_agent(device.bundle)], device, fence=held.fence(), progress=_quietly)
            return Result(name, shows, command, *_greeting(device, held, Path(folder)))
    except LabError as error:
        verdict: Verdict = "unverifiable" if isinstance(error, DeviceLost) else "refused"
        return Result(name, shows, command, verdict, str(error), str(error))


def _quietly(sent: int, total: int) -> None:
    """A bundle is small: its push needs no bar."""


def _greeting(device: Device, held: Held, folder: Path) -> tuple[Verdict, str, str]:
    """Run a `null` job on a build that is not there: `hello` comes before the build is opened."""
    job = Job(
        protocol=PROTOCOL,
        trial="probe",
        build="none",
        work=NullWork(),
        warmup_iterations=0,
        iterations=1,
        units={"all": Unit(cores=list(device.identity.cores))},
        stages={},
    )
    launch = launch_for(job, device, folder)
    outcome = carry_out(
        Errand(
            launch=launch,
            transport=device.transport,
            folder=folder,
            timeout_s=AGENT_S,
            clock=SystemClock(),
            look_every_s=device.look_every_s,
            started=held.note,
        )
    )
    said = {name: _text(folder / name) for name in (EVENTS, STDERR)}
    raw = "\n".join(f"--- {name}\n{text}" for name, text in said.items()) + f"\n{outcome}\n"
    hello = next((e for e in read_events(said[EVENTS].encode()).events if isinstance(e, Hello)), None)
    if hello is None:
        last = said[STDERR].strip().splitlines()[-1:] or [outcome.lost or f"status {outcome.returncode}"]
        return "refused", f"it did not start: {last[0]}", raw
    features = " ".join(hello.cpu_features)
    runtime = f"{hello.runtime} {hello.runtime_version}"
    return "available", f"{hello.agent} {hello.agent_version}, {runtime}, {hello.abi}, features: {features}", raw


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


# --- the bundle ----------------------------------------------------------------------------------------


def write_bundle(
    target: Path, device: Device, results: Sequence[Result], *, taken_utc: str, secrets: Sequence[str]
) -> None:
    """Write report.md, probes.json and every raw output as one tar.gz.

    Each of `secrets`, and what properties call a serial number, IMEI or address, is replaced by the start
    of its SHA-256, everywhere: the same value can be recognised and not read. Raises `RunError`.
    """
    hide = _hider(results, secrets)
    documents = {
        "report.md": _report(device, results, taken_utc),
        "probes.json": json.dumps([_document(one) for one in results], indent=1),
        **{f"raw/{number:03d}.txt": one.raw for number, one in enumerate(results, start=1)},
    }
    try:
        with tarfile.open(target, "w:gz") as bundle:
            for name, text in documents.items():
                content = hide(text).encode()
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                bundle.addfile(entry, io.BytesIO(content))
    except OSError as error:
        raise RunError(
            f"{target} could not be written: {error.strerror or error}; choose another: --out"
        ) from error


def _document(one: Result) -> dict[str, str]:
    return {name: value for name, value in asdict(one).items() if name != "raw"}


def _hider(results: Sequence[Result], secrets: Sequence[str]) -> Callable[[str], str]:
    if not secrets:
        return lambda text: text
    found = set(filter(None, secrets))
    for one in results:
        found |= set(_PRIVATE.findall(one.raw)) | set(_MAC.findall(one.raw))
        if one.name in {"property ro.serialno"} and one.verdict == "available":
            found.add(one.finding)
    ordered = sorted(found, key=len, reverse=True)  # the longest first: one may be a part of another

    def hide(text: str) -> str:
        for secret in ordered:
            text = text.replace(secret, f"hidden-{hashlib.sha256(secret.encode()).hexdigest()[:12]}")
        return text

    return hide


def _report(device: Device, results: Sequence[Result], taken_utc: str) -> str:
    found, counts = device.identity, Counter(one.verdict for one in results)
    return "\n".join(
        (
            f"# What {found.name} allows",
            "",
            f"{found.model}, {found.kind}, fingerprint {found.fingerprint}, {taken_utc}.",
            ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + ".",
            "",
            "| capability | result | what was found | what it is for | raw |",
            "| --- | --- | --- | --- | --- |",
            *_rows(results),
            "",
        )
    )


def _rows(results: Sequence[Result]) -> Iterator[str]:
    for number, one in enumerate(results, start=1):
        cells = (one.name, one.verdict, one.finding[:SHOWN], one.shows, f"raw/{number:03d}.txt")
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
