"""One question to a build: programs in place of the agent, on this machine and behind a scratch folder."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from device_agents.contract import (
    Answer,
    End,
    Error,
    ErrorClass,
    Event,
    Hello,
    Iteration,
    Piece,
    Question,
    QuestionSet,
    Segment,
    Span,
    Stage,
    Tokens,
    TokenTrail,
    canonical_json,
    content_id,
)
from lab.builds.asked import Asked
from lab.builds.folder import open_build
from lab.device import lease
from lab.device.fake.build import write_fake_build
from lab.device.local import LocalTransport, SystemClock, connect
from lab.device.transport import Device, Process
from lab.errors import DeviceLost, LabError, PrepareError, RunError
from lab.records import DeviceIdentity
from lab.run.ask import Reply, answer, with_question
from lab.run.bench import Bench
from lab.run.delivery import present
from lab.store import Store
from tests.fake_lab import FakeTurn, uncontested
from tests.lab.trial.test_agent import runs

FIRST, END = 4, 1
"""The fake build's tokenizer: its first byte, and the end of a text."""

HI = [FIRST + ord("H"), FIRST + ord("i"), END]


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """Return a prepared question, of text alone."""
    folder = tmp_path / "question"
    folder.mkdir()
    build = write_fake_build(tmp_path / "build")
    question = Question(name="ask", image=None, placement=None, segments=[Segment(ids=[9, 9])], prompt_tokens=2)
    document = QuestionSet(
        protocol=1, name="ask", tile_pixels=4, tokens_per_tile=4, tokenizer=build.tokenizer, questions=[question]
    )
    (folder / "questions.json").write_bytes(canonical_json(document))
    return Asked(content_id(document), folder, document)


def span(stage: Stage, start_ms: int, end_ms: int, index: int = 0) -> Span:
    """Return a span of one token."""
    return Span(
        stage=stage,
        iteration=0,
        index=index,
        start_ns=start_ms * 10**6,
        duration_ns=(end_ms - start_ms) * 10**6,
        role="npu",
        unit="cpu0",
        thread=0,
        cpu_ns=0,
        count=Tokens(true=1, padded=1),
    )


SPANS = [
    span(Stage.FIRST_TOKEN, 0, 500),
    span(Stage.DETOKENISE, 490, 500),
    span(Stage.DECODE, 500, 590, 1),
    span(Stage.DETOKENISE, 590, 600, 1),
    span(Stage.DECODE, 600, 690, 2),
    span(Stage.DETOKENISE, 690, 700, 2),
]
HELLO = Hello(
    protocol=1,
    agent="x",
    agent_version="1",
    runtime="x",
    runtime_version="1",
    abi="x",
    cpu_features=[],
    units={},
    pid=0,
    monotonic_ns=0,
    boot_ns=0,
    real_ns=0,
)


def pieces(ids: Sequence[int]) -> list[Event]:
    """Return the streamed tokens."""
    return [Piece(iteration=0, index=index, id=each) for index, each in enumerate(ids)]


def whole(ids: Sequence[int], **changes: object) -> list[Event]:
    """Return the events of a good answer."""
    given: dict[str, object] = {"tokens": TokenTrail(ids=list(ids), margins=[1.0] * len(ids)), **changes}
    return [
        HELLO,
        *pieces(ids),
        *SPANS,
        Iteration(iteration=0, phase="measure", start_ns=0, duration_ns=700 * 10**6),
        Answer.model_validate({"iteration": 0, "question": "ask", **given}),
        End(spans=len(SPANS), iterations=1, outputs=0),
    ]


def program(events: Sequence[Event], then: str = "") -> tuple[str, ...]:
    """Return an agent that writes these events, then does something."""
    lines = b"".join(event.model_dump_json().encode() + b"\n" for event in events)
    code = f"import json, os, sys, time\nf = open('events.jsonl', 'wb')\nf.write({lines!r})\nf.flush()\n{then}"
    return (sys.executable, "-c", code)


def on_host(tmp_path: Path, agent: tuple[str, ...], transport: LocalTransport | None = None) -> Bench:
    """Return a bench on this machine with another agent."""
    device = replace(connect(), agent=agent, transport=transport or LocalTransport())
    store = Store(tmp_path / "data")
    return Bench(device, open_build(tmp_path / "build"), store, SystemClock(), uncontested)


def told(bench: Bench, asked: Asked, tmp_path: Path, show: Callable[[str], None]) -> Reply:
    """Ask, and return the reply."""
    folder = tmp_path / "agent"
    folder.mkdir()
    return answer(bench, FakeTurn(), asked, folder, show, most_tokens=20)


