"""A device is prepared for measuring, and put back as it was: `prepare`, `restore`, and `facts` for the Context.

Every setting is read, journalled on the host, written, and read back; what the device reads afterwards counts, not
what it says. The journal outlives the lab: the next contact puts back what a crash left. Tested against a real
adbd on virtual phones; not verified on a phone.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lab.device.care import journal
from lab.device.care.journal import Entry
from lab.device.care.restore import restore
from lab.device.care.settings import (
    FIXED,
    LIMITS,
    NOT_HELD,
    OBSERVE,
    ROOTS,
    SURVEY,
    Knob,
    highest_khz,
    limits,
    named,
    pins,
    throttled,
)
from lab.device.care.shell import Answer, Shell
from lab.device.transport import Device
from lab.errors import DeviceError, DeviceRefused
from lab.identifiers import now_utc
from lab.records import Profile

log = logging.getLogger(__name__)

Outcome = Literal["applied", "already", "refused", "unverifiable"]


@dataclass(frozen=True)
class Setting:
    """What became of one setting: `before` and `after` are what the device read, empty where it said nothing.

    `applied` and `already` are proven by reading; `refused` is not as wanted, and `detail` says why;
    `unverifiable` may or may not be in force. The value of one that `drifts` says nothing lasting.
    """

    name: str
    wanted: str
    before: str
    after: str
    outcome: Outcome
    detail: str = ""
    drifts: bool = False


@dataclass(frozen=True)
class Prepared:
    """A device as it is measured on; `told` is what its owner should hear of earlier changes, in sentences."""

    settings: tuple[Setting, ...]
    told: tuple[str, ...] = ()


def prepare(
    device: Device, profile: Profile, root: Path, *, sleep: Callable[[float], None] = time.sleep
) -> Prepared:
    """Put a device into the state that a profile measures in; first undo what a crashed lab left.

    `root` is the data root, whose journal is on the disk before the device is changed. Call it with the device's
    lease held, and again after a reboot. This machine is never changed. Raises `DeviceRefused` when the profile
    cannot be had, `DeviceLost` when the device goes away (`restore` undoes what was done), `StoreError`.
    """
    refuse_on_host(device, profile)
    if device.identity.kind == "host":
        return Prepared(())
    earlier = restore(device, root, sleep=sleep)
    shell = Shell(device, sleep)
    survey, pinned = _pins(shell) if profile == "rooted" else ("", ())
    knobs = (*OBSERVE, *((FIXED,) if profile == "fixed" else ()), *pinned)
    before = {knob.name: shell.read(knob) for knob in knobs}
    settings = [
        _apply(shell, knob, before[knob.name], root, _goes_back_to(knob, before[knob.name].text, survey))
        for knob in knobs
    ]
    if profile == "rooted":
        settings = _still_pinned(shell, settings)
    return Prepared(tuple(settings), earlier.told)


def refuse_on_host(device: Device, profile: Profile) -> None:
    """Raise `DeviceRefused` for a profile that would change this machine; nothing else is looked at."""
    if device.identity.kind == "host" and profile != "observe":
        raise DeviceRefused(
            f"{device.identity.name}: profile `{profile}` changes a device, and this machine is not changed; "
            "use `observe`"
        )


def facts(prepared: Prepared) -> dict[str, str]:
    """Return what a Context says of care: ``care_NAME`` -> outcome and value.

    What was `already` so counts as `applied`: two runs differ by what was in force, not by who put it there.
    """
    return {f"care_{one.name}": _fact(one) for one in prepared.settings}


def _fact(one: Setting) -> str:
    if one.outcome in ("applied", "already"):
        return f"applied {one.wanted}"
    return one.outcome if one.drifts or not one.after else f"{one.outcome} {one.after}"


# --- one setting ----------------------------------------------------------------------------------------


def _due(knob: Knob, before: Answer) -> bool:
    """Whether it is to be written: it is not as wanted, and is read or `blind`, so that it can be put back."""
    return knob.blind if before.problem else not knob.same(knob.wanted, before.text)


def _entry(shell: Shell, knob: Knob, goes_back_to: str) -> Entry:
    """Return what the journal holds while a setting is being written: what it will read is not yet known."""
    return Entry(
        device=shell.name,
        setting=knob.name,
        before=goes_back_to,
        wrote=(knob.wanted,),
        boot_id=shell.boot_id,
        at_utc=now_utc(),
        lab=f"{platform.node() or 'unnamed'} pid {os.getpid()}",
        proven=False,
        serialno=shell.serialno,
    )


def _apply(shell: Shell, knob: Knob, before: Answer, root: Path, goes_back_to: str) -> Setting:
    """Write a setting and read it back, noting it before and after."""
    one = Setting(knob.name, knob.wanted, before.text, before.text, "already", "", knob.drifts)
    if not _due(knob, before):
        return replace(one, outcome=before.outcome, detail=before.problem) if before.problem else one
    entry = _entry(shell, knob, goes_back_to)
    journal.note(root, entry)
    wrote = shell.ask(knob.write(knob.wanted))
    found = before if before.problem else shell.read_back(knob, knob.wanted)
    if found.problem and wrote.problem and wrote.outcome == "refused":
        journal.forget(root, (entry,))  # one that an earlier run noted is not this one, and stays
    if not found.problem:
        known = any(knob.same(value, found.text) for value in (knob.wanted, before.text))
        became = entry.wrote if known else (found.text,)  # what it was made into is ours too
        journal.note(root, entry.model_copy(update={"wrote": became, "proven": True}))
    outcome, detail = _became(knob, before, wrote, found)
    return replace(one, after=found.text, outcome=outcome, detail=detail)


def _became(knob: Knob, before: Answer, wrote: Answer, found: Answer) -> tuple[Outcome, str]:
    """Return what became of a setting that was written: what is read back decides."""
    if found.problem:
        return "unverifiable", "; ".join(filter(None, (wrote.problem, found.problem)))
    if knob.same(knob.wanted, found.text):
        return "applied", ""
    if wrote.problem:
        return wrote.outcome, wrote.problem
    if not knob.same(before.text, found.text):
        return "unverifiable", f"{knob.wanted} was written, {found.text} is read back"
    still = f"the device reported success and still reads {found.text}"
    return ("unverifiable" if knob.blind else "refused"), still


# --- pinned clocks --------------------------------------------------------------------------------------


def _pins(shell: Shell) -> tuple[str, tuple[Knob, ...]]:
    """Return the survey of the clocks, and what pins them."""
    root = shell.root()
    survey = shell.ask(root(SURVEY))
    found = pins(survey.text, root)
    if not found:
        why = survey.problem or "no cpufreq policy could be read"
        raise DeviceRefused(f"{shell.name}: profile `rooted` found no clock to pin: {why}. Use `observe`")
    return survey.text, found


def _goes_back_to(knob: Knob, before: str, survey: str) -> str:
    """Return what a setting is put back to: a maximum that heat had cut goes back to the policy's highest.

    Writing the cut one back would hold the phone down after it has cooled. Fixed performance goes back to none.
    """
    if knob.blind:
        return NOT_HELD
    policy, _, node = knob.name.partition("_")
    if node == "scaling_max_freq" and throttled(survey):
        return highest_khz(survey, policy) or before
    return before


def _still_pinned(shell: Shell, settings: Sequence[Setting]) -> list[Setting]:
    """Look at the clocks' limits for a few seconds: what a vendor's service overrides was not applied."""
    held = limits(shell.ask(LIMITS).text)

    def judged(one: Setting) -> Setting:
        policy, _, node = one.name.partition("_")
        if one.outcome not in ("applied", "already") or node not in ("scaling_min_freq", "scaling_max_freq"):
            return one
        pair = held.get(policy)
        found = None if pair is None else str(pair[node == "scaling_max_freq"])
        if found == one.wanted:
            return one
        detail = f"{one.wanted} was written, and within seconds it read {found or 'something else'}"
        return replace(one, after=found or "", outcome="unverifiable", detail=detail)

    return [judged(one) for one in settings]


def lapsed(device: Device, prepared: Prepared) -> tuple[Setting, ...]:
    """Return what was proven and holds no more, as it reads now; call it before it is put back.

    Android switches the screen off and battery saver on by itself. `detail` tells the owner in a sentence. Nothing
    is said of what cannot be read now, nor of a device that is away.
    """
    proven = [one for one in prepared.settings if one.outcome in ("applied", "already")]
    try:
        return tuple(_lapsed(Shell(device), proven)) if proven else ()
    except DeviceError as error:
        log.info("%s: whether its settings held to the end is not known: %s", device.identity.name, error)
        return ()


def _lapsed(shell: Shell, proven: list[Setting]) -> Iterator[Setting]:
    for one in proven:
        knob = named(one.name, lambda: ROOTS[0][1])  # to read a clock takes no root
        if knob is None:
            continue
        now = shell.read(knob)
        if now.problem or knob.same(one.wanted, now.text):
            continue
        detail = (
            f"{shell.name}: {one.name} read {one.wanted} when the run began, as wanted, and reads {now.text} at "
            "its end: it counts as `unverifiable`, and the run is not compared with one in which it held"
        )
        yield replace(one, after=now.text, outcome="unverifiable", detail=detail)
