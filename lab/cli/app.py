"""The command `lab`: its commands, and the exit status that only a verdict gives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from lab.cli.hints import completed, program
from lab.cli.options import log_to_stderr
from lab.cli.output import Regressed
from lab.cli.quick import QuickCommand, QuickGroup
from lab.errors import LabError

REGRESSED = 1
"""The exit status that says one thing only: the product regressed."""

CLOSE = 0.75
"""Likeness from which one option may be another, mistyped; a judgement: `--verbos` is 0.94 like `--verbose`,
`--html` 0.67 like `--help`."""


@dataclass(frozen=True)
class Command:
    """Where a command is (``module:name``), its line in `lab --help`, and the example at the end of its own help.

    A group of commands (a `typer.Typer`) brings its own example.
    """

    place: str
    help: str
    example: str = ""

    def load(self, name: str) -> TyperCommand | TyperGroup:
        """Import the command."""
        module, _, attribute = self.place.partition(":")
        found = getattr(import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False, rich_markup_mode=None)
            found.command(name, cls=QuickCommand, epilog=f"Example: `{self.example}`")(function)
        return cast("TyperCommand | TyperGroup", get_command(found))


COMMANDS: Mapping[str, Command] = {
    "run": Command(
        "lab.cli.run:run",
        "Measure a scenario, or every scenario of a suite, and answer its question.",
        "lab run vit_batch --build nano-paper --suite full --html report.html",
    ),
    "ask": Command(
        "lab.cli.ask:ask",
        "Ask a build a question about an image, and print the answer as it is made.",
        'lab ask screenshot.png "What is the battery level?"',
    ),
    "compare": Command(
        "lab.cli.compare:compare",
        "Say whether B is worse than A: measured in turn on one device, pair by pair, until the verdict stands.",
        "lab compare nano-paper nano-w8a8 --scenario decode --html verdict.html",
    ),
    "bisect": Command(
        "lab.cli.bisect:bisect",
        "Find the build of a line that introduced a change, by comparing builds with a good one.",
        "lab bisect nano-w4 --scenario decode --device host --good r12",
    ),
    "selfcheck": Command(
        "lab.cli.selfcheck:selfcheck",
        "Check the lab itself on a device: how often its verdicts are wrong, and the smallest change it can show.",
        "lab selfcheck --device host --budget 900",
    ),
    "nightly": Command(
        "lab.cli.nightly:nightly",
        "Measure a suite, judge it by the nights before, and say what got worse, since which build.",
    ),
    "study": Command(
        "lab.cli.study:study",
        "Say how many tiles and tokens the three tiling rules need: on many image sizes, or for an image.",
        "lab study sizes.csv --image photo.jpg --html study.html",
    ),
    "scenarios": Command(
        "lab.cli.scenarios:scenarios",
        "List the scenarios that come with pocketlab with their questions, and the suites.",
        "lab scenarios",
    ),
    "runs": Command(
        "lab.cli.runs:runs",
        "List runs, comparisons and self-checks, newest first: what was measured, and whether they finished.",
        "lab runs --limit 5",
    ),
    "show": Command(
        "lab.cli.show:show",
        "Print the answers of runs, the verdicts of comparisons, and self-checks.",
        "lab show last --html report.html",
    ),
    "published": Command(
        "lab.cli.published:published",
        "Print the paper's figures beside ours, and what differs in each row: device, model, precision.",
        "lab published --html published.html",
    ),
    "accuracy": Command(
        "lab.cli.accuracy:accuracy",
        "Compare the accuracy of builds: size, speed, right answers, and the difference to fp32.",
        "lab accuracy --markdown accuracy.md",
    ),
    "explain": Command(
        "lab.cli.explain:explain",
        "Say why each trial of a run counted or not, what the device did, and where the variance comes from.",
        "lab explain last --html why.html",
    ),
    "trace": Command(
        "lab.cli.trace:trace",
        "Write a trial of each run for ui.perfetto.dev: a track per execution unit, sensors as counters.",
        "lab trace last --iteration 1 --out trace.json",
    ),
    "bundle": Command(
        "lab.cli.bundle:bundle",
        "Put everything behind a result into one file that can be checked: raw lines, contexts, sums.",
        "lab bundle last --out result.zip",
    ),
    "publish": Command(
        "lab.cli.publish:publish",
        "Write what the lab knows as a static site that needs no server, for a release page or an archive.",
        "lab publish --out site --nights 90",
    ),
    "profile": Command(
        "lab.cli.profile:profile",
        "Say what share of each cell's time goes to products, attention, unpacking and the rest.",
        "lab profile last",
    ),
    "incidents": Command(
        "lab.cli.incidents:incidents",
        "List what got worse and is still open: one incident for each cause, with its builds and its owner.",
    ),
    "policy": Command("lab.cli.policy:policy", "Try thresholds on the nights that were measured."),
    "builds": Command(
        "lab.cli.builds:builds", "List, show, verify and add builds; choose the baseline of a line."
    ),
    "devices": Command(
        "lab.cli.devices:devices",
        "List this machine and every attached device; connect, disconnect and release devices.",
    ),
    "probe": Command(
        "lab.cli.probe:probe",
        "Find out by trying what a phone allows, and write a bundle that you can send.",
        "lab probe virtual-1 --out phone.tar.gz",
    ),
    "doctor": Command(
        "lab.cli.doctor:doctor",
        "Report what is missing on this machine and how to get it.",
        "lab doctor",
    ),
    "reindex": Command(
        "lab.cli.reindex:reindex",
        "Rebuild the index of this data root from its raw files alone, after these were changed by hand.",
        "lab reindex --data lab-data",
    ),
}
"""Every command, in the order of `lab --help`. Its module is imported when the command is used."""


class LazyGroup(QuickGroup):
    """The commands of :data:`COMMANDS`; each is a name and a line of help until it is used."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, short_help=each.help) for name, each in COMMANDS.items()}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the options before a command; say of one that is a command's own where it goes."""
        own = {name for each in self.get_params(ctx) for name in each.opts}
        first = next((arg.partition("=")[0] for arg in args if arg not in own), "")
        if first.startswith("--") and first not in own and not _close(first, own):
            ctx.fail(f"No such option: {first}. A command's options go after its name: lab COMMAND {first} ...")
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Import the command that `args` name; typer calls this to run it and for its help."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else COMMANDS[name].load(name), rest


