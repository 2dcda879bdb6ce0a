"""Downloads and unpacks Debian packages of any architecture, without root and without changing this machine.

apt runs on its own state (lists, cache, architecture). The mirror comes from the machine's apt configuration, with
another suite, so this module contains no address::

    for package in download(["libc6", "libstdc++6"], architecture="arm64", cache=cache_folder()):
        unpack(package, folder)

A package is downloaded once and then reused without the network: delete `<cache>/debian` to get newer versions.
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
"""Debian 13: the first stable release with both `adbd` and `libonnxruntime-dev`."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
"""The keys that sign Debian's lists, from the package debian-archive-keyring."""

FORMAT = "$(REPO_URI) $(RELEASE) $(COMPONENT)"


class DebianError(Exception):
    """Debian packages could not be downloaded or unpacked; the message says what to do."""


def want_keys(keyring: Path = KEYRING) -> None:
    """Raise `DebianError` without Debian's keys: nothing unsigned is fetched."""
    if not keyring.is_file():
        raise DebianError(
            f"wanted Debian's keys in {keyring}, to check what is fetched, found nothing: "
            "apt-get install debian-archive-keyring"
        )


def cache_folder() -> Path:
    """Return the folder for downloads: ``$POCKETLAB_CACHE``, otherwise ``~/.cache/pocketlab``."""
    named = os.environ.get("POCKETLAB_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "pocketlab"


def mirror() -> str:
    """Return the address of this machine's Debian mirror.

    ``$POCKETLAB_DEBIAN_MIRROR`` takes precedence; other systems than Debian need it. Raises `DebianError`.
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
    """Return the address of the release itself (not its updates) from apt's list of targets."""
    for line in targets.splitlines():
        uri, _, rest = line.partition(" ")
        if rest == f"{codename} main":
            return uri
    return None


def download(names: Sequence[str], *, architecture: str, cache: Path, suite: str = SUITE) -> list[Path]:
    """Return the package files of `names`, in that order; download those that the cache lacks.

    A file is written under another name and then renamed: an interrupted download leaves nothing that looks
    complete. Raises `DebianError` when apt is missing, has no mirror, or does not find a package.
    """
    folder = cache / "debian" / suite / architecture
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open(
        "wb"
    ) as lock:  # of two concurrent builds the second uses what the first downloaded
        fcntl.flock(lock, fcntl.LOCK_EX)
        if missing := [name for name in names if _cached(folder, name) is None]:
            _fetch(missing, architecture, suite, folder)
    found = {name: _cached(folder, name) for name in names}
    if lost := [name for name, path in found.items() if path is None]:
        raise DebianError(
            f"apt reported that it downloaded {' '.join(lost)} for {architecture}; {folder} has none"
        )
    return [path for path in found.values() if path is not None]


def unpack(package: Path, folder: Path) -> None:
    """Unpack a package's files into `folder`, without running its scripts."""
    folder.mkdir(parents=True, exist_ok=True)
    _run(["dpkg-deb", "-x", str(package), str(folder)])


def _cached(folder: Path, name: str) -> Path | None:
    """Return the newest file of a package, whose name ends at the first underscore."""
    found = sorted(folder.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


def _fetch(names: Sequence[str], architecture: str, suite: str, folder: Path) -> None:
    """Make apt update its own lists, check their signatures and download `names` into `folder`."""
    want_keys()
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
        "APT::Sandbox::User": "root",  # apt's own user may not enter the caller's cache folder
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
    """Run one of Debian's tools; the error quotes the end of its output."""
    if shutil.which(argv[0]) is None:
        raise DebianError(
            f"wanted {argv[0]}, found none: fetching Debian's packages needs apt and dpkg, so run this on "
            "Debian (or in a container of it) and copy the result"
        )
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        verb = next((word for word in argv[1:] if not word.startswith("-") and "=" not in word), "")
        raise DebianError(f"{argv[0]} {verb} failed: {' / '.join(words[-3:]) or done.returncode}")
    return done.stdout


def _os_release() -> dict[str, str]:
    """Return the fields of /etc/os-release; empty when there is none."""
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}
