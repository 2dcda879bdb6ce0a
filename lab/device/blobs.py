"""The lab's folder on a device: blobs by SHA-256, the ledger of proven blobs, packages as links.

    lease, lease.lock, fence      who may write here (lab.device.lease)
    ledger                        what was proven about each blob, and when it was last used
    sending                       exists during a push; a push that finds it proves everything again
    blobs/SHA256                  a whole file, hashed on the device before it got this name
    parts/SHA256                  a file in transit, or its beginning
    builds|inputs|agents/ID/...   relative links into blobs (Android's policy allows the shell no hard links)

This module has the scripts and parses their output; `lab.device.push` decides when they run. Each of them stops if
another lab took the lease. They need a POSIX shell whose `[` knows -ef (mksh, dash), find, stat, sha256sum and mv.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lab.device.lease import TAKEN_OVER, only_while_held, taken_over
from lab.device.transport import SLOWEST_HASH, Device
from lab.errors import BuildError, DeviceBusy, DeviceFull, DeviceRefused

INLINE = 30_000
"""The longest script, in characters, to send as an argument; a longer one goes as a file (adb accepts requests of
64 KiB, and quoting lengthens the script)."""

SHORT_S = 60.0
"""Deadline of a script that hashes nothing; it takes about 20 ms for a hundred files."""

_SHA = re.compile(r"[0-9a-f]{64}")
_HEADER = "pocketlab-ledger 1 "


@dataclass(frozen=True)
class Stat:
    """A file's size in bytes, its time in seconds since 1970 by the device's clock, and its inode number."""

    size: int
    modified: int
    inode: int


@dataclass(frozen=True)
class Entry:
    """A line of the ledger: a blob's `Stat` when it was hashed, the fence then, and the fence of its last use."""

    stat: Stat
    verified: int
    used: int


@dataclass(frozen=True)
class Found:
    """The content of the lab's folder. `ledger` is empty if it was written in another boot or is damaged.

    `uses` is valid across reboots: the fence of each blob's last use.
    """

    boot: str
    free_bytes: int
    unfinished: bool
    ledger: Mapping[str, Entry]
    uses: Mapping[str, int]
    blobs: Mapping[str, Stat]
    parts: Mapping[str, Stat]


@dataclass(frozen=True)
class Folder:
    """A package on the device: `path` is below the scratch folder, `links` is file -> SHA-256."""

    path: str
    links: Mapping[str, str] = field(default_factory=dict)


def run(device: Device, fence: int, script: str, *, timeout_s: float = SHORT_S) -> str:
    """Run a script in the lab's folder, if the lease is ours; return its output.

    Raises `DeviceBusy` when another lab has the lease, `DeviceRefused` when the script fails, `DeviceFull`,
    `DeviceLost`.
    """
    folder = device.scratch or ""
    script = only_while_held(folder, fence) + script
    argv = ["sh", "-c", script]
    if len(script) > INLINE:
        device.transport.push(script.encode(), f"{folder}/script")
        argv = ["sh", f"{folder}/script"]
    done = device.transport.shell(argv, timeout_s=timeout_s)
    if done.returncode == 0:
        return done.stdout
    if done.returncode == TAKEN_OVER:
        raise DeviceBusy(taken_over(device.identity.name, done.stdout.strip()))
    said = (done.stderr or done.stdout).strip()[-300:] or f"status {done.returncode}"
    if "No space left" in said:
        raise DeviceFull(f"{device.identity.name}: no space left in {folder}: {said}. Free some, and run again")
    raise DeviceRefused(
        f"{device.identity.name}: the lab's folder {folder} could not be used; the device's shell said: {said}. "
        f"`lab probe {shlex.quote(device.identity.name)}` shows what the device lacks"
    )


# --- what is there -------------------------------------------------------------------------------------

