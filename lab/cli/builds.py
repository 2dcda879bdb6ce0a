"""The commands `lab builds …`: what there is to measure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from lab.cli.hints import completed
from lab.cli.options import DATA, Data, opened
from lab.cli.quick import QuickCommand, QuickGroup
from lab.cli.terminal import Terminal
from lab.islands import remedies
from lab.records.telling import number_of
from lab.store import lines

if TYPE_CHECKING:
    from device_agents.contract import ForeignManifest, Product

builds = typer.Typer(
    cls=QuickGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="List, show, verify and add builds; choose the baseline of a line.",
    epilog="Example: `lab builds list`",
)

Build = Annotated[str, typer.Argument(metavar="BUILD", help="A build's line, the start of its id, or its folder.")]


@builds.command("list", cls=QuickCommand, epilog="Example: `lab builds list`")
def list_builds(data: Data = DATA) -> None:
    """List the builds of the data root. A star marks the baseline of a line."""
    table = Table("line", "revision", "id", "model", "recipe", "added (UTC)", "baseline", box=None)
    for row in lines.builds(data):
        mark = "*" if row.baseline else ""
        table.add_row(
            row.line,
            str(row.revision),
            row.id[:12],
            row.model,
            row.recipe,
            row.added_utc[:16].replace("T", " "),
            mark,
        )
    if not table.row_count:
        typer.echo(completed(f"No build yet: {remedies.a_build(data)}"))
        return
    Terminal().print(table)


@builds.command(epilog="Example: `lab builds show nano-paper`")
def show(build: Build, data: Data = DATA) -> None:
    """Print what a build is. Dimensions, precision, error against the oracle, and the origin of its weights."""
    from device_agents.contract import ForeignManifest  # noqa: PLC0415 - pydantic: `lab builds list` needs none

    found = opened(data).find_build(build)
    manifest = found.manifest
    typer.echo(f"{manifest.model}-{manifest.recipe}  {found.id}\n  folder: {found.folder}")
    typer.echo(f"  files: {len(manifest.files)}, {sum(f.bytes for f in manifest.files) / 2**20:.1f} MiB")
    typer.echo(f"  weights: {manifest.weights.origin} ({manifest.weights.source})")
    if isinstance(manifest, ForeignManifest):
        _show_foreign(manifest)
        return
    typer.echo(f"  inputs: {', '.join(sorted(manifest.inputs))}")
    for title, part in (
        ("dimensions", manifest.dimensions),
        ("recipe error against the oracle", manifest.recipe_error),
        ("tolerance", manifest.tolerance),
    ):
        typer.echo(f"  {title}:")
        for name, value in part.model_dump().items():
            typer.echo(f"    {name}: {value}")
    typer.echo("  precision:")
    for name, precision in manifest.precision.items():
        note = f" ({precision.note})" if precision.note else ""
        typer.echo(f"    {name}: weights {precision.weights}, activations {precision.activations}{note}")
        if precision.product is not None:
            typer.echo(f"      {_product(precision.product)}")
    for note in manifest.notes:
        typer.echo(f"  note: {note}")


def _product(product: Product) -> str:
    """Return how matrices are multiplied: ``by MatMulNBits at level 4; 4.5 bits a weight stored, 5 loaded``."""
    level = "" if product.accuracy_level is None else f" at level {product.accuracy_level}"
    unpacked = ", unpacked once when the session opens" if product.unpacked else ""
    return (
        f"multiplied by {product.operator}{level}{unpacked}; "
        f"{product.stored_bits:.3g} bits a weight stored, {product.loaded_bits:.3g} in memory"
    )


def _show_foreign(manifest: ForeignManifest) -> None:
    """Print what is known of a foreign build."""
    typer.echo(f"  run by: {manifest.program} of {manifest.runtime}, for {manifest.abi}: prefill and decode only")
    typer.echo(
        f"  model: {manifest.weight_file}, key-value cache {manifest.kv_cache}; its outputs are not checked"
    )
    prompts = ", ".join(f"{name} = {tokens} tokens" for name, tokens in sorted(manifest.prompt_tokens.items()))
    typer.echo(f"  inputs it stands in for: {prompts or 'none'}")
    for note in manifest.notes:
        typer.echo(f"  note: {note}")


@builds.command(epilog="Example: `lab builds verify nano-paper`")
def verify(build: Build, data: Data = DATA) -> None:
    """Check every file of a build against its manifest. Size and SHA-256; no file missing, no file extra."""
    from lab.builds.folder import verify as check  # noqa: PLC0415 - as above

    found = opened(data).find_build(build)
    check(found)
    typer.echo(f"{found.id}: {number_of(len(found.manifest.files), 'file')} read, each as the manifest says")


@builds.command(epilog="Example: `lab builds add out/nano-paper --line nano-paper`")
def add(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="A build's folder: a manifest.json, or a .gguf with llama-bench."),
    ],
    line: Annotated[str, typer.Option(help="The line it continues, e.g. nano-paper.")],
    data: Data = DATA,
) -> None:
    """Check a build and add it to a line as its newest. A foreign folder is packed (docs/foreign-tools.md)."""
    found = opened(data).add_build(folder, line)
    typer.echo(f"Added {found.id} to line {line}")


@builds.command(epilog="Example: `lab builds baseline nano-paper 3f2a`")
def baseline(
    line: Annotated[str, typer.Argument(metavar="LINE", help="The line.")], build: Build, data: Data = DATA
) -> None:
    """Make a build the baseline of its line. Other builds are compared with it."""
    store = opened(data)
    found = store.find_build(build)
    store.set_baseline(line, found.id)
    typer.echo(f"Baseline of {line}: {found.id}")