def test_an_answer_is_shown_and_read(tmp_path: Path, asked: Asked) -> None:
    """Two tokens after the first, 100 ms each: 10 a second; it reached its end."""
    shown = list[str]()

    reply = told(on_host(tmp_path, program(whole(HI))), asked, tmp_path, shown.append)

    assert "".join(shown) == "Hi"
    assert (reply.tokens, reply.first_token_s, reply.cut) == (3, 0.5, False)
    assert reply.tokens_per_s == pytest.approx(10.0)
    job = json.loads((tmp_path / "agent/job.json").read_bytes())
    assert (job["work"]["stream"], job["iterations"], job["work"]["most_tokens"]) == (True, 1, 20)
    assert job["work"]["parallel_tokens"] == 32 and job["work"]["patches_per_batch"] == 4


def test_an_answer_without_its_end_is_cut(tmp_path: Path, asked: Asked) -> None:
    """It would have gone on."""
    assert told(on_host(tmp_path, program(whole(HI[:2]))), asked, tmp_path, list[str]().append).cut


ERROR = Error(error=ErrorClass.OOM, message="no memory for the cache")


@pytest.mark.parametrize(
    ("agent", "error", "words"),
    [
        (program([HELLO, *pieces(HI[:1]), ERROR], "sys.exit(1)"), RunError, r"gave up \(oom\): no memory"),
        (program([HELLO, *pieces(HI[:1])], "print('Killed', file=sys.stderr); sys.exit(9)"), RunError, "'Killed'"),
        (program([HELLO, *pieces(HI[:1])]), RunError, "status 0 before its answer did"),
        (program(whole([], tokens=None, problem="it does not fit")), PrepareError, "host: it does not fit"),
        (program(whole(HI, tokens=TokenTrail(ids=[9], margins=[1.0]))), RunError, "not what it streamed"),
    ],
    ids=["error", "dies", "no answer", "problem", "another answer"],
)
def test_what_went_wrong_is_told(
    tmp_path: Path, asked: Asked, agent: tuple[str, ...], error: type[LabError], words: str
) -> None:
    """Text that was there before has been shown."""
    with pytest.raises(error, match=words):
        told(on_host(tmp_path, agent), asked, tmp_path, list[str]().append)


def test_ctrl_c_leaves_nothing_running(tmp_path: Path, asked: Asked) -> None:
    """Pressed while text appears."""

    def interrupted(text: str) -> None:
        raise KeyboardInterrupt

    code = program([HELLO, *pieces(HI[:1])], "time.sleep(60)")[2]
    first = "import os; open('mine', 'w').write(str(os.getpid()))"
    bench = on_host(tmp_path, (sys.executable, "-c", f"{first}\n{code}"))
    with pytest.raises(KeyboardInterrupt):
        told(bench, asked, tmp_path, interrupted)

    assert not runs(int((tmp_path / "agent/mine").read_text()))


class Unplugged(LocalTransport):
    """A machine whose cable is pulled after the first events."""

    read = 0
    ran: Process

    def start(self, *arguments: Any, **more: Any) -> Process:
        """Start a process, and remember it."""
        self.ran = super().start(*arguments, **more)
        return self.ran

    def follow(self, path: str, offset: int) -> bytes:
        """Read once."""
        self.read += 1
        if self.read > 1:
            raise DeviceLost("the cable was pulled")
        return super().follow(path, offset)

    def reconnect(self, *, timeout_s: float) -> None:
        """Stay away."""
        raise DeviceLost("and nobody put it back")


def test_a_device_that_goes_away_while_it_answers_is_told(tmp_path: Path, asked: Asked) -> None:
    """With what was seen, and what to do."""
    transport = Unplugged()
    bench = on_host(tmp_path, program([HELLO, *pieces(HI[:1])], "time.sleep(60)"), transport)

    with pytest.raises(DeviceLost, match=r"cable was pulled.*put it back; its answer is not complete: ask again"):
        told(bench, asked, tmp_path, list[str]().append)
    transport.kill(transport.ran)


def test_a_question_is_brought_to_a_device_and_the_agents_files_are_not_left(tmp_path: Path, asked: Asked) -> None:
    """The agent there finds the question where its job says; the answer's own folder is removed."""
    read = "job = json.load(open('job.json')); open(job['inputs']['ask'] + '/questions.json').close()"
    device = Device(
        identity=DeviceIdentity("phone-1", "virtual", "a test", "x", (0,)),
        transport=LocalTransport(),
        agent=program(whole(HI), read),
        environment={"PATH": os.environ["PATH"]},
        scratch=str(tmp_path / "scratch"),
        reserve_bytes=1,
    )
    bench = with_question(replace(on_host(tmp_path, ()), device=device), asked)
    shown = list[str]()

    with lease.held(device, owner="me@here 1 ask", wait_s=0) as held:
        present(bench, lambda sent, total: None)(held)
        (tmp_path / "agent").mkdir()
        answer(bench, held, asked, tmp_path / "agent", shown.append, most_tokens=20)

    assert "".join(shown) == "Hi"
    assert list((tmp_path / "scratch/trials").iterdir()) == []
