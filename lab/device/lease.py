"""The lease, by which one lab at a time holds a device; it is kept on the device itself.

Two hosts may see the same phone, so the lease is where both see it: a file of `key=value` lines in the scratch
folder. One shell script changes it under `flock`, writes it to another name and renames it. Time is the device's
own `/proc/uptime`, which no change of the clock affects; a lease of an earlier boot is over. Each grant has a
number, the fence, greater than all before it: a lab writes to the device only while the file has the lab's fence.

A damaged lease file is held by nobody; the next grant reports that, and counts on from the copy in `fence`. An
expiry further away than the longest lease is damage too. A holder that was silent for longer than its lease keeps
it until another lab takes it.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lab.device.android_text import df_free, number
from lab.device.transport import Completed, Device, Process, Transport
from lab.errors import DeviceBusy, DeviceError, DeviceFull, DeviceLost, DeviceRefused

log = logging.getLogger(__name__)

SCRATCH = "/data/local/tmp/pocketlab"
"""The lab's folder on a device: here the shell may write and execute (device_care.md, section 2.1)."""

LASTS_S = 60
"""How long a lease lasts without a heartbeat. A judgement: three heartbeats may be lost on the way
(device_care.md, section 8), and a dead lab's phone is free again within a minute."""

LONGEST_S = 600
"""No lab writes an expiry further away than this."""

BEAT_S = 10.0
"""How often the holder renews its lease (device_care.md, section 8)."""

POLL_S = 2.0
"""How often a waiting lab asks again. A judgement: one shell call of about 15 ms beside a measurement."""

CALL_S = 30.0
"""Deadline of one call; the script takes milliseconds, and seconds when it kills leftovers."""

OWNER = re.compile(r"(?P<who>\S+@\S+) pid (?P<pid>[1-9][0-9]{0,8})")
"""How a lab names itself: user, host and process."""

_HELD = re.compile(r"([0-9]{1,9}) ([0-9]{1,9}) (.+)")
"""The script's line about another holder: seconds left, fence, owner."""

TAKEN_OVER = 75
"""Exit status of a script that found another fence (EX_TEMPFAIL of sysexits.h)."""

_OTHER_BOOT = 76

