"""The probe of a phone: every probe of the catalogue tried, and the agent started once."""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from device_agents.contract import PROTOCOL, Hello, Job, NullWork, Unit
from lab.device.cores import Held
from lab.device.local import SystemClock
from lab.device.push import push
from lab.device.transport import Completed, Device, Transport
from lab.errors import DeviceError, DeviceLost, LabError
from lab.probe.catalogue import PROBES, Probe, Setting
from lab.probe.private import LEFT_OUT, kept
from lab.run.delivery import package_of_agent
from lab.trial.agent import Errand, carry_out, launch_for
from lab.trial.folder import EVENTS, STDERR, read_events

Verdict = Literal["available", "refused", "missing", "unverifiable"]

AGENT_S = 120.0
"""How long the agent may take for a job without work; a judgement: emulated, it needs many seconds to start."""

NOTHING = "(nothing)"
"""The finding of a probe that printed nothing."""

SHOWN = 100
"""How many characters of a finding the table shows."""

_MISSING = re.compile(
    r"not found|no such file|can't find service|cannot find service|unknown command|unknown option|"
    r"no shell command",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"permission denied|securityexception|not allowed|operation not permitted|not permitted|requires permission",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Result:
    """The result of a probe: the verdict, the finding in one line, and what was kept of the device's output."""

    name: str
    shows: str
    command: str
    verdict: Verdict
    finding: str
    raw: str


def examine(
    device: Device, *, lease: Callable[[], AbstractContextManager[Held]], tell: Callable[[str], None]
) -> list[Result]:
    """Try every probe, then the agent; a probe without an answer does not stop the others.

    `lease` takes the device's turn, which only the agent needs: a phone whose shell cannot hold a lease is probed
    too. `tell` is called after every tenth probe.
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
    """Return a verdict and a finding of one line; an answer must contain `holds`.

    Refused and missing things are recognised by their messages, because not every ROM sets an exit status.
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
        return "unverifiable", f"printed nothing (status {done.returncode})" if line == NOTHING else said
    return "unverifiable", f"does not contain {holds!r}: {line}" if holds not in done.stdout else line


def _first(text: str, holds: str = "") -> str:
    """Return the first line that is not blank and contains `holds`; headings of head(1) are skipped."""
    lines = (" ".join(line.split()) for line in text.splitlines() if holds in line)
    return next((line for line in lines if line and not line.startswith("==>")), "")


def _read(transport: Transport, probe: Probe) -> Result:
    command = shlex.join(probe.argv)
    try:
        done = transport.shell(probe.argv, timeout_s=probe.timeout_s)
    except DeviceError as error:
        return Result(probe.name, probe.shows, command, "unverifiable", str(error), "")
    verdict, _ = judge(done, probe.holds)
    done = kept(done, probe.keeps, most=probe.most)
    return Result(probe.name, probe.shows, command, verdict, _finding(done, probe.holds), _raw(command, done))


def _finding(done: Completed, holds: str = "") -> str:
    """Return the line of an answer that says most, of those that are kept."""
    return _first(done.stdout, holds) or _first(done.stdout) or _first(done.stderr) or NOTHING


def _setting(transport: Transport, setting: Setting) -> Result:
    """Read a setting, write the same value and read it back: this tests the right to write and changes nothing."""
    raw: list[str] = []

    def ask(argv: Sequence[str]) -> Completed:
        done = transport.shell(argv, timeout_s=15.0)
        raw.append(_raw(shlex.join(argv), kept(done, setting.keeps)))
        return done

    def result(verdict: Verdict, finding: str) -> Result:
        command = f"{shlex.join(setting.write)} VALUE"
        return Result(setting.name, setting.shows, command, verdict, finding, "\n".join(raw))

    try:
        before = ask(setting.read)
        verdict, _ = judge(before)
        value = before.stdout.strip()
        if verdict != "available":
            return result(verdict, _finding(kept(before, setting.keeps)))
        if value == "null" or not re.fullmatch(setting.keeps, value):
            return result("unverifiable", "reads 'null' or what is no number: no value to write back")
        written = ask((*setting.write, value))
        if (refusal := _refusal(written)) is not None:
            return result(refusal, _finding(kept(written, setting.keeps)))
        after = ask(setting.read).stdout.strip()
    except DeviceError as error:
        return result("unverifiable", str(error))
    if after != value:
        now = after if re.fullmatch(setting.keeps, after) else LEFT_OUT
        return result(
            "refused", f"was {value!r}, was written with the same value, reads {now!r}: restore it by hand"
        )
    return result("available", f"{value!r} was written and read back")


def _refusal(done: Completed) -> Verdict | None:
    """Return what became of a write that failed, or None; a write that works prints nothing."""
    verdict, _ = judge(done)
    silent = not done.stdout.strip() and not done.stderr.strip()
    return None if done.returncode == 0 and (silent or verdict == "available") else verdict


def _raw(command: str, done: Completed) -> str:
    return f"$ {command}\n{done.stdout}{done.stderr}[status {done.returncode}]\n"


# --- the agent -----------------------------------------------------------------------------------------


def agent(device: Device, lease: Callable[[], AbstractContextManager[Held]]) -> Result:
    """Push the agent's bundle and run a job without work: its first event says what it found."""
    command = shlex.join((*device.agent, "run", "--job", "job.json", "--events", "events.jsonl"))
    name, shows = "the lab's agent", "whether our own program runs there, and what it sees"
    try:
        with lease() as held, tempfile.TemporaryDirectory() as folder:
            if device.bundle is not None:
                push([package_of_agent(device.bundle)], device, fence=held.fence, progress=_quietly)
            return Result(name, shows, command, *_greeting(device, held, Path(folder)))
    except LabError as error:
        verdict: Verdict = "unverifiable" if isinstance(error, DeviceLost) else "refused"
        return Result(name, shows, command, verdict, str(error), str(error))


def _quietly(sent: int, total: int) -> None:
    """Show no progress: a bundle is small."""


def _greeting(device: Device, held: Held, folder: Path) -> tuple[Verdict, str, str]:
    """Run a `null` job on a build that does not exist: `hello` comes before the build is opened."""
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
    ended = outcome.lost or f"status {outcome.returncode}"
    hello = next((e for e in read_events(said[EVENTS].encode()).events if isinstance(e, Hello)), None)
    if hello is None:
        why = _first(kept(Completed(0, "", said[STDERR]), "").stderr) or ended
        return "refused", f"it did not start: {why}", f"{why}\n{ended}\n"
    raw = f"{hello.model_dump_json(exclude={'pid', 'monotonic_ns', 'boot_ns', 'real_ns'})}\n{ended}\n"
    features = " ".join(hello.cpu_features)
    runtime = f"{hello.runtime} {hello.runtime_version}"
    return "available", f"{hello.agent} {hello.agent_version}, {runtime}, {hello.abi}, features: {features}", raw


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
