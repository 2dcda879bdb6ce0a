"""The command `lab bundle`: everything behind a result in one file, and its check."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.named import named
from lab.cli.options import DATA, Data, opened, refuse
from lab.cli.output import refuse_others
from lab.errors import RunError
from lab.records.telling import number_of
from lab.store import glance
from lab.store.bundle import Bundle, verify_bundle, write_bundle


def bundle(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RECORD|verify",
            help="The start of the id of a run, comparison, incident or self-check, or last; or the word verify.",
        ),
    ],
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The bundle to verify.")] = None,
    *,
    out: Annotated[
        Path | None, typer.Option(help="The zip file to write. [default: the kind and the start of the id]")
    ] = None,
    data: Data = DATA,
) -> None:
    """Put everything behind a result into one file that can be checked: raw lines, contexts, sums.

    A bundle of a comparison holds its two runs, one of an incident its comparisons and their runs: the agents' raw
    lines, what they printed, trials, samples, scenarios, and the context, which names this host, the device and
    the builds. Serial numbers and paths may stand in it: look through it before you send it. The builds
    themselves are not in it. Unpacked into a data root, `lab reindex` lists it there.

    `lab bundle verify FILE` reads every byte, unpacks nothing, and rejects the file if a single byte has changed.
    That shows damage and edits, but not who wrote it: to prove that, send the SHA-256 that is printed here in
    another way.
    """
    if what == "verify":
        refuse("verify takes a bundle", out=out)
        if file is None:
            raise RunError("wanted the bundle to verify: `lab bundle verify FILE`")
        typer.echo(f"{file}: {_words(verify_bundle(file))}")
        return
    if file is not None:
        raise RunError(f"wanted one record, found {file} too: name the file to write with --out FILE")
    kind, record_id = _record(data, what)
    target = out or Path(f"{kind}-{record_id[: glance.START]}.zip")
    refuse_others(target)
    typer.echo(f"Wrote {target}: {_words(write_bundle(data, kind, record_id, target, version('pocketlab')))}")


def _record(data: Path, text: str) -> tuple[str, str]:
    """Return the kind and the id of the record that a text names."""
    there = glance.ids(data, ("incident",)) if text != "last" else []
    if any(text and each.startswith(text) for each, _ in there):
        return "incident", opened(data).incident(text).id
    found = named(data, text)
    return found.kind, found.id


def _words(found: Bundle) -> str:
    size = f"{number_of(found.files, 'file')}, {found.bytes / 2**20:.1f} MiB unpacked"
    return f"{found.kind} {found.id}, {size}, by pocketlab {found.lab}\n  SHA-256 {found.sha256}"
