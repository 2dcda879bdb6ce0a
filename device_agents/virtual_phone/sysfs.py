"""A folder that imitates a part of sysfs: files change atomically, and can be made to fail as drivers do."""

from __future__ import annotations

import os
from pathlib import Path

# A sysctl that only root may write and nobody may read: a link to it refuses even uid 0, which no file mode can do
# (fs/proc/proc_sysctl.c tests the owner's bits even for root). It belongs to the phone's own network namespace,
# and writing to it flushes a cache.
REFUSED = "/proc/sys/net/ipv4/route/flush"


# A line this short is written in one piece within a page, so a file can be changed in place. Renaming a new file
# into place costs 20 times as much, and a phone under load changes 50 temperatures a second.
SHORT = 16


class Tree:
    """Nodes below `root`; it remembers what it wrote, so that an unchanged node costs nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._written: dict[str, tuple[str, str]] = {}
        root.mkdir(parents=True, exist_ok=True)

    def write(self, node: str, text: object, mode: str = "ok") -> None:
        """Write `text` and a line end to `node`, or make it fail in another mode.

        `refuse` (Permission denied), `hang` (reading blocks until the mode ends), `vanish` (no such file),
        `freeze` (the content stays).
        """
        line = f"{text}\n"
        before, mode_before = self._written.get(node, ("", ""))
        if mode == mode_before and (mode != "ok" or line == before):
            return
        self._written[node] = (line, mode)
        target = self.root / node
        if mode == "freeze" and target.exists():
            return
        if mode == mode_before == "ok" and len(line) == len(before) <= SHORT and _overwrite(target, line):
            return
        staged = self.root / ".staged"
        staged.unlink(missing_ok=True)
        if mode == "vanish":
            target.unlink(missing_ok=True)
            return
        if mode == "refuse":
            staged.symlink_to(REFUSED)
        elif mode == "hang":
            os.mkfifo(staged)
        else:
            with staged.open("x") as stream:  # mode "x" follows no link
                stream.write(line)
            staged.chmod(0o644)
        target.parent.mkdir(parents=True, exist_ok=True)
        waiting = _writer_of(target) if mode_before == "hang" else None
        staged.rename(target)  # a reader sees the old value or the new one, never half of either
        if waiting is not None:
            os.close(waiting)  # a reader that hangs in the old node reads its end

    def give(self, node: str, text: object) -> None:
        """Write `text` and a line end to `node`, and let everybody in the phone change it from then on."""
        staged = self.root / ".staged"
        staged.unlink(missing_ok=True)
        with staged.open("x") as stream:
            stream.write(f"{text}\n")
        staged.chmod(0o666)
        staged.rename(self.root / node)

    def written_by_phone(self, node: str) -> str | None:
        """Return the text that somebody in the phone has written to `node` after us; None if nobody has."""
        text, mode = self._written.get(node, ("", "never"))
        if mode != "ok":
            return None
        try:
            found = (self.root / node).read_text()
        except OSError:
            return None
        return found.strip() if found != text else None

    def forget(self, node: str) -> None:
        """Make the next :meth:`write` of `node` write in any case."""
        self._written.pop(node, None)


def _overwrite(target: Path, line: str) -> bool:
    """Overwrite a file of the same length; return False when somebody has replaced or emptied it."""
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        if os.fstat(descriptor).st_size != len(line):
            return False
        os.pwrite(descriptor, line.encode("ascii"), 0)
    finally:
        os.close(descriptor)
    return True


def _writer_of(fifo: Path) -> int | None:
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # nobody is reading
        return None
