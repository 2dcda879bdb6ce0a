"""Figures of different kinds of devices are distinguished wherever they are shown."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from lab.records import Answer, Context
from lab.report.answer.markdown import render_markdown
from lab.report.answer.page import render_html
from lab.report.answer.terminal import render_terminal
from lab.report.answer.view import answer
from tests.lab.report.report_runs import ENCODE, NOISE, batches, run_of, trials_of

CELLS = batches(1, 4)
TRIALS = trials_of(CELLS, {"encode_s": [[2.0 * n for n in NOISE], [1.0 * n for n in NOISE]]})


def answer_on(kind: str) -> Answer:
    """Return the answer of six blocks in which 4 patches a batch take half the time."""
    run = replace(run_of(CELLS), device=f"{kind}-1", context=Context({"device_kind": kind}))
    return answer(run, TRIALS, question="How many?", metric=ENCODE)


def shown(found: Answer) -> list[str]:
    """Return an answer in the terminal, as Markdown and as a page."""
    console = Console(width=200, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(render_terminal(found))
    return [captured.get(), render_markdown(found), render_html([(found, TRIALS)])]


def test_a_virtual_phone_is_called_one_everywhere() -> None:
    """Its cores are this machine's; its cells are ranked like the host's."""
    found = answer_on("virtual")

    assert found.best == "patches_per_batch=4"
    assert all("a virtual phone: this machine" in text.replace("&#39;", "'") for text in shown(found))


def test_this_machine_gets_no_note() -> None:
    """Its figures need no warning."""
    assert not any("phone:" in text for text in shown(answer_on("host")))


def test_emulated_times_are_not_measurements_and_rank_nothing() -> None:
    """Twelve valid trials show that it works; no cell is best, and none has a probability of being best."""
    found = answer_on("emulated")

    assert found.best is None
    assert found.contenders == ()
    assert found.sentence.startswith(
        "It works: 12 valid trials of 12. Emulated: the times below are not measurements"
    )
    assert all("emulated" in text for text in shown(found))