_SCRIPT = r"""
verb=$1 dir=$2 me=$3 mine=$4 lasts=$5 noted=$6 longest=$7 keep=$8 dead=$9
[ "$verb" != take ] || mkdir -p "$dir" || exit 73
[ "$verb" != take ] || chmod 700 "$dir" 2> /dev/null  # not for apps to read
cd "$dir" || exit 73
number() { case $1 in '' | *[!0-9]*) return 1 ;; esac; [ ${#1} -lt 10 ]; }  # mksh counts in 32 bits
read -r now rest < /proc/uptime && now=${now%%.*}
read -r this < /proc/sys/kernel/random/boot_id
load() {
  owner= fence= boot= expires= agent= damaged=
  [ -e lease ] || return 0
  while IFS='=' read -r key value || [ -n "$key" ]; do
    case $key in
      owner) owner=$value ;; fence) fence=$value ;; boot) boot=$value ;;
      expires) expires=$value ;; agent) agent=$value ;;
    esac
  done < lease
  number "$fence" && number "$expires" || damaged=1
  [ -n "$damaged" ] || [ "$boot" != "$this" ] || [ "$expires" -le $((now + longest)) ] || damaged=1
}
save() {
  printf 'owner=%s\nfence=%s\nboot=%s\nexpires=%s\nagent=%s\n' "$owner" "$fence" "$this" "$expires" "$agent" \
    > lease.new && mv -f lease.new lease && return 0
  rm -f lease.new
  exit 74
}
live() { [ -z "$damaged" ] && [ -n "$owner" ] && [ "$boot" = "$this" ] && [ "$expires" -gt "$now" ]; }
started() { { read -r line < "/proc/$1/stat"; } 2> /dev/null || return 0; set -- ${line##*) }; echo "${20}"; }
slay() { echo "ended $1"; kill -s KILL -- "-$1" 2> /dev/null; kill -s KILL "$1" 2> /dev/null; }
sweep() {  # kill what the last holder left running: the agent it noted, and holders of an `alive` lock
  for alive in trials/*/alive trials/*/*/alive; do  # of agents, and of samplers below them
    [ -e "$alive" ] || continue
    case $keep in ?*) case $alive in "trials/$keep"-*) continue ;; esac ;; esac
    (flock -n 8) 8< "$alive" && continue
    rm -f "${alive%/*}/process"  # its own run measures it again
    for open in /proc/[0-9]*/fd/*; do
      if [ "$open" -ef "$alive" ]; then open=${open#/proc/}; slay "${open%%/*}"; fi
    done
  done
  pid=${agent%% *}
  if [ -z "$keep" ] && number "$pid" && [ "$(started "$pid")" = "${agent##* }" ]; then slay "$pid"; fi
  for left in trials/*; do  # nobody comes back for these: their runs measure them again
    case $keep in ?*) case $left in "trials/$keep"-*) continue ;; esac ;; esac
    rm -rf "$left"
  done
}
next() {
  last=0
  { read -r last < fence; } 2> /dev/null
  number "$last" || last=0
  if number "$fence" && [ "$fence" -gt "$last" ]; then last=$fence; fi
  if [ -n "$damaged" ] && [ "$last" = 0 ]; then last=$(($(date +%s) / 16)); fi  # greater than any count
  fence=$((last + 1))
  echo "$fence" > fence.new && mv -f fence.new fence || exit 74
}
take() {
  if live && [ "$owner/$fence" != "$me/$mine" ] && [ "$owner" != "$dead" ]; then
    echo "held $((expires - now)) $fence $owner"
    return
  fi
  [ -z "$damaged" ] || echo damaged
  [ "$owner/$fence" = "$me/$mine" ] || sweep
  next
  owner=$me expires=$((now + lasts)) agent=
  save
  echo "granted $fence"
}
ours() {
  [ "$fence" = "$mine" ] || { echo "${owner:-nobody}"; exit 75; }
  [ "$boot" = "$this" ] || exit 76
}
renew() { ours; expires=$((now + lasts)) agent=$noted; save; }
release() { ours; owner= expires=0 agent=; save; }
{ flock 9 || exit 71; load; "$verb"; } 9> lease.lock
"""


_granted: set[int] = set()
"""The fences of the leases that this process holds, on all devices."""


@runtime_checkable
class Guarded(Protocol):
    """A transport that checks the fence itself before it writes; `guard` is (path of the lease file, fence)."""

    guard: tuple[str, int] | None


@dataclass(frozen=True)
class Holder:
    """Who holds a device, the fence of that grant, and the seconds left unless it is renewed."""

    owner: str
    fence: int
    left_s: float


