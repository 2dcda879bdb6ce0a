"""How a program ends when what it runs raises, leaves or writes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.lab_process import ROOT

PROGRAM = """
import sys, threading
from device_agents import ending

class Known(Exception):
    pass

def main():
    {body}
    return 0

ending.run("prog", main, expected=Known)
"""


def ended(body: str, redirected: str = "") -> tuple[int, str]:
    """Run a program in a shell; return its status and its stderr."""
    argv = ["bash", "-c", f'"$@" {redirected}; exit ${{PIPESTATUS[0]}}', "bash", sys.executable, "-c"]
    done = subprocess.run(
        [*argv, PROGRAM.format(body=body)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("pass", 0, ""),
        ("return 1", 1, ""),
        ("raise Known('what to do')", 2, "prog: what to do\n"),
        ("raise KeyboardInterrupt", 2, "prog: interrupted; everything saved before is safe\n"),
        ("sys.exit()", 0, ""),
        ("sys.exit(1)", 2, "prog: a connection broke, or a library gave up"),
        ("sys.exit('words')", 2, "words\n"),
        ("sys.exit(130)", 2, "prog: interrupted; everything saved before is safe\n"),
        ("raise ZeroDivisionError('no')", 2, "prog: this is a bug in the lab: ZeroDivisionError: no\nDetails: "),
        ("raise RecursionError", 2, "prog: this is a bug in the lab: RecursionError"),
        ("import nothing_like_it", 2, "prog: this is a bug in the lab: ModuleNotFoundError"),
    ],
)
def test_status_1_is_only_what_main_returns(body: str, status: int, words: str) -> None:
    """A library's 1, a bug and an interruption are 2."""
    found, said = ended(body)

    assert (found, said[: len(words)]) == (status, words)
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("body", "redirected", "status"),
    [
        ("print('x')", "| true", 141),
        ("print('x' * 100_000)", "| true", 141),
        ("print('x'); return 1", "| true", 141),
        ("print('x')", "> /dev/full", 2),
        ("print('x' * 100_000)", "> /dev/full", 2),
        ("print('x'); return 1", ">&-", 1),
        ("print('x'); sys.stderr.write('y')", ">&- 2>&-", 0),
        ("sys.stderr.write('y' * 100_000); return 1", "2> /dev/full", 1),
        ("sys.stderr.write('y' * 100_000); raise Known", "2>&1 | true", 2),
        ("t = threading.Thread(target=lambda: print('x', flush=True)); t.start(); t.join()", "> /dev/full", 2),
        ("open('/dev/null').fileno() > 2 or sys.exit(5)", "<&- >&- 2>&-", 0),
        ("print('\\\\u00b1 \\\\udcff')", "", 0),
    ],
)
def test_an_output_that_cannot_be_written_never_ends_with_1_by_itself(
    body: str, redirected: str, status: int
) -> None:
    """141 for a reader that is gone, 2 for a full disk; what nobody reads by choice changes nothing."""
    found, said = ended(f"import time; time.sleep(0.2); {body}", redirected)

    assert found == status, said
    assert "Traceback" not in said
    assert "Exception ignored" not in said


HOSTILE = "\\x1b]52;c;AAAA\\x07\\u202e"


@pytest.mark.parametrize(
    "body",
    [
        f"raise Known('{HOSTILE}')",
        f"raise ZeroDivisionError('{HOSTILE}')",
        f"sys.exit('{HOSTILE}')",
        f"print('{HOSTILE}', file=sys.stderr)",
        f"sys.stderr.writelines(['{HOSTILE}'])",
        f"import warnings; warnings.warn('{HOSTILE}')",
    ],
)
def test_nothing_that_is_printed_controls_a_terminal(body: str) -> None:
    """Errors, bugs, prints and warnings: one stream, one place."""
    _, said = ended(body)

    assert "\ufffd]52;c;AAAA\ufffd\ufffd" in said
    assert not {"\x1b", "\x07", "\u202e"} & set(said)


def test_a_drawing_passes_as_it_is() -> None:
    """A library's own colours; only through the door made for them."""
    _, said = ended("ending.drawn(sys.stderr).write('\\x1b[1mbold\\x1b[0m'); sys.stderr.write('\\x1b[1m')")

    assert said == "\x1b[1mbold\x1b[0m\ufffd[1m"


@pytest.mark.parametrize("body", ["raise Known({})", "sys.stderr.write('prog: ' + {} + chr(10))"])
def test_a_message_on_stderr_is_cut(body: str) -> None:
    """In its middle, whoever writes it."""
    _, said = ended(body.format("'begins' + 'x' * 1_000_000 + 'ends'"))

    assert (said[:12], said[-5:], len(said) < 4_100) == ("prog: begins", "ends\n", True)
