"""The facts that may differ in each comparison, and the refusal for any other."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from lab.compare.comparable import MAY_DIFFER, NONE, Subject, differs_beyond, refusal
from lab.records import Context, Dimension

FACTS = {
    "device_kind": "phone",
    "device_model": "MT6989",
    "device_fingerprint": "f0",
    "device_agent": "native 1",
    "device_runtime": "onnxruntime 1",
    "device_kernel": "6.1",
    "scenario": "decode",
    "cells": "c0",
    "gates": "g0",
    "profile": "observe",
    "care_brightness": "applied 50",
    "build": "b0",
    "warmup": "1",
    "input_screen": "i0",
    "work_screen": "w0",
}


def found(dimension: Dimension, device: str = "p1", without: str = "", **changes: str) -> set[str]:
    """Return the facts that differ beyond the dimension when the candidate has these."""
    theirs = {name: fact for name, fact in (FACTS | changes).items() if name != without}
    return set(differs_beyond(dimension, Subject("p1", Context(FACTS)), Subject(device, Context(theirs))))


def test_what_is_compared_may_differ() -> None:
    """A build brings its own golden outputs, a device its own name and software, a runtime its agent."""
    assert found("build", build="b1", input_screen="i1") == set()
    assert found("runtime", build="b1", device_agent="llama", device_runtime="llama.cpp") == set()
    assert found("parameter", cells="c1") == set()
    assert found("device", device="p2", device_fingerprint="f1", device_kernel="6.6") == set()


@pytest.mark.parametrize("dimension", ["build", "runtime", "parameter", "device"])
@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("device_kind", "virtual"),
        ("profile", "rooted"),
        ("care_brightness", "refused"),
        ("inject", "vit x 1.1"),
        ("scenario", "prefill"),
        ("gates", "g1"),
        ("warmup", "2"),
        ("work_screen", "w1"),
    ],
)
def test_some_facts_agree_in_every_comparison(dimension: Dimension, fact: str, value: str) -> None:
    """Kinds of device, profiles, what care did, the plan and the work itself."""
    assert found(dimension, **{fact: value}) == {fact}


def test_devices_are_pinned_each_at_clocks_of_its_own() -> None:
    """Both must be pinned, though."""
    ours = Context(FACTS | {"care_policy0_scaling_max_freq": "applied 1800000"})
    pinned, refused = (
        Context(FACTS | {"care_policy0_scaling_max_freq": said}) for said in ("applied 2000000", "refused 900000")
    )

    assert differs_beyond("device", Subject("p1", ours), Subject("p2", pinned)) == {}
    assert set(differs_beyond("device", Subject("p1", ours), Subject("p2", refused))) == {
        "care_policy0_scaling_max_freq"
    }
    assert set(differs_beyond("build", Subject("p1", ours), Subject("p1", pinned))) == {
        "care_policy0_scaling_max_freq"
    }


def test_what_is_not_compared_must_agree() -> None:
    """Versions, devices and builds, unless the comparison is about them."""
    assert found("build", device_agent="native 2") == {"device_agent"}
    assert found("build", device_fingerprint="f1") == {"device_fingerprint"}
    assert found("build", device="p2") == {"device"}
    assert found("runtime", device_fingerprint="f1") == {"device_fingerprint"}
    assert found("parameter", build="b1") == {"build"}
    assert found("parameter", input_screen="i1") == {"input_screen"}
    assert found("device", device="p2", device_agent="native 2") == {"device_agent"}
    assert found("device", build="b1") == {"build"}


def test_other_golden_outputs_are_allowed_only_where_the_work_is_known_to_be_equal() -> None:
    """A run of an older lab does not record its work."""
    assert found("build", build="b1", input_screen="i1", without="work_screen") == {"input_screen", "work_screen"}


def test_a_foreign_tool_works_on_tokens_of_its_own() -> None:
    """It has no input that could agree; between our own builds a missing input is a difference."""
    ours = {name: fact for name, fact in FACTS.items() if name not in ("input_screen", "work_screen")}
    foreign = Subject("p1", Context(ours | {"source": "parsed", "device_runtime": "llama.cpp", "build": "b1"}))

    assert differs_beyond("runtime", Subject("p1", Context(FACTS)), foreign) == {}
    assert differs_beyond("build", Subject("p1", Context(FACTS)), foreign).keys() >= {"source", "work_screen"}


@pytest.mark.parametrize("dimension", ["build", "runtime", "parameter", "device"])
def test_whatever_may_differ_is_in_the_table(dimension: Dimension) -> None:
    """Another value, or none on one side: there is no rule elsewhere."""
    other = {name for name in FACTS if not found(dimension, **{name: "another"})}
    lacking = {name for name in FACTS if not found(dimension, without=name)}
    patterns = [pattern for pattern, _ in MAY_DIFFER[dimension]]

    assert all(any(fnmatchcase(name, pattern) for pattern in patterns) for name in other | lacking)


def test_a_cell_may_name_an_input_that_the_other_does_not() -> None:
    """Such an input is a row of the table too."""
    assert found("parameter", cells="c1", without="input_screen") == set()
    assert found("build", build="b1", without="input_screen") == {"input_screen"}


def test_an_emulated_phone_is_never_compared() -> None:
    """Not even with itself: its times are not measurements."""
    emulated = Subject("p1", Context(FACTS | {"device_kind": "emulated"}))

    differs = differs_beyond("build", emulated, emulated)

    assert differs == {"device_kind": ("emulated", "emulated")}
    assert "its times are not measurements" in refusal("build", differs)


def test_a_refusal_names_each_fact_with_both_values_and_each_remedy_once() -> None:
    """In the order of the facts, without repeating advice."""
    words = refusal("build", {"warmup": ("1", "2"), "iterations": ("3", NONE), "device": ("p1", "p2")})

    assert words.splitlines() == [
        "incomparable: the two sides differ in more than what is compared (build):",
        "  device: p1 (baseline), p2 (candidate)",
        "  iterations: 3 (baseline), (none) (candidate)",
        "  warmup: 1 (baseline), 2 (candidate)",
        "Measure both on one device (`lab compare A B --scenario NAME --device DEVICE`), or "
        "ask with --differs device.",
        "The two sides had different plans: measure both under one scenario and plan, "
        "`lab compare A B --scenario NAME`.",
    ]
