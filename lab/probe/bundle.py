"""The bundle of a probe's results, with private values hidden, so that it can be sent."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from lab.device.transport import Device
from lab.errors import RunError
from lab.probe.examine import SHOWN, Result
from lab.probe.private import scrubbed


def write_bundle(
    target: Path, device: Device, results: Sequence[Result], *, taken_utc: str, secrets: Sequence[str]
) -> None:
    """Write report.md, probes.json and every raw output as one tar.gz; raises `RunError` if that fails.

    Of the phone's answers they hold only lines of a known form, without addresses, IMEIs and the like
    (:mod:`lab.probe.private`). Each of `secrets` and the serial number are replaced by the start of their SHA-256:
    equal phones can be recognised, but not named. Without `secrets` serial numbers stay.
    """
    hide = _hider(results, secrets)
    documents = {
        "report.md": _report(device, results, taken_utc),
        "probes.json": json.dumps([_document(one) for one in results], indent=1),
        **{f"raw/{number:03d}.txt": one.raw for number, one in enumerate(results, start=1)},
    }
    try:
        with tarfile.open(target, "w:gz") as bundle:
            for name, text in documents.items():
                content = scrubbed(hide(text)).encode()
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                bundle.addfile(entry, io.BytesIO(content))
    except OSError as error:
        raise RunError(
            f"{target} could not be written: {error.strerror or error}; choose another: --out"
        ) from error


def _document(one: Result) -> dict[str, str]:
    return {name: value for name, value in asdict(one).items() if name != "raw"}


def _hider(results: Sequence[Result], secrets: Sequence[str]) -> Callable[[str], str]:
    if not secrets:
        return lambda text: text
    found = set(filter(None, secrets))
    for one in results:
        if one.name == "property ro.serialno" and one.verdict == "available":
            found.add(one.finding)
    ordered = sorted(found, key=len, reverse=True)  # longest first: one may be part of another

    def hide(text: str) -> str:
        for secret in ordered:
            text = text.replace(secret, hidden(secret))
        return text

    return hide


def hidden(name: str) -> str:
    """Return what stands for a serial number: the start of its SHA-256."""
    return f"hidden-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _report(device: Device, results: Sequence[Result], taken_utc: str) -> str:
    found, counts = device.identity, Counter(one.verdict for one in results)
    return "\n".join(
        (
            f"# What {found.name} allows",
            "",
            f"{found.model}, {found.kind}, fingerprint {found.fingerprint}, {taken_utc}.",
            ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + ".",
            "",
            "| capability | result | finding | purpose | raw |",
            "| --- | --- | --- | --- | --- |",
            *_rows(results),
            "",
        )
    )


def _rows(results: Sequence[Result]) -> Iterator[str]:
    for number, one in enumerate(results, start=1):
        cells = (one.name, one.verdict, one.finding[:SHOWN], one.shows, f"raw/{number:03d}.txt")
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
