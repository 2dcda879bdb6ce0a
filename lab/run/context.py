"""A run's Context: everything that must agree before two runs may be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from device_agents.contract import ForeignManifest, Input, content_id
from lab.records import Cell, Context, Inject
from lab.run.bench import Bench
from lab.scenario.plan import CPU_TIME_LEAST, Scenario
from lab.trial import foreign

WAITING = {"wait_s", "poll_s", "load_wait_s", "max_gap", "cpu_time_least"}
"""Gates that say how long to wait or how to judge, not in which state to measure; `max_gap` is part of `cells`."""


def context_of(
    scenario: Scenario,
    cells: Sequence[Cell],
    bench: Bench,
    inputs: Mapping[str, Input],
    inject: Inject | None = None,
) -> Context:
    """Return everything that must agree before a run may be compared with another.

    `cells` is a digest of what is measured, thread placement included, so that two scenario files of one name are
    not mistaken for each other. `gates` is a digest of how cool and quiet a device must be, `work_NAME` one of an
    input without its expected output: builds with other weights have another one, and may be compared. The outcome
    of care is added once the device is prepared.
    """
    identity, manifest = bench.device.identity, bench.build.manifest
    measured = [scenario.kind, scenario.gates.max_gap, [[c.key, sorted(c.parameters.items())] for c in cells]]
    state = {name: value for name, value in scenario.gates.model_dump().items() if name not in WAITING}
    least = scenario.gates.cpu_time_least
    optional = {
        "duration_s": scenario.plan.duration_s,
        "cpu_time_least": None if least == CPU_TIME_LEAST else least,
        "inject": None if inject is None else f"{inject.stage} x {inject.slow_down:g}",
    }
    return Context(
        {
            **{f"device_{name}": value for name, value in bench.device.facts.items()},
            "device_kind": identity.kind,
            "device_model": identity.model,
            "device_fingerprint": identity.fingerprint,
            "scenario": scenario.name,
            "cells": _digest(measured),
            "gates": _digest(state),
            "profile": bench.profile or "none",
            "build": bench.build.id,
            "warmup": str(scenario.plan.warmup),
            "iterations": str(scenario.plan.iterations),
            **{name: str(value) for name, value in optional.items() if value is not None},
            **(foreign.facts(manifest) if isinstance(manifest, ForeignManifest) else {}),
            **{f"input_{name}": content_id(document) for name, document in inputs.items()},
            **{f"work_{name}": _work(document) for name, document in inputs.items()},
            **{f"questions_{name}": own.id for name, own in bench.questions.items()},
        }
    )


def _work(document: Input) -> str:
    return _digest(document.model_dump(mode="json", exclude={"golden", "name"}))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
