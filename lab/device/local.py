"""The host as a device: processes in their own sessions, and files that need no copying."""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import resource
import select
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from time import monotonic

import psutil

import device_agents
from lab.device.android_text import cpus
from lab.device.transport import NO_FILE, Completed, Device, Process
from lab.errors import DeviceLost, DeviceRefused, WrongFile
from lab.files import sha256
from lab.identifiers import now_utc
from lab.islands.process import ROOT, command
from lab.records import DeviceIdentity

INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR")
"""The variables that an agent inherits from the lab; any other would be an unrecorded influence."""


AT_ONCE = 32 * 2**20
"""The most bytes to read of a growing file at once."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return monotonic()

    def utc(self) -> str:
        """Return the present time in UTC, as ISO 8601 with milliseconds."""
        return now_utc()


class LocalTransport:
    """The transport to this machine; it remembers the children that it started so that it can reap them."""

    def __init__(self) -> None:
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Run a short command to its end, without a shell in between."""
        try:
            done = subprocess.run(  # a list of arguments, never a shell
                list(argv),
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired as error:
            raise DeviceLost(f"host: `{argv[0]}` did not end within {timeout_s} s") from error
        except OSError as error:
            raise DeviceRefused(f"host: cannot run `{argv[0]}`: {error}") from error
        return Completed(done.returncode, done.stdout, done.stderr)

    def push(self, content: bytes, target: str) -> None:
        """Write a file completely or not at all."""
        path = Path(target)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f"{path.name}.part")
        aside.write_bytes(content)
        aside.replace(path)

    def upload(
        self, source: Path, target: str, *, offset: int = 0, progress: Callable[[int], None] = lambda sent: None
    ) -> str:
        """Copy a file's bytes from `offset` on; read the whole copy back, and return its SHA-256."""
        path = Path(target)
        path.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as read, path.open("r+b" if offset else "wb") as write:
            read.seek(offset)
            write.seek(offset)
            write.truncate()
            shutil.copyfileobj(read, write)
            progress(write.tell() - offset)
        return sha256(path)

    def pull(self, source: str, target: Path, *, most: int) -> int:
        """Copy the first `most` bytes of a file; one that is already in place is cut to so many."""
        if Path(source).absolute() != target.absolute():
            content = self.follow(source, 0)
            target.write_bytes(content[:most])
            return len(content)
        target.touch()
        size = len(self.follow(source, 0)) if not target.is_file() else target.stat().st_size
        if size > most:
            os.truncate(target, most)
        return size

    def follow(self, path: str, offset: int) -> bytes:
        """Return at most 32 MiB of the file from `offset` on."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for its writer
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise WrongFile(f"host: wanted to read {path}: {error.strerror}") from error
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise WrongFile(f"host: wanted to read {path}; {NO_FILE}")
            return os.pread(descriptor, AT_ONCE, offset)
        finally:
            os.close(descriptor)

    def start(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: str,
        stdout: str,
        stderr: str,
        limit_s: float,
        file_bytes: int | None = None,
    ) -> Process:
        """Start a process in its own session. Raises `DeviceRefused` when it cannot be started.

        Where the system cannot tie it to the lab's life (not Linux, no util-linux), the next lab's turn ends it.
        """
        if shutil.which(argv[0], path=environment.get("PATH", os.defpath)) is None:
            raise DeviceRefused(f"host: cannot start the agent `{argv[0]}`: there is no such program")
        with Path(stdout).open("wb") as out, Path(stderr).open("wb") as err:
            try:
                child = subprocess.Popen(
                    [*_with_the_lab(), *argv],
                    cwd=folder,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
            except OSError as error:
                raise DeviceRefused(f"host: cannot start the agent `{argv[0]}`: {error}") from error
        self._children[child.pid] = child
        if file_bytes is not None:
            _limit_files(child.pid, file_bytes)
        return Process(child.pid, start_time(child.pid) or 0)

    def wait(self, process: Process, *, timeout_s: float) -> int | None:
        """Wait at most `timeout_s` for a child of ours, without polling where the kernel has pidfds."""
        child = self._children[process.pid]
        if child.poll() is None and timeout_s > 0:
            _sleep_until_exit(child, timeout_s)
        return child.poll()

    def kill(self, process: Process) -> None:
        """Kill the process group, if pid and start time still identify the same process."""
        child = self._children.get(process.pid)
        if start_time(process.pid) == process.started:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                return
        if child is not None:
            child.wait()

    def find(self, folder: str) -> Process | None:
        """Return None: nothing to resume here, because an agent ends with its lab."""
        return None

    def reconnect(self, *, timeout_s: float) -> None:
        """Do nothing: the lab runs on this machine."""


@cache
def _with_the_lab() -> tuple[str, ...]:
    """Return the command that becomes another, which the kernel kills when the thread that started it dies.

    It sets a mark and is gone (prctl(2), PR_SET_PDEATHSIG): nothing runs beside an agent. Empty: there is none.
    """
    program = shutil.which("setpriv")
    prefix = () if program is None else (program, "--pdeathsig", "KILL")
    known = prefix and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    return prefix if known else ()


def _limit_files(pid: int, most: int) -> None:
    """Have the kernel stop what a process writes to a file beyond `most` bytes, by SIGXFSZ; Linux only."""
    if sys.platform == "linux":
        with suppress(OSError):  # it has ended already
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


def _sleep_until_exit(child: subprocess.Popen[bytes], timeout_s: float) -> None:
    try:
        descriptor = os.pidfd_open(child.pid)
    except (AttributeError, OSError):
        try:
            child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return
        return
    try:
        select.select([descriptor], [], [], timeout_s)
    finally:
        os.close(descriptor)


def start_time(pid: int) -> int | None:
    """Return a process's start in clock ticks since boot (proc(5), field 22 of stat); None if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[19])


