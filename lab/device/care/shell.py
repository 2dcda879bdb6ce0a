"""A device's shell for care: commands that hang, are refused or are missing become answers, not errors."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.device.android_text import own
from lab.device.care.settings import ROOTS, Knob, Root
from lab.device.transport import Completed, Device
from lab.errors import DeviceLost, DeviceRefused

CALL_S = 20.0
"""Deadline of one command; dumpsys alone may take ten seconds on a busy phone (its own limit)."""

LOOKS, LOOK_AGAIN_S = 3, 0.5
"""How often and how far apart to read a value back that is not yet as wanted: a screen reports that it is awake a
moment after it was woken. A judgement."""

_BOOT_ID = ("cat", "/proc/sys/kernel/random/boot_id")
_SERIAL = ("getprop", "ro.serialno")
_GONE = re.compile(r"can't find service|inaccessible or not found", re.IGNORECASE)
_DENIED = re.compile(
    r"permission den|securityexception|not allowed|not permitted|requires permission|exception occurred",
    re.IGNORECASE,
)
_HEAD = 3
"""Lines of the output that are searched for a refusal: later ones may hold these words about something else."""


@dataclass(frozen=True)
class Answer:
    """The output of a command, or a problem in words."""

    text: str = ""
    problem: str = ""
    outcome: Literal["refused", "unverifiable"] = "refused"


class Shell:
    """Runs commands on one device; does not run a program again that hung or is missing.

    `serialno` is the device's own, by cable or by Wi-Fi; empty where it has none of its own. Creating a `Shell`
    asks the device, and raises `DeviceLost` when it is away.
    """

    def __init__(self, device: Device, sleep: Callable[[float], None] = time.sleep) -> None:
        self.device, self._sleep = device, sleep
        self._gone: dict[str, Answer] = {}
        self._way: Root | None = None
        self.boot_id = self._boot()
        self.serialno = own(self.ask(_SERIAL).text.strip())

    @property
    def name(self) -> str:
        """Return the device's name."""
        return self.device.identity.name

    def ask(self, argv: Sequence[str]) -> Answer:
        """Run a command. Raises `DeviceLost` when the device is away, not when only the command hangs."""
        program = " ".join(argv[: 2 if argv[0] in ("cmd", "dumpsys", "su") else 1])
        if program in self._gone:
            return self._gone[program]
        try:
            done = self.device.transport.shell(argv, timeout_s=CALL_S)
        except DeviceRefused as error:
            return Answer(problem=str(error))
        except DeviceLost:
            if another_boot(self._boot(), self.boot_id):  # raises when the device does not answer at all
                raise
            answer = Answer(problem=f"`{program}` did not answer within {CALL_S:g} s", outcome="unverifiable")
            self._gone[program] = answer
            return answer
        return self._judged(program, done)

    def read(self, knob: Knob) -> Answer:
        """Return a setting's value, which must be one line."""
        answer = self.ask(knob.read)
        if answer.problem:
            return answer
        value = knob.parse(answer.text)
        if value and "\n" not in value:
            return Answer(value)
        command = " ".join(knob.read if knob.read[0] != "sh" else knob.read[:1])
        return Answer(problem=f"`{command}` prints {telling(answer.text) or 'nothing'}", outcome="unverifiable")

    def read_back(self, knob: Knob, wanted: str) -> Answer:
        """Return a setting's value as soon as it is as wanted, or its value after a few readings."""
        for _ in range(1 if knob.blind else LOOKS - 1):
            found = self.read(knob)
            if found.problem or knob.same(wanted, found.text) or knob.blind:
                return found
            self._sleep(LOOK_AGAIN_S)
        return self.read(knob)

    def root(self) -> Root:
        """Return how to run a script as root. Raises `DeviceRefused`, which lists what was tried."""
        tried = []
        for way, script in ROOTS if self._way is None else ():
            answer = self.ask(script("id -u"))
            if answer.text.strip() == "0":
                self._way = script
                break
            tried.append(f"{way}: {answer.problem or f'runs as uid {answer.text.strip()}'}")
        if self._way is None:
            raise DeviceRefused(
                f"{self.name}: profile `rooted` changes clocks, which needs root, and there is none "
                f"({'; '.join(tried)}). Use `observe` or `fixed`, or a userdebug build after `adb root`"
            )
        return self._way

    def _judged(self, program: str, done: Completed) -> Answer:
        head = "\n".join([done.stderr, *done.stdout.strip().splitlines()[:_HEAD]])
        if done.returncode == 0 and not _DENIED.search(head) and not _GONE.search(head):
            return Answer(done.stdout)
        answer = Answer(problem=telling(f"{done.stderr}\n{done.stdout}") or f"status {done.returncode}")
        if done.returncode == 127 or _GONE.search(head):
            self._gone[program] = answer
        return answer

    def _boot(self) -> str:
        """Return the id of this boot; empty where the device gives none."""
        done = self.device.transport.shell(_BOOT_ID, timeout_s=CALL_S)
        return done.stdout.strip() if done.returncode == 0 else ""


def another_boot(one: str, other: str) -> bool:
    """Say whether two ids are known to name different boots; an empty id is unknown."""
    return bool(one and other) and one != other


def telling(said: str) -> str:
    """Return the line that says what went wrong; prefer an exception or a refusal."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    named = [line for line in lines if re.search(r"exception:|denied|denial", line, re.IGNORECASE)]
    return next(iter(named or lines), "")[:200]
