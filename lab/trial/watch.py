"""Watching where a foreign tool's threads may run, while it runs: what a tool says of its own options is no proof.

Builds of llama.cpp's tool take a mask of cores, print it back and place no thread (llama.cpp PR 16164 and 26838).
So the lab starts a tool under the mask itself, which its threads inherit, and reads from the kernel where each may
run. Tested with real processes on Linux and on virtual phones; not verified on a phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from device_agents.contract import Job
from lab.device.android_text import cpus
from lab.trial.folder import PLACED, THREADS, read_or_empty

_SCRIPT = r"""
out=$1 mask=$2
shift 2
: >"$out"
# Placed before the tool starts: nothing that it starts can miss the mask.
taskset -p "$mask" $$ >/dev/null 2>&1 && echo "under $mask" >"$out"
tool=$$

# field FILE NAME: put the value of one line of a status file into $found
field() {
  found=
  while IFS=': 	' read -r key found; do [ "$key" != "$2" ] || return 0; done <"$1"
  found=
  return 1
}

# look PID: print each new list of cores that a thread of it, or of a child of it, may run on
look() {
  for task in /proc/$1/task/*; do
    field $task/status Cpus_allowed_list || continue
    case "$seen" in
    *" ${task##*/}:$found "*) ;;
    *) seen="$seen ${task##*/}:$found " ; echo "thread ${task##*/} $found" >>"$out" ;;
    esac
    [ -r $task/children ] || continue
    children=
    IFS= read -r children <$task/children
    for child in $children; do [ $child = $me ] || look $child; done
  done
}

{
  exec 2>/dev/null </dev/null >&2
  IFS=' ' read -r me rest </proc/self/stat
  seen= naps='0.02 0.02 0.05 0.1 0.2 0.5 1'
  while [ -e /proc/$tool/status ]; do
    field /proc/$tool/status State
    case $found in Z*) exit ;; esac
    field /proc/$tool/status Name
    [ "$found" = sh ] || look $tool
    nap=${naps%% *}
    case $naps in *' '*) naps=${naps#* } ;; *) naps=2 ;; esac
    sleep $nap
  done
} 9>&- &
exec "$@"
"""
"""`sh -c SCRIPT watch OUT MASK TOOL...`: becomes the tool, with a child beside it that looks, every two seconds
after the first looks. A look reads a few small files and starts one program, `sleep`. Until the tool begins, its
process is a shell."""


@dataclass(frozen=True)
class Placed:
    """Where a tool's threads were allowed to run, compared with the cores that the job gives it, and in `words`.

    `observed`: on those cores and no others, at every look. `unknown`: there was no look, or no telling.
    `contradicted`: elsewhere too, or only on some of them.
    """

    kind: Literal["observed", "unknown", "contradicted"]
    words: str = ""


def cores_of(job: Job) -> tuple[int, ...]:
    """Return the cores of all units that a job's stages run on."""
    return tuple(sorted({core for name in job.stages.values() for core in job.units[name].cores}))


def watched(argv: Sequence[str], cores: Sequence[int]) -> tuple[str, ...]:
    """Return the command that starts a tool on these cores, and leaves in `THREADS` where its threads may run."""
    mask = f"{sum(1 << core for core in cores):x}"
    return ("sh", "-c", _SCRIPT, "watch", THREADS, mask, *argv)


def placed(threads: str, cores: Sequence[int]) -> Placed:
    """Judge the content of `THREADS`; an empty one is that of a tool that ended before it was looked at."""
    wanted = set(cores)
    lists = {
        (parts[1], parts[2]): set(cpus(parts[2]))
        for line in threads.splitlines()
        if len(parts := line.split()) == 3 and parts[0] == "thread" and cpus(parts[2])
    }
    if not lists or not wanted:
        return Placed("unknown", "no thread of it was seen")
    elsewhere = [(thread, said) for (thread, said), allowed in lists.items() if allowed - wanted]
    if elsewhere:
        thread, said = elsewhere[0]
        words = f"thread {thread} was allowed on cores {said}, wanted {_listed(wanted)}"
        begun = threads.startswith("under ")
        return (
            Placed("contradicted", words) if begun else Placed("unknown", f"it was started anywhere, and {words}")
        )
    if (union := set().union(*lists.values())) != wanted:
        return Placed("contradicted", f"it was allowed on cores {_listed(union)} alone, wanted {_listed(wanted)}")
    return Placed("observed")


def place(folder: Path, job: Job) -> None:
    """Judge what was seen of a trial, and leave the answer in its folder as `PLACED`, for the tool's adapter."""
    found = placed(read_or_empty(folder / THREADS).decode(errors="replace"), cores_of(job))
    (folder / PLACED).write_text(f"{found.kind} {found.words}".strip() + "\n", encoding="utf-8")


def placed_of(folder: Path) -> Placed:
    """Return the answer that `place` left in a trial's folder; `unknown` when there is none."""
    kind, _, words = read_or_empty(folder / PLACED).decode(errors="replace").strip().partition(" ")
    known: dict[str, Placed] = {"observed": Placed("observed"), "contradicted": Placed("contradicted", words)}
    return known.get(kind, Placed("unknown", words))


def _listed(cores: set[int]) -> str:
    return ",".join(str(core) for core in sorted(cores))
