"""Debian packages of any architecture, downloaded and unpacked without root, the machine's own left alone.

apt is run on a state of its own (lists, cache, architecture). The mirror is read from the machine's apt
configuration and only the suite is replaced, so that no address is written anywhere here::

    for package in download(["libc6", "libstdc++6"], architecture="arm64", cache=cache_folder()):
        unpack(package, folder)

What was downloaded once is used again without asking the network: delete `<cache>/debian` to get newer versions.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

SUITE = "trixie"
"""Debian 13: the first stable release that carries both `adbd` and `libonnxruntime-dev`."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
"""Where the package debian-archive-keyring puts the keys that sign Debian's lists."""

FORMAT = "$(REPO_URI) $(RELEASE) $(COMPONENT)"


class DebianError(Exception):
    """Debian packages could not be had; the message says what to do."""


def cache_folder() -> Path:
    """Return where downloads are kept: ``$POCKETLAB_CACHE``, otherwise ``~/.cache/pocketlab``."""
    named = os.environ.get("POCKETLAB_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "pocketlab"


def mirror() -> str:
    """Return the address this machine gets Debian from.

    ``$POCKETLAB_DEBIAN_MIRROR`` goes first, for machines that are not Debian. Raises `DebianError`.
    """
    if named := os.environ.get("POCKETLAB_DEBIAN_MIRROR"):
        return named
    codename = _os_release().get("VERSION_CODENAME", "")
    told = _run(["apt-get", "indextargets", "--no-release-info", "--format", FORMAT, "Created-By: Packages"])
    found = mirror_in(told, codename)
    if found is None or _os_release().get("ID") != "debian":
        raise DebianError(
            "wanted a Debian mirror, found none in this machine's apt configuration: name one in "
            "POCKETLAB_DEBIAN_MIRROR, and install debian-archive-keyring"
        )
    return found


def mirror_in(targets: str, codename: str) -> str | None:
    """Pick the address of the release itself (not its updates) out of apt's list of targets."""
    for line in targets.splitlines():
        uri, _, rest = line.partition(" ")
        if rest == f"{codename} main":
            return uri
    return None


def download(names: Sequence[str], *, architecture: str, cache: Path, suite: str = SUITE) -> list[Path]:
    """Return the package files of `names`, in that order, downloading those that the cache lacks.

    A file is written aside and renamed: an interrupted download leaves nothing that looks whole. Raises
    `DebianError` when apt is missing, has no mirror, or does not find a package.
    """
    folder = cache / "debian" / suite / architecture
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("wb") as lock:  # two builds at once: the second finds what the first got
        fcntl.flock(lock, fcntl.LOCK_EX)
        if missing := [name for name in names if _cached(folder, name) is None]:
            _fetch(missing, architecture, suite, folder)
    found = {name: _cached(folder, name) for name in names}
    if lost := [name for name, path in found.items() if path is None]:
        raise DebianError(f"apt said it downloaded {' '.join(lost)} for {architecture}, and {folder} has none")
    return [path for path in found.values() if path is not None]


def unpack(package: Path, folder: Path) -> None:
    """Unpack a package's files into `folder`; nothing of it is run."""
    folder.mkdir(parents=True, exist_ok=True)
    _run(["dpkg-deb", "-x", str(package), str(folder)])


def _cached(folder: Path, name: str) -> Path | None:
    """Return the newest file of a package: its name ends before the first underscore."""
    found = sorted(folder.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


def _fetch(names: Sequence[str], architecture: str, suite: str, folder: Path) -> None:
    """Let apt update lists of its own and download `names` into `folder`; its signatures are checked by apt."""
    if not KEYRING.exists():
        raise DebianError(f"wanted Debian's keys in {KEYRING}, found nothing: apt install debian-archive-keyring")
    state = folder.parent / f"state-{architecture}"
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    sources = state / "debian.sources"
    sources.write_text(
        f"Types: deb\nURIs: {mirror()}\nSuites: {suite}\nComponents: main\nSigned-By: {KEYRING}\n",
        encoding="utf-8",
    )
    options = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",  # the cache is the caller's own folder, which apt's user may not enter
        "Acquire::Languages": "none",
        "Dir::Cache": state / "cache",
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State": state,
        "Dir::State::Lists": state / "lists",
        "Dir::State::status": state / "status",
    }
    apt = ["apt-get", "-qq", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    _run([*apt, "update"])
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="download-") as aside:
        _run([*apt, "download", *names], folder=Path(aside))
        for path in sorted(Path(aside).glob("*.deb")):
            path.replace(folder / path.name)


def _run(argv: Sequence[str], folder: Path | None = None) -> str:
    """Run one of Debian's tools; its last words are the error's."""
    if shutil.which(argv[0]) is None:
        raise DebianError(
            f"wanted {argv[0]}, found none: Debian's packages are fetched with apt and dpkg, so run this on "
            "Debian (or in a container of it) and copy the result"
        )
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        verb = next((word for word in argv[1:] if not word.startswith("-") and "=" not in word), "")
        raise DebianError(f"{argv[0]} {verb} failed: {' / '.join(words[-3:]) or done.returncode}")
    return done.stdout


def _os_release() -> dict[str, str]:
    """Read the machine's own description; empty where there is none."""
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}