_SURVEY = """
mkdir -p blobs parts builds inputs agents || exit
read -r boot < /proc/sys/kernel/random/boot_id
echo "boot $boot"
stat -f -c 'free %a %S' blobs || exit
[ ! -e sending ] || echo unfinished
if [ -f ledger ]; then LC_ALL=C sed -n '/^[0-9a-z -]*$/s/^/ledger /p' ledger; echo; fi
find blobs parts -type f -exec stat -c 'file %s %Y %i %n' {} + || exit
"""


def survey(device: Device, fence: int) -> Found:
    """Return what is in the lab's folder, in one call to the device."""
    lines: dict[str, list[str]] = {}
    for line in run(device, fence, _SURVEY).splitlines():
        word, _, rest = line.partition(" ")
        lines.setdefault(word, []).append(rest)
    files = [found for line in lines.get("file", []) if (found := _file(line))]
    boot, free = lines.get("boot", [""])[0], lines.get("free", ["?"])[0].split()
    if len(free) != 2 or not all(re.fullmatch(r"[0-9]{1,18}", text) for text in free):
        raise DeviceRefused(
            f"{device.identity.name}: wanted the free space of {device.scratch}, "
            f"found {' '.join(free)!r}; its stat does not know -f"
        )
    entries = parsed(lines.get("ledger", []))
    same_boot = lines.get("ledger", [""])[0] == _HEADER + boot
    return Found(
        boot=boot,
        free_bytes=int(free[0]) * int(free[1]),
        unfinished="unfinished" in lines,
        ledger=entries if same_boot else {},
        uses={sha: entry.used for sha, entry in entries.items()},
        blobs={name: stat for folder, name, stat in files if folder == "blobs"},
        parts={name: stat for folder, name, stat in files if folder == "parts"},
    )


def _file(line: str) -> tuple[str, str, Stat] | None:
    """Parse a line of the survey; None for a file that the lab did not name."""
    match = re.fullmatch(r"([0-9]{1,18}) (-?[0-9]{1,18}) ([0-9]{1,20}) (blobs|parts)/([0-9a-f]{64})", line)
    if match is None:
        return None
    size, modified, inode, folder, name = match.groups()
    return folder, name, Stat(int(size), int(modified), int(inode))


def ledger(boot: str, entries: Mapping[str, Entry]) -> bytes:
    """Return a ledger's content: one line that names the boot, then one line for each blob."""
    lines = [_HEADER + boot]
    for sha, entry in sorted(entries.items()):
        stat = entry.stat
        lines.append(f"{sha} {stat.size} {stat.modified} {stat.inode} {entry.verified} {entry.used}")
    return "\n".join(lines).encode() + b"\n"


def parsed(lines: Sequence[str]) -> dict[str, Entry]:
    """Parse a ledger's lines; ignore lines that are not ours, and everything if the first line is not ours."""
    found: dict[str, Entry] = {}
    if not lines or not lines[0].startswith(_HEADER):
        return found
    for line in lines[1:]:
        sha, *numbers = line.split(" ")
        if _SHA.fullmatch(sha) and len(numbers) == 5 and all(re.fullmatch(r"-?[0-9]{1,18}", n) for n in numbers):
            size, modified, inode, verified, used = map(int, numbers)
            found[sha] = Entry(Stat(size, modified, inode), verified, used)
    return found


# --- what is proven ------------------------------------------------------------------------------------


def digests(device: Device, fence: int, folder: str, sizes: Mapping[str, int]) -> dict[str, str]:
    """Return the SHA-256 of files in `blobs` or `parts`, computed on the device in one call.

    `sizes` (file -> bytes) sets the deadline. A missing file has no digest.
    """
    if not sizes:
        return {}
    script = f"cd {folder} || exit\nsha256sum {' '.join(sorted(sizes))} 2>&1 || true\n"
    printed = run(device, fence, script, timeout_s=SHORT_S + sum(sizes.values()) / SLOWEST_HASH)
    found = re.findall(r"^([0-9a-f]{64})[ *]+([0-9a-f]{64})$", printed, re.MULTILINE)
    return {name: digest for digest, name in found}


# --- what changes --------------------------------------------------------------------------------------