class Lease:
    """A device that is ours; made by :func:`held`. Its heartbeat outlives a broken link."""

    number: int | None = None  # of this machine's turns, as `cores.Held` has it: a device's lease knows none
    lock: str | None = None  # nor its lock

    def __init__(self, device: Device, owner: str, tell: Callable[[str], None], keep: str = "") -> None:
        self._device, self._tell, self._keep, self._dead = device, tell, keep, ""
        self._owner = re.sub(r"[^\x20-\x7e]|=", "_", owner)
        self._process: Process | None = None
        self._lost = ""
        self._turn = threading.Lock()  # the heartbeat beside the lab's own calls
        self.fence = 0

    def note(self, process: Process | None) -> None:
        """Write down which agent runs now (None: none), so that the next holder can kill it if we die.

        A broken link is not an error: the heartbeat writes it as soon as it can. Raises `DeviceBusy` when another
        lab took the lease.
        """
        self._process = process
        try:
            self.renew()
        except DeviceLost as error:
            log.info("%s; the agent will be noted in the lease when the link is back", error)
        self.check()

    def check(self) -> None:
        """Raise `DeviceBusy` if the last heartbeat found that another lab took the lease."""
        if self._lost:
            raise DeviceBusy(self._lost)

    def again(self) -> None:
        """Take the lease again, with a new fence: after a reboot, or to prove again what is on the device."""
        self.take(wait_s=0)

    def take(self, *, wait_s: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Take the lease; wait at most `wait_s` for another holder. Raises `DeviceBusy`, naming that holder."""
        waited = 0.0
        while holder := self._try_to_take():
            if waited >= wait_s:
                waiting = f"; waited {wait_s:g} s" if wait_s else ""
                raise DeviceBusy(
                    f"{self._name} is held by {holder}{waiting}. Wait for that run to end (--wait takes seconds), "
                    "or choose another device: `lab devices`"
                )
            if not waited:
                self._tell(f"{self._name} is held by {holder}; waiting up to {wait_s:g} s for it to end")
            pause = min(POLL_S, wait_s - waited)
            sleep(pause)
            waited += pause

    def renew(self) -> None:
        """Renew the lease. If another lab took it, remember that for :meth:`check`."""
        with self._turn:
            noted = f"{self._process.pid} {self._process.started}" if self._process else ""
            done = self._call("renew", noted)
            if done.returncode == TAKEN_OVER:
                self._lost = taken_over(self._name, done.stdout.strip())
            elif done.returncode == _OTHER_BOOT:
                log.info("%s has rebooted: the lease must be taken again", self._name)
            elif done.returncode != 0:
                log.warning("%s: the lease could not be renewed: %s", self._name, _said(done))

    def release(self) -> None:
        """Give the lease back; do nothing if it is no longer ours."""
        with self._turn:
            self._set_guard(None)
            _granted.discard(self.fence)
            done = self._call("release")
            if done.returncode not in (0, TAKEN_OVER, _OTHER_BOOT):
                log.warning("%s: the lease could not be released; it will expire: %s", self._name, _said(done))

    @property
    def _name(self) -> str:
        return self._device.identity.name

    @property
    def _folder(self) -> str:
        return self._device.scratch or SCRATCH

    def _try_to_take(self) -> str:
        """Try to take the lease; return its holder in words, or an empty string when it is ours now."""
        with self._turn:
            done, lines = self._asked()
            if (held := _HELD.fullmatch(lines.get("held", ""))) and self._died_here(int(held[2]), held[3]):
                self._dead = held[3]  # by name: another lab may have taken it meanwhile
                done, lines = self._asked()
            if held := _HELD.fullmatch(lines.get("held", "")):
                return f"{held[3]} (its lease ends in {held[1]} s unless renewed)"
            if "No space left" in (said := _said(done)):
                raise DeviceFull(
                    f"{self._name}: wanted its lease in {self._folder}, found no space left on the device"
                    f"{free_words(self._device)}. Free some on it, then run again; the lab's files there stay"
                )
            if done.returncode != 0 or not re.fullmatch(r"[0-9]{1,9}", lines.get("granted", "")):
                raise DeviceRefused(
                    f"{self._name}: wanted its lease in {self._folder}, found: {said}. It needs the "
                    f"commands flock, mv and mkdir: `lab probe {shlex.quote(self._name)}`"
                )
            if "damaged" in lines:
                self._tell(f"{self._name}: its lease file was damaged, so nobody counts as its holder")
            for line in dict.fromkeys(done.stdout.splitlines()):
                if line.startswith("ended "):
                    self._tell(f"{self._name}: killed process {line[6:]}, left running by the last holder")
            _granted.discard(self.fence)
            self.fence, self._lost, self._process = int(lines["granted"]), "", None
            _granted.add(self.fence)
            self._set_guard((f"{self._folder}/lease", self.fence))
            return ""

    def _asked(self) -> tuple[Completed, dict[str, str]]:
        done = self._call("take")
        return done, dict(line.partition(" ")[::2] for line in done.stdout.splitlines())

    def _died_here(self, fence: int, owner: str) -> bool:
        """Say whether a holder was a process of our own user on this host that has ended.

        A holder with our own pid has ended, unless that grant is ours: in containers all labs may have one pid.
        """
        ours, theirs = OWNER.fullmatch(self._owner), OWNER.fullmatch(owner)
        if ours is None or theirs is None or ours["who"] != theirs["who"]:
            return False
        if int(theirs["pid"]) == os.getpid():
            return fence not in _granted
        try:
            os.kill(int(theirs["pid"]), 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            return False
        return False

    def _call(self, verb: str, noted: str = "") -> Completed:
        own = [self._owner, str(self.fence), str(LASTS_S), noted, str(LONGEST_S), self._keep, self._dead]
        argv = ["sh", "-c", _SCRIPT, "lease", verb, self._folder, *own]
        return self._device.transport.shell(argv, timeout_s=CALL_S)

    def _set_guard(self, guard: tuple[str, int] | None) -> None:
        transport = self._device.transport
        if isinstance(transport, Guarded):
            transport.guard = guard


@contextmanager
def held(
    device: Device,
    *,
    owner: str,
    wait_s: float,
    tell: Callable[[str], None] = log.warning,
    beat_s: float = BEAT_S,
    sleep: Callable[[float], None] = time.sleep,
    keep: str = "",
) -> Iterator[Lease]:
    """Hold a device's lease while the block runs; `owner` is for people: ``user@host pid 123``.

    First kills what an earlier holder left running, except trials of the run `keep`, which is to be resumed. Does
    not wait for an earlier holder of our own user and host whose process is dead. Raises `DeviceBusy` when another
    lab holds the device for longer than `wait_s`.
    """
    lease = Lease(device, owner, tell, keep)
    lease.take(wait_s=wait_s, sleep=sleep)
    done = threading.Event()
    heart = threading.Thread(target=_beat, args=(lease, done, beat_s), name="lease heartbeat", daemon=True)
    heart.start()
    try:
        yield lease
    finally:
        done.set()
        heart.join(CALL_S)
        try:
            lease.release()
        except DeviceError as error:
            log.info("%s; its lease will expire", error)


def _beat(lease: Lease, done: threading.Event, every_s: float) -> None:
    while not done.wait(every_s):
        try:
            lease.renew()
        except DeviceError as error:
            log.debug("heartbeat: %s", error)  # the transport mends the link; the next beat tries again


def holder(transport: Transport, scratch: str = SCRATCH) -> Holder | None:
    """Return who holds a device; None when nobody does. Changes nothing on the device."""
    script = 'cat /proc/sys/kernel/random/boot_id /proc/uptime "$1"/lease 2> /dev/null; true'
    lines = transport.shell(["sh", "-c", script, "holder", scratch], timeout_s=CALL_S).stdout.splitlines()
    found = dict(line.partition("=")[::2] for line in lines[2:])
    numbers = found.get("fence", ""), found.get("expires", "")
    if not found.get("owner") or not all(re.fullmatch(r"[0-9]{1,9}", text) for text in numbers):
        return None
    up_s = number(lines[1].partition(" ")[0])
    left_s = 0.0 if up_s is None else int(numbers[1]) - up_s
    if found.get("boot") != lines[0] or not 0 < left_s <= LONGEST_S:
        return None
    return Holder(found["owner"], int(numbers[0]), left_s)


def only_while_held(scratch: str, fence: int) -> str:
    """Return the first lines of a shell script: go to `scratch`, and stop if the lease has another fence."""
    return f"""cd {shlex.quote(scratch)} || exit 73
own() {{ while IFS= read -r line; do [ "$line" != fence={fence} ] || return 0; done < lease; return 1; }}
own 2> /dev/null || {{ sed -n 's/^owner=//p' lease 2> /dev/null; exit {TAKEN_OVER}; }}
"""


def taken_over(name: str, owner: str) -> str:
    """Return the message about a lease that another lab took."""
    return f"{name}: the lease was taken over by {owner or 'nobody'}; the lab writes nothing more there. Run again"


def free_bytes(device: Device) -> int | None:
    """Return the free bytes in a device's lab folder; None where the device does not say."""
    try:
        return df_free(device.transport.shell(["df", "-k", device.scratch or SCRATCH], timeout_s=CALL_S).stdout)
    except DeviceError:
        return None


def free_words(device: Device) -> str:
    """Return how much is free, as part of a message; empty where the device does not say."""
    free = free_bytes(device)
    return "" if free is None else f": {free:,} bytes free"


def _said(done: Completed) -> str:
    return (done.stderr or done.stdout).strip()[-300:] or f"status {done.returncode}"
