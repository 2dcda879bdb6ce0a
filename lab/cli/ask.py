"""The command `lab ask`: one question about an image, answered as one watches."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from lab.builds.asked import Asked, check_question, prepare_question
from lab.builds.inputs import check_image
from lab.cli.options import DATA, WAIT_S, Data, Wait, console, opened, tell
from lab.cli.progress import Display
from lab.cli.work import interruptible
from lab.device import cores
from lab.errors import RunError
from lab.identifiers import seconds
from lab.report.wording import KINDS, listing, number_of, quantity
from lab.run.ask import MOST_TOKENS, READER, Reply, answer, own_manifest, sizes_for, with_question
from lab.run.bench import Bench
from lab.run.benches import DEFAULT_BUILD, benches_of, devices_of, line_of, terms_of
from lab.run.delivery import present
from lab.run.turn import turn_of
from lab.store import Store


def ask(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file, e.g. a screenshot.")],
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What to ask about it.")],
    *,
    build: Annotated[
        str | None,
        typer.Option(
            help=f"A build's line, the start of its id, or its folder. [default: {READER}, else {DEFAULT_BUILD}]"
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="Where to ask: host, or a device's name or serial.")] = "host",
    tokens: Annotated[int, typer.Option(min=1, max=MOST_TOKENS, help="Most tokens of the answer.")] = 128,
    wait: Wait = WAIT_S,
    data: Data = DATA,
) -> None:
    """Ask a build a question about an image, and print the answer as it is made.

    The answer alone goes to stdout. Below it stand, on stderr, how long you waited and how fast the text came: one
    reading, no measurement (`lab run throughput --image` measures). Nothing is kept. Ctrl-C ends the agent on the
    device, too.

    Needs Pillow, which decodes the image; no torch.
    """
    store = opened(data)
    devices = devices_of(store, device, tell=tell)
    if len(devices) != 1:
        names = listing([each.identity.name for each in devices])
        raise RunError(f"wanted one device to ask, found {names}: name one with --device")
    line = build or default_line(store)
    (bench,) = benches_of(store, devices, line, terms_of(store, wait, tell=tell), None)
    manifest = own_manifest(bench)
    check_question(manifest, question)
    check_image(image)
    parallel, _ = sizes_for(manifest)
    with interruptible(), tempfile.TemporaryDirectory(prefix="pocketlab-ask-") as aside:
        with _doing("preparing the image"), cores.measuring(cores.lock_path(), wait_s=wait, tell=tell):
            folder = Path(aside) / "question"
            prepared = prepare_question(
                bench.build, image, question, folder, parallel_tokens=parallel, answer_tokens=tokens
            )
        reply = _streamed(with_question(bench, prepared), prepared, Path(aside), tokens)
    tell(told(reply, bench, line_of(store, bench.build, line)))


def default_line(store: Store) -> str:
    """Return the line that is asked when none is named: the trained model, where the store has it."""
    return READER if any(row.line == READER for row in store.builds()) else DEFAULT_BUILD


def told(reply: Reply, bench: Bench, line: str) -> str:
    """Return the line below an answer."""
    inside = (
        "" if reply.first_token_s is None else f" ({seconds(reply.first_token_s)} of it with the model loaded)"
    )
    rate = "" if reply.tokens_per_s is None else f", then {quantity(reply.tokens_per_s, 'tokens/s')}"
    cut = f", cut after {number_of(reply.tokens, 'token')} (--tokens)" if reply.cut else ""
    identity = bench.device.identity
    where = identity.name if identity.kind == "host" else f"{identity.name}, {KINDS[identity.kind]}"
    words = (
        f"First token after {seconds(reply.waited_s)}{inside}{rate}{cut}: one reading, not a measurement. "
        f"Build {line} ({bench.build.id[:12]}) on {where}"
    )
    if bench.build.manifest.weights.origin == "random":
        words += "\nIts weights are random: the answer is noise"
    return words


def _streamed(bench: Bench, prepared: Asked, aside: Path, tokens: int) -> Reply:
    """Ask in the device's turn, and print the answer as it comes; its line ends however the answer does."""
    shown = False
    files = aside / "agent"
    files.mkdir()
    with turn_of(bench) as turn:
        if bench.device.scratch is not None:
            with Display(console()) as display:
                present(bench, display.sending(bench.device.identity.name) if watched() else _silent)(turn)
        with _doing("opening the build and encoding the image") as done:

            def show(text: str) -> None:
                nonlocal shown
                done()
                shown = True
                typer.echo(text, nl=False)

            try:
                return answer(bench, turn, prepared, files, show, most_tokens=tokens)
            finally:
                if shown:
                    typer.echo()


def watched() -> bool:
    """Return whether somebody sees progress; elsewhere there is nothing but the answer and its line."""
    return console().is_terminal


def _silent(sent: int, total: int) -> None:
    pass


@contextmanager
def _doing(words: str) -> Iterator[Callable[[], None]]:
    """Say on a terminal what is being done until the block ends, or what is yielded is called."""
    shown = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        console=console(),
        transient=True,
        redirect_stdout=False,  # a Terminal writes to what these would replace: it would print to itself
        redirect_stderr=False,
    )
    if not watched():  # stopping a display that never began still ends a line
        yield lambda: None
        return
    shown.add_task(words, total=None)
    with shown:
        yield shown.stop