def prepare(
    device: Device, fence: int, *, damaged: Iterable[str], evicted: Iterable[str], parts: Iterable[str]
) -> None:
    """Mark that a push has begun; remove blobs and parts, and packages that would lack an evicted blob."""
    script = ": > sending || exit\n"
    evicted = sorted(evicted)
    for folder, names in (("blobs", [*damaged, *evicted]), ("parts", sorted(parts))):
        script += "".join(f"rm -rf {folder}/{name}\n" for name in names)
    if evicted:
        script += _REMOVE_BROKEN
    run(device, fence, script)


_REMOVE_BROKEN = """find -L builds inputs agents -type l | while IFS= read -r broken; do
  kind=${broken%%/*} rest=${broken#*/}
  case $kind/${rest%%/*} in builds/?* | inputs/?* | agents/?*) rm -rf "./$kind/${rest%%/*}" ;; esac
done
"""


def land(device: Device, fence: int, names: Sequence[str]) -> None:
    """Move parts that were proven whole to the blobs, and make them executable: some are programs."""
    if names:
        script = (
            "cd parts || exit\nset -- {}\n"
            'for name; do [ ! -d "../blobs/$name" ] || rm -rf "../blobs/$name"; done\n'
            'chmod 755 "$@" && mv -f "$@" ../blobs/\n'
        )
        run(device, fence, script.format(" ".join(names)))


def write_ledger(device: Device, boot: str, entries: Mapping[str, Entry]) -> None:
    """Write the ledger to another name, then rename it."""
    device.transport.push(ledger(boot, entries), f"{device.scratch}/ledger")


def finish(device: Device, fence: int) -> None:
    """Mark that the push has ended."""
    run(device, fence, "rm -f sending script")


# --- packages ------------------------------------------------------------------------------------------

_LOOK = """
look() { [ -L "$1" ] && [ "$1" -ef "${1%/*}/$2" ] || wrong=1; }
link() { ln -s "$2" "$1" || exit; }
"""


def folders(device: Device, fence: int, packages: Sequence[Folder]) -> list[str]:
    """Create the folders of packages, and recreate those that are not exactly right; return the created ones."""
    return run(device, fence, _LOOK + "".join(map(_folder, packages))).splitlines()


def _folder(package: Folder) -> str:
    """Return the part of a script that checks one folder and, if necessary, recreates and renames it."""
    files = [checked(name) for name in package.links]
    inside = {"/".join(parts[:depth]) for parts in (n.split("/") for n in files) for depth in range(1, len(parts))}
    if clash := sorted(inside & set(files)):
        raise BuildError(f"{package.path}: {clash[0]!r} is listed as a file and as a folder; export it again")
    path, count = shlex.quote(package.path), 1 + len(files) + len(inside)
    lines = [
        f"$do {shlex.quote('./' + name)} {'../' * (2 + name.count('/'))}blobs/{sha}"
        for name, sha in sorted(package.links.items())
    ]
    each = "\n".join(lines) or ":"
    made = " ".join(shlex.quote(f"./{name}") for name in sorted(inside)) or "."
    return f"""
each() {{
{each}
}}
wrong=
if cd {path} 2>/dev/null; then
  do=look; each
  [ $(find . | wc -l) -eq {count} ] || wrong=1
  cd ../..
else
  wrong=1
fi
if [ -n "$wrong" ]; then
  rm -rf {path} {path}.part && mkdir -p {path}.part && cd {path}.part && mkdir -p {made} || exit
  do=link; each
  cd ../.. && mv {path}.part {path} || exit
  echo {path}
fi
"""


def checked(name: str) -> str:
    """Return a name if it is safe on a device: relative, on one line, Unicode. Raises `BuildError` otherwise."""
    parts = name.split("/")
    try:
        lengths = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        lengths = [0]
    hostile = not all(0 < length <= 255 for length in lengths) or {".", ".."} & set(parts)
    if hostile or any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise BuildError(
            f"{name!r} cannot be the name of a file on a device: wanted a relative path without control "
            "characters, each part of at most 255 bytes and none of them empty, `.` or `..`. Rename it and "
            "pack the build again"
        )
    return name
