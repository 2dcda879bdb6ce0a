"""The shell scripts of the adb transport, for Android's mksh and toybox and for Debian's dash.

Every word from outside goes through `quoted`. Descriptors above 2 are opened around a block (`{ …; } 9>file`),
never by `exec`: mksh would close those in the programs it starts.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Mapping, Sequence

from lab.errors import DeviceRefused

PROCESS, RETURNCODE, ALIVE = "process", "rc", "alive"
"""Files in a launch's folder: "pid starttime", the exit status, and a file locked while the program lives."""

NOT_OURS, NOT_THERE, RUNNING, NO_FOLDER, CANNOT_RUN, NOT_A_FILE, STILL = 75, 74, 73, 72, 71, 69, 99
OTHER_BOOT, OTHER_BOOT_SAID = 70, b"pocketlab-other-boot"
"""Exit statuses of these scripts: lease taken over, fewer bytes there than expected, already running, no such
folder, program cannot be run, no regular file, still running; and the device is in another boot. All are below
126, where a shell's own begin."""

_START_TIME = r"""start_time() {
  IFS= read -r stat </proc/$1/stat 2>/dev/null || return 1
  set -f; set -- ${stat##*) }; set +f; echo "${20}"
}
"""
"""Start time in clock ticks since boot: field 22 of /proc/PID/stat, the 20th behind the name (proc(5))."""

_WRAPPER = (
    _START_TIME
    + r"""
run=$1; shift
{
  flock -n -x 9 || { echo running; exit; }
  rm -f rc
  echo 0000 >rc.part || exit
  echo "$$ $(start_time $$)" >process.part && mv -f process.part process || exit
  cat process
  exec sh -c "$run" pocketlab "$@" >/dev/null 2>&1
} 9>>alive
"""
)
"""Starts a detached session: takes the lock, prints its pid and start time, and becomes `_RUN`. Children inherit
descriptor 9, so the kernel frees the lock when all of them are dead. `_RUN` is a program of its own because mksh
keeps copies of the descriptors that it redirects, and whoever started this waits until nobody holds its output."""

_RUN = r"""
limit=$1 blocks=$2 out=$3 err=$4; shift 4
rm -f nap
sh -c 'sleep $1 & echo $! >nap; wait $!; kill -9 -$2' limit $limit $$ 9>&- </dev/null >/dev/null 2>&1 &
clock=$! tries=0
while [ ! -s nap ] && [ $tries -lt 20 ]; do sleep 0.05; tries=$((tries + 1)); done
IFS= read -r nap <nap
(ulimit -f $blocks 2>/dev/null; exec "$@") </dev/null >"$out" 2>"$err"
status=$?
kill -9 $clock $nap
printf %-4d $status 1<>rc.part
mv -f rc.part rc
"""
"""Runs the program; overwrites four bytes with its exit status, so that a full disk cannot lose it.

Beside it a clock sleeps, and kills the whole group at the limit: nobody else may be there to do so. It holds no
lock, and tells its sleep's pid in `nap`, which is read before the program starts: its folder may be swept while it
runs. Not `timeout`: toybox's kills one process, and loses the status of a short one (see `limited`).
"""


def quoted(words: Sequence[str]) -> str:
    """Return a command line that a shell splits into exactly these words; raises `DeviceRefused` if none does."""
    for word in words:
        if "\0" in word:
            raise DeviceRefused(f"{word[:80]!r} holds a zero byte, which no command line can carry")
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise DeviceRefused(f"{word[:80]!r} is not Unicode text: {error}") from error
    return shlex.join(words)


def quoted_path(path: str) -> str:
    """Return an absolute path on the device, quoted; raises `DeviceRefused` if it is relative or not one line."""
    if not path.startswith("/") or any(char in path for char in "\0\n\r"):
        raise DeviceRefused(f"{path[:80]!r} is not a path for a device; wanted an absolute one, on one line")
    return quoted([path])


def same_boot(boot_id: str) -> str:
    """Stop unless this is the boot that was proven; starts no program, so that every call can afford it."""
    if not boot_id:
        return ""  # a device without a boot id is known by its attachment only
    return (
        f'IFS= read -r boot </proc/sys/kernel/random/boot_id; [ "$boot" = {quoted([boot_id])} ] || '
        f"{{ echo {OTHER_BOOT_SAID.decode()} >&2; exit {OTHER_BOOT}; }}\n"
    )


def guard(lease: str, fence: int) -> str:
    """Stop unless the lease's file carries our number: print its owner and exit with `NOT_OURS`.

    Print to standard error: adbd uses one socket for input and output, and drops the output of a command that ends
    before it has read all of its input.
    """
    file = quoted_path(lease)
    return (
        f'[ "$(sed -n s/^fence=//p {file} 2>/dev/null)" = {fence:d} ] || '
        f"{{ sed -n s/^owner=//p {file} >&2; exit {NOT_OURS}; }}\n"
    )


def limited(argv: Sequence[str], timeout_s: float) -> str:
    """Run a command that the device itself kills at the deadline, even when the link is gone.

    Do not use the status of toybox's `timeout`: when its child ends before fork has returned, it waits for the
    wrong process and returns 127 (0.8.9, seen in half of all short commands). Instead the command's pid and status
    come beside its output, and the script kills by pid what is left after the deadline.
    """
    inner = '"$@" >&3 3>&- & echo $!; wait $!; echo $?'
    return (
        f"{{ said=$(timeout -s KILL {timeout_s:g} sh -c {quoted([inner, 'limited', *argv])}); }} 3>&1\n"
        "set -- $said\n[ $# != 2 ] || exit $2\n[ $# = 1 ] || exit 127\nkill -9 $1 2>/dev/null\nexit 137"
    )


