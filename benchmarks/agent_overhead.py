"""1. The cost of the agent's timing: its stage function against a bare loop over the same session.

Rival: `session.run_with_iobinding(binding)` alone, on the same session and the same memory, pair by pair in
one process (processes differ by several per cent, so we never compare across them). Claim: the 95 %
interval of the ratio lies inside 0.98 to 1.02, for `vit` at batch 4 and `llm` at one token.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.pairs import CORES, a_over_b, told
from device_agents.contract import Graph, Stage
from device_agents.reference.language import Decoder
from device_agents.reference.package import open_package
from device_agents.reference.sessions import BoundGraph, graph_file, open_session, zeros
from device_agents.reference.stage import Place, RawSpan, run_stage
from device_agents.reference.units import ExecutionUnit

LOW, HIGH = 0.98, 1.02
PAIRS = {"vit, batch 4": 200, "llm, one token": 1000}


def run(build: Path) -> bool:
    """Print both ratios; True if both intervals lie inside the claim."""
    package = open_package(build)
    sizes = package.manifest.dimensions
    unit = ExecutionUnit(CORES)
    random = np.random.default_rng(0)

    file = graph_file(package.manifest, Graph.VIT, {"batch": 4})
    session = open_session(package, Graph.VIT, file, unit)
    shape = (4, sizes.vision_tokens_per_tile, sizes.vision_hidden)
    given = random.standard_normal(shape).astype(np.float32)
    vit = BoundGraph(session, {"embeddings": given}, {"features": zeros(shape)})

    decoder = Decoder(package, unit, {1})
    token = random.standard_normal((1, 1, sizes.hidden)).astype(np.float32)
    decoder.step(token, 1)
    llm = decoder.graph(1)

    unit.pin()
    good = True
    for name, graph, stage in (("vit, batch 4", vit, Stage.VIT), ("llm, one token", llm, Stage.DECODE)):
        spans: list[RawSpan] = []
        place = Place(stage, unit)

        def staged(graph: BoundGraph = graph, spans: list[RawSpan] = spans, place: Place = place) -> None:
            run_stage(graph.run, spans, place, 0, 0, 1, 1)

        def bare(graph: BoundGraph = graph) -> None:
            graph.session.run_with_iobinding(graph.binding)

        found = a_over_b(staged, bare, PAIRS[name])
        inside = found.low is not None and found.high is not None and found.low > LOW and found.high < HIGH
        typical = float(np.median([(end - start) * 1e-6 for _, _, _, start, end, *_ in spans]))
        print(f"  {name} ({typical:.1f} ms per run): stage function / bare loop = {told(found)}", end="")
        print(f" -> {'inside' if inside else 'NOT inside'} {LOW} to {HIGH}")
        good = good and inside
    return good