def connect() -> Device:
    """Return this machine as a device, with the bundled reference agent."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    facts = host_facts()
    return Device(
        identity=DeviceIdentity(
            name="host",
            kind="host",
            model=facts["cpu_model"],
            fingerprint=hashlib.sha256(repr(sorted(facts.items())).encode()).hexdigest()[:16],
            cores=cores(),
        ),
        transport=LocalTransport(),
        agent=tuple(command("device_agents.reference")),
        environment={**inherited, "PYTHONPATH": ROOT},
        scratch=None,
        facts=facts,
    )


def cores() -> tuple[int, ...]:
    """Return one logical CPU for each physical core this process may use, in ascending order."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    siblings = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    return physical({cpu: _first_line(siblings.format(cpu)) for cpu in allowed})


def physical(siblings: Mapping[int, str]) -> tuple[int, ...]:
    """Keep the first of the logical CPUs that share a physical core.

    `siblings` maps each allowed CPU to Linux's list, e.g. ``0,8`` or ``0-1``; a CPU with other text counts as a
    core of its own. Two execution units on one physical core would disturb each other's measurement.
    """
    kept: dict[tuple[int, ...], int] = {}
    for cpu in sorted(siblings):
        kept.setdefault(cpus(siblings[cpu]) or (cpu,), cpu)
    return tuple(sorted(kept.values()))


def code_digest(folder: Path) -> str:
    """Return a digest of what the agent's source in `folder` does: contract.py and every module of reference/.

    Words about the code (comments, docstrings, descriptions of pydantic fields) and its layout do not count; every
    name, constant, message and statement does. The digested text is that of `ast.dump`, which differs between
    versions of Python: the version is a fact of its own. Raises `DeviceRefused` when a module cannot be parsed.
    """
    digest = hashlib.sha256()
    for path in [folder / "contract.py", *sorted((folder / "reference").rglob("*.py"))]:
        try:
            tree = _WithoutWords().visit(ast.parse(path.read_bytes(), str(path)))
        except SyntaxError as error:
            raise DeviceRefused(f"host: wanted the agent's source in Python, found {error}: correct it") from error
        digest.update(f"{path.relative_to(folder).as_posix()}\0{ast.dump(tree)}\0".encode())
    return digest.hexdigest()[:12]


class _WithoutWords(ast.NodeTransformer):
    """Remove what only people read from a module: strings that are statements, and `Field(description="...")`."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if _is_text(node.value) else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "Field":
            node.keywords = [
                word for word in node.keywords if word.arg != "description" or not _is_text(word.value)
            ]
        return self.generic_visit(node)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def host_facts() -> dict[str, str]:
    """Return the facts that identify this machine and its software, in words."""
    return {
        "cpu_model": _cpu_model(),
        "cores": ",".join(str(core) for core in cores()),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "memory_gib": f"{psutil.virtual_memory().total / 2**30:.1f}",
        "host": platform.node(),
        "python": platform.python_version(),
        "agent": f"reference {_version('pocketlab')}, code {code_digest(Path(device_agents.__file__).parent)}",
        "numpy": _version("numpy"),
        "cpu_quota": _first_line("/sys/fs/cgroup/cpu.max"),
        "runtime": f"onnxruntime {_version('onnxruntime')}",
        "governor": _first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    }


def _version(package: str) -> str:
    """Return an installed package's version from its metadata, without importing it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = ("model name", "Hardware", "Processor")  # x86; then what arm kernels print, when they print any
    found = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in reversed(lines)}
    return next((found[name] for name in names if found.get(name)), platform.machine())


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().strip() or "unknown"
    except OSError:
        return "unknown"
