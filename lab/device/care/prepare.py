"""Prepare a device's settings for measuring, and report at the end which of them no longer hold.

`prepare` reads each setting, journals it on the host, writes it and reads it back. The value read back counts, not
the device's report of success. The journal outlives the lab: the next contact restores what a crash left changed.
Tested against a real adbd on virtual phones; not verified on a phone.
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
    """The outcome for one setting: `before` and `after` are the values read, empty where none could be read.

    `applied` and `already` were proven by reading; `refused` is not as wanted, and `detail` says why;
    `unverifiable` may or may not be in force. The value of a setting that `drifts` holds only for that moment.
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
    """The settings that a device is measured with; `told` are messages to its owner about earlier changes."""

    settings: tuple[Setting, ...]
    told: tuple[str, ...] = ()


def prepare(
    device: Device, profile: Profile, root: Path, *, sleep: Callable[[float], None] = time.sleep
) -> Prepared:
    """Put a device into the state that a profile measures in; first undo what a crashed lab left changed.

    `root` is the data root; its journal is on disk before the device is changed. Call this with the device's lease
    held, and again after a reboot. It never changes this machine. Raises `DeviceRefused` when the device cannot
    provide the profile, `DeviceLost` when it disconnects (`restore` then undoes what was done), `StoreError`.
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
    """Raise `DeviceRefused` for a profile that would change this machine; check nothing else."""
    if device.identity.kind == "host" and profile != "observe":
        raise DeviceRefused(
            f"{device.identity.name}: profile `{profile}` changes the device, and the lab never changes this "
            "machine; use `observe`"
        )


def facts(prepared: Prepared) -> dict[str, str]:
    """Return what a Context says about settings: ``care_NAME`` -> outcome and value.

    `already` counts as `applied`: runs differ by what was in force, not by who set it.
    """
    return {f"care_{one.name}": _fact(one) for one in prepared.settings}


def _fact(one: Setting) -> str:
    if one.outcome in ("applied", "already"):
        return f"applied {one.wanted}"
    return one.outcome if one.drifts or not one.after else f"{one.outcome} {one.after}"


# --- one setting ----------------------------------------------------------------------------------------


def _due(knob: Knob, before: Answer) -> bool:
    """Say whether to write a setting: it is not as wanted, and can be restored, being read or `blind`."""
    return knob.blind if before.problem else not knob.same(knob.wanted, before.text)


def _entry(shell: Shell, knob: Knob, goes_back_to: str) -> Entry:
    """Return the journal's entry for a setting that is about to be written; its new value is not proven yet."""
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
    """Write a setting and read it back; journal it before and after."""
    one = Setting(knob.name, knob.wanted, before.text, before.text, "already", "", knob.drifts)
    if not _due(knob, before):
        return replace(one, outcome=before.outcome, detail=before.problem) if before.problem else one
    entry = _entry(shell, knob, goes_back_to)
    journal.note(root, entry)
    wrote = shell.ask(knob.write(knob.wanted))
    found = before if before.problem else shell.read_back(knob, knob.wanted)
    if found.problem and wrote.problem and wrote.outcome == "refused":
        journal.forget(root, (entry,))  # an entry of an earlier run is not this one, and stays
    if not found.problem:
        known = any(knob.same(value, found.text) for value in (knob.wanted, before.text))
        became = entry.wrote if known else (found.text,)  # a value that the device made of ours is ours too
        journal.note(root, entry.model_copy(update={"wrote": became, "proven": True}))
    outcome, detail = _became(knob, before, wrote, found)
    return replace(one, after=found.text, outcome=outcome, detail=detail)


def _became(knob: Knob, before: Answer, wrote: Answer, found: Answer) -> tuple[Outcome, str]:
    """Return the outcome for a setting that was written: the value read back decides."""
    if found.problem:
        return "unverifiable", "; ".join(filter(None, (wrote.problem, found.problem)))
    if knob.same(knob.wanted, found.text):
        return "applied", ""
    if wrote.problem:
        return wrote.outcome, wrote.problem
    if not knob.same(before.text, found.text):
        return "unverifiable", f"{knob.wanted} was written, {found.text} was read back"
    still = f"the device reported success but still reads {found.text}"
    return ("unverifiable" if knob.blind else "refused"), still


# --- pinned clocks --------------------------------------------------------------------------------------


def _pins(shell: Shell) -> tuple[str, tuple[Knob, ...]]:
    """Return the survey of the clocks, and the settings that pin them."""
    root = shell.root()
    survey = shell.ask(root(SURVEY))
    found = pins(survey.text, root)
    if not found:
        why = survey.problem or "no cpufreq policy could be read"
        raise DeviceRefused(f"{shell.name}: profile `rooted` found no clock to pin: {why}. Use `observe`")
    return survey.text, found


def _goes_back_to(knob: Knob, before: str, survey: str) -> str:
    """Return the value to restore: a maximum that heat had lowered goes back to the policy's highest.

    Restoring the lowered value would slow the phone down after it has cooled. Fixed performance goes back to off.
    """
    if knob.blind:
        return NOT_HELD
    policy, _, node = knob.name.partition("_")
    if node == "scaling_max_freq" and throttled(survey):
        return highest_khz(survey, policy) or before
    return before


def _still_pinned(shell: Shell, settings: Sequence[Setting]) -> list[Setting]:
    """Watch the clocks' limits for a few seconds: a limit that a vendor's service overrides was not applied."""
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
    """Return the settings that were proven but no longer hold, with their present values; call before `restore`.

    Android switches the screen off and battery saver on by itself. `detail` is a sentence for the owner. Settings
    that cannot be read now are left out; a device that is away gives none.
    """
    proven = [one for one in prepared.settings if one.outcome in ("applied", "already")]
    try:
        return tuple(_lapsed(Shell(device), proven)) if proven else ()
    except DeviceError as error:
        log.info("%s: cannot tell whether its settings held to the end: %s", device.identity.name, error)
        return ()


def _lapsed(shell: Shell, proven: list[Setting]) -> Iterator[Setting]:
    for one in proven:
        knob = named(one.name, lambda: ROOTS[0][1])  # reading a clock needs no root
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
