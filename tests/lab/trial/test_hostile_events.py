"""Nothing that an agent may write is more than an invalid trial: the judge raises nothing, and reads no giant."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agents.contract import Input, InvalidReason, Job
from lab.builds.folder import Build, open_build
from lab.device.fake.agent import events_of
from lab.device.fake.phone import FakePhone, fake_device
from lab.records import Cell, Trial
from lab.scenario.load import load
from lab.scenario.plan import Scenario
from lab.trial.agent import Outcome
from lab.trial.job import Place, job_for
from lab.trial.judge import trial_of
from tests.lab.trial.fake_trial import GENERATE, setting
from tests.lab_process import null_scenario

CELL = Cell("cell", GENERATE)
WELL = Outcome(0, timed_out=False, lost="", wall_s=20.0)


@dataclass(frozen=True)
class Judge:
    """A job, what a good agent writes for it, and the judge of anything else in its place."""

    job: Job
    lines: tuple[bytes, ...]
    build: Build
    inputs: dict[str, Input]
    scenario: Scenario
    folder: Path

    def __call__(self, raw: bytes, outcome: Outcome = WELL) -> Trial:
        """Return the trial of an agent that wrote this and ended well."""
        (self.folder / "events.jsonl").write_bytes(raw)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy only warns of what overflows
            return trial_of(
                Place(1, 0, CELL),
                self.job,
                outcome,
                self.folder,
                self.build,
                scenario=self.scenario,
                inputs=self.inputs,
                kind="phone",
                started_utc="2026-01-01T00:00:00.000Z",
                boot="b",
            )

    def at(self, key: str) -> int:
        """Return the number of the last line that holds a key."""
        return max(n for n, line in enumerate(self.lines) if b'"%s":' % key.encode() in line)

    def with_value(self, key: str, value: str) -> bytes:
        """Return the good agent's lines with another value of a key in the last line that holds it."""
        at = self.at(key)
        old = rb'"%s":("[^"]*"|\[[^\]]*\]|[^,}]+)' % key.encode()
        new = re.sub(old, lambda _: f'"{key}":{value}'.encode(), self.lines[at], count=1)
        return b"".join((*self.lines[:at], new, *self.lines[at + 1 :]))


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """Return the judge of a job of 13 iterations: enough for a statement on warm-up."""
    folder = tmp_path_factory.mktemp("hostile")
    manifest, inputs = setting(folder / "build")
    (folder / "probe.toml").write_text(null_scenario("probe", blocks=2, timeout_s=10))
    job = job_for(
        CELL,
        kind="generate",
        trial="run-0001",
        build="/builds/1",
        manifest=manifest,
        inputs=inputs,
        device=fake_device(FakePhone(inputs)).identity,
        warmup=1,
        iterations=12,
    )
    lines = tuple(events_of(job, inputs, 0.01, "none"))
    return Judge(job, lines, open_build(folder / "build"), inputs, load(folder / "probe.toml"), folder)


def test_a_good_trial_counts(judge: Judge) -> None:
    """The table below changes something that is right."""
    assert judge(b"".join(judge.lines)).valid


INTEGERS = ["monotonic_ns", "boot_ns", "real_ns", "protocol", "pid", "start_ns", "duration_ns", "cpu_ns", "thread"]
INTEGERS += ["index", "iteration", "true", "padded", "spans", "iterations", "outputs"]
TEXTS = ["agent", "abi", "unit", "role", "stage", "phase", "kind"]
NOTHING_VALID = {
    "400 digits": "1" + "0" * 400,
    "5,000 digits": "9" * 5000,
    "64 bits and one": str(2**63),
    "below 64 bits": str(-(2**63) - 1),
    "a real": "1e308",
    "a real out of range": "1e999",
    "not a number": "NaN",
    "infinity": "Infinity",
    "half": "1.5",
    "null": "null",
    "true": "true",
    "list": "[]",
    "object": "{}",
    "deep": "[" * 10_000 + "]" * 10_000,
    "a surrogate": '"\\ud800"',
    "bare": "x",
}


@pytest.mark.parametrize("value", NOTHING_VALID.values(), ids=NOTHING_VALID)
def test_a_value_of_the_wrong_kind_is_malformed(judge: Judge, value: str) -> None:
    """Every field of every event, with every kind of value that is none of its own: 23 fields, 16 values."""
    for key in (*INTEGERS, *TEXTS):
        trial = judge(judge.with_value(key, value))
        assert (key, trial.valid, trial.reason) == (key, False, InvalidReason.MALFORMED_EVENTS)
        assert len(trial.detail) < 1000


@pytest.mark.parametrize(
    "value", ["9223372036854775807", "4611686018427387904", "0", '"5"', '"\\u0000\\u001b[2J"']
)
def test_an_extreme_value_of_the_right_kind_raises_nothing(judge: Judge, value: str) -> None:
    """Sums and shares of the largest integers stay numbers; a text is a text."""
    for key in (*INTEGERS, *TEXTS):
        trial = judge(judge.with_value(key, value))
        assert trial.valid or trial.reason is not None


@pytest.mark.parametrize("value", ["1e308", "-1e308", '"NaN"', '"-Infinity"', str(10**400), "0"])
def test_an_extreme_output_is_wrong_and_raises_nothing(judge: Judge, value: str) -> None:
    """A computed number may be anything; what overflows on the way to a distance is far away."""
    for key, many in (("projections", 64), ("margins", 5)):
        trial = judge(judge.with_value(key, f"[{','.join([value] * many)}]"))
        assert trial.valid or trial.reason in {InvalidReason.WRONG_OUTPUT, InvalidReason.MALFORMED_EVENTS}
        assert all(map(math.isfinite, trial.notes.values()))