def push(target: str, size: int) -> str:
    """Write a small file from standard input: to another name, then check its size, then rename it."""
    part = quoted_path(f"{target}.part")
    return (
        f"mkdir -p {quoted_path(posixpath.dirname(target))} && cat >{part} "
        f'&& [ "$(wc -c <{part})" -eq {size} ] && mv -f {part} {quoted_path(target)}'
    )


def upload(target: str, offset: int) -> str:
    """Append standard input after the first `offset` bytes, and print the SHA-256 of the whole file."""
    file = quoted_path(target)
    there = (
        f'has=$(stat -c %s {file} 2>/dev/null); [ "${{has:-0}}" -ge {offset} ] || '
        f'{{ echo "${{has:-0}}" >&2; exit {NOT_THERE}; }}; truncate -s {offset} {file} && '
    )
    return f"mkdir -p {quoted_path(posixpath.dirname(target))} && {there}cat >>{file} && sha256sum <{file}"


def pull(path: str, most: int) -> str:
    """Print a file's size on a line, then its first `most` bytes in whole blocks; nothing if it is missing."""
    return f"{_regular(path)}wc -c <{quoted_path(path)} && {_dd(path)} count={-(-most // BLOCK)}"


def follow(path: str, offset: int) -> str:
    """Print at most 32 MiB of a file from byte `offset` on; nothing if it is missing.

    Uses dd, because toybox's tail reads the bytes that it skips.
    """
    return f"{_regular(path)}{_dd(path)} count=512 iflag=skip_bytes skip={offset}"


BLOCK = 65536


def _regular(path: str) -> str:
    """End unless a path is a regular file: a pipe would wait for its writer, a device might print for ever."""
    file = quoted_path(path)
    return f"[ -e {file} ] || exit 0; [ -f {file} ] || exit {NOT_A_FILE}\n"


def _dd(path: str) -> str:
    return f"exec dd if={quoted_path(path)} bs={BLOCK} status=none"


def start(
    argv: Sequence[str],
    environment: Mapping[str, str],
    folder: str,
    stdout: str,
    stderr: str,
    *,
    limit_s: float,
    file_bytes: int | None = None,
) -> str:
    """Start a program detached, and print "pid starttime" of its wrapper, which leads its group.

    The device itself kills the group `limit_s` later, and lets no file of the program grow beyond `file_bytes`, to
    the next 512 (None: no limit).
    """
    if not argv or "=" in argv[0]:
        raise DeviceRefused(f"cannot start {list(argv)[:1]}: wanted a program whose name has no `=`")
    for name in environment:
        if not name.isidentifier():
            raise DeviceRefused(f"{name!r} cannot be the name of an environment variable")
    pairs = [f"{name}={value}" for name, value in {"TMPDIR": folder, **environment}.items()]  # Android has no /tmp
    blocks = "unlimited" if file_bytes is None else f"{-(-file_bytes // 512)}"
    whole = quoted(
        [_WRAPPER, "pocketlab", _RUN, f"{limit_s:.0f}", blocks, stdout, stderr, "env", "-i", *pairs, *argv]
    )
    return (
        f"cd {quoted_path(folder)} || exit {NO_FOLDER}\n"
        f"command -v {quoted(argv[:1])} >/dev/null || exit {CANNOT_RUN}\n"
        f"said=$(setsid sh -c {whole} </dev/null 2>&1 &)\n"
        f'[ "$said" != running ] || exit {RUNNING}\n'
        'echo "$said"'
    )


def wait(folder: str, timeout_s: float) -> str:
    """Wait on the lock until everything started in `folder` is dead; print the exit status, if there is one."""
    sleep = f"timeout {timeout_s:g} flock -s 9; " if timeout_s > 0 else ""  # its status is not used: see `limited`
    lock = f"{sleep}flock -n -s 9 || exit {STILL}"
    return (
        f"cd {quoted_path(folder)} || exit {NO_FOLDER}\n"
        f"{{ {lock}; }} 9<{ALIVE} || exit\n"
        f"cat {RETURNCODE} 2>/dev/null || true"
    )


def kill(pid: int, started: int, folder: str | None) -> str:
    """Kill a process group by its leader's pid and start time, and whatever else still holds the folder's lock.

    If it still ran, remove its note, so that `find` does not return it: a killed trial has no result to collect.
    """
    ours = f'{_START_TIME}[ "$(start_time {pid})" != {started} ] || '
    if folder is None:
        return f"{ours}kill -9 -{pid} 2>/dev/null\ntrue"
    return (
        f"{ours}{{ kill -9 -{pid} 2>/dev/null; rm -f {quoted_path(f'{folder}/{PROCESS}')}; }}\n"
        f"cd {quoted_path(folder)} 2>/dev/null && [ -e {ALIVE} ] || exit 0\n"
        f"for held in /proc/[0-9]*/fd/9; do [ $held -ef {ALIVE} ] || continue\n"
        "  pid=${held#/proc/}; kill -9 ${pid%%/*} 2>/dev/null; done\n"
        f"{{ timeout 10 flock -s 9; flock -n -s 9; }} 9<{ALIVE}"
    )


FENCE = """
for name in ro.serialno ro.boot.serialno ro.build.fingerprint sys.boot_completed; do
  echo "$name=$(getprop $name 2>/dev/null)"
done
echo "boot_id=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
command -v getprop >/dev/null && echo android=1
"""
"""Prints what distinguishes one device, and one boot of it, from another (device_care.md, section 1)."""