def _close(option: str, known: Iterable[str]) -> bool:
    """Return whether an option is a known one with a slip of the pen, for which typer has its own words."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    return bool(get_close_matches(option, known, cutoff=CLOSE))


app = typer.Typer(
    name="lab",
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # drawing help with rich takes as much CPU time as all the rest of `lab --help`, twice
    help="Measure a multimodal LLM on a device: scenarios in, answers with error bars out.\n\n"
    "A scenario asks one question and sweeps a parameter. Fresh agent processes measure each of its cells, in "
    "shuffled blocks. A trial that is wrong, incomplete or disturbed never counts.\n\n"
    "Exit status: 0 fine, 1 the product regressed (`lab compare` and `lab nightly`), 2 the lab failed "
    "(stderr says why), 141 nobody read the output.",
    epilog="Example: `lab run vit_batch --build nano-paper`, then `lab show last --html report.html`",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only this needs it

        typer.echo(f"pocketlab {version('pocketlab')}")
        raise typer.Exit


@app.callback()
def top(
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what the lab does.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Measure a multimodal LLM on a device."""
    log_to_stderr(verbose=verbose)


def command() -> int:
    """Run `lab`; return the exit status of a verdict. Everything else raises, `SystemExit` included."""
    try:
        app()
    except Regressed:
        return REGRESSED
    except LabError as error:
        raise type(error)(f"{completed(str(error))}{_where_lab_is(str(error))}") from error
    return 0


def _where_lab_is(message: str) -> str:
    """Return a line that says where `lab` is, if a message names a command that could not be pasted."""
    named = re.search(rf"(?:^|[`:,] ?|or )lab (?:{'|'.join(COMMANDS)})\b", message)
    return "" if named is None or program() == "lab" else f"\n(`lab` is not on your PATH: it is {program()} here)"