Change = Callable[[Sequence[bytes]], bytes]


def _once(old: bytes, new: bytes) -> Change:
    return lambda lines: b"".join(lines).replace(old, new, 1)


FILES: dict[str, tuple[Change, InvalidReason, str]] = {
    "two hellos": (lambda ls: b"".join((ls[0], *ls)), InvalidReason.MALFORMED_EVENTS, "`hello` more than once"),
    "a late hello": (
        lambda ls: b"".join((*ls[:9], ls[0], *ls[9:])),
        InvalidReason.MALFORMED_EVENTS,
        "`hello` more than once",
    ),
    "a key twice": (
        _once(b'"duration_ns":', b'"duration_ns":1,"duration_ns":'),
        InvalidReason.MALFORMED_EVENTS,
        "the key 'duration_ns' stands in it twice",
    ),
    "a key twice, the first before a space": (
        _once(b'"duration_ns":', b'"duration_ns" :1,"duration_ns":'),
        InvalidReason.MALFORMED_EVENTS,
        "the key 'duration_ns' stands in it twice",
    ),
    "a unit twice": (
        _once(b'"units":{', b'"units":{"cpu":[7],'),
        InvalidReason.MALFORMED_EVENTS,
        "the key 'cpu' stands in it twice",
    ),
    "a count twice": (
        _once(b'"true":4', b'"true":9,"true":4'),
        InvalidReason.MALFORMED_EVENTS,
        "the key 'true' stands in it twice",
    ),
    "too few margins": (
        _once(b'"margins":[1.0,', b'"margins":['),
        InvalidReason.MALFORMED_EVENTS,
        "wanted a margin for each of 5 ids, found 4",
    ),
    "its own spans parsed": (
        lambda ls: b"".join(ls).replace(b'"source":"measured"', b'"source":"parsed"'),
        InvalidReason.MALFORMED_EVENTS,
        "only the lab's adapters of foreign tools may say so",
    ),
    "one parsed span, times 1,000 times too long": (
        lambda ls: re.sub(rb'"(start_ns|duration_ns|cpu_ns)":([1-9]\d*)', rb'"\1":\g<2>000', b"".join(ls)).replace(
            b'"measured"', b'"parsed"', 1
        ),
        InvalidReason.MALFORMED_EVENTS,
        "`parsed`",
    ),
    "a message without end": (
        lambda ls: ls[0] + b'{"event":"error","error":"oom","message":"' + b"x" * 100_000 + b'"}\n' + ls[-1],
        InvalidReason.AGENT_ERROR,
        "the agent gave up: oom: xxx",
    ),
    "a line without end": (
        lambda ls: ls[0] + b'{"event":"error","error":"oom","message":"' + b"x" * 1_000_000 + b'"}\n',
        InvalidReason.MALFORMED_EVENTS,
        "it has 1,000,044 bytes, a line of its job at most 266,",
    ),
    "spans without end": (
        lambda ls: ls[0] + ls[1] * 100_000 + ls[-1],
        InvalidReason.MALFORMED_EVENTS,
        "its job makes at most 1,",
    ),
    "no UTF-8": (lambda ls: b"\xff\xfe" + b"".join(ls), InvalidReason.MALFORMED_EVENTS, "line 1 is no event"),
    "Latin-1 in a text": (_once(b'"agent":"', b'"agent":"\xe9'), InvalidReason.MALFORMED_EVENTS, "line 1 is no"),
    "UTF-16": (
        lambda ls: b"".join(ls).decode().encode("utf-16"),
        InvalidReason.MALFORMED_EVENTS,
        "line 1 is no event",
    ),
    "zero bytes": (lambda ls: bytes(10_000), InvalidReason.AGENT_DIED, "in the middle of a line"),
    "blank lines": (lambda ls: b"\n" * 10_000, InvalidReason.MALFORMED_EVENTS, "line 1 is no event"),
    "nothing": (lambda ls: b"", InvalidReason.MALFORMED_EVENTS, "`hello` first"),
    "a list": (lambda ls: b"[" + b",".join(ls) + b"]\n", InvalidReason.MALFORMED_EVENTS, "line 1 is no event"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_has_its_reason(judge: Judge, name: str) -> None:
    """What no reader may accept is told in one sentence, of a stated length."""
    change, reason, words = FILES[name]
    trial = judge(change(judge.lines))
    assert (trial.valid, trial.reason) == (False, reason)
    assert words in trial.detail
    assert len(trial.detail) < 1200


def test_a_text_may_hold_what_looks_like_a_key(judge: Judge) -> None:
    """Colons and quotes inside texts are no keys."""
    said = judge.with_value("agent_version", '"1 \\"a\\": 2, \\"a\\": 3"')
    assert judge(said).valid


def test_what_the_lab_could_not_fetch_is_the_reason(judge: Judge) -> None:
    """A pipe in place of the events is no lost device."""
    trial = judge(b"", replace(Outcome(None, timed_out=False, lost="", wall_s=1.0), unreadable="it is a pipe"))
    assert (trial.reason, trial.detail) == (InvalidReason.MALFORMED_EVENTS, "it is a pipe")


@given(st.data())
def test_any_bytes_in_a_good_file_raise_nothing(judge: Judge, data: st.DataObject) -> None:
    """Whatever stands anywhere in a file of events, there is a trial."""
    raw = b"".join(judge.lines)
    at = data.draw(st.integers(0, len(raw)))
    upto = data.draw(st.integers(at, min(len(raw), at + 40)))
    judge(raw[:at] + data.draw(st.binary(max_size=40)) + raw[upto:])
