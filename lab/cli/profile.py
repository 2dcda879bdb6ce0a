"""The command `lab profile`: where the time of a run's cells goes."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.named import run_named
from lab.cli.options import DATA, WAIT_S, Data, Wait, opened, tell
from lab.cli.terminal import Terminal
from lab.cli.work import at_work
from lab.report.breakdown import breakdown_table
from lab.report.terminal import draw
from lab.run.benches import benches_of, devices_of, terms_of
from lab.run.breakdown import profile as profiled
from lab.run.breakdown import refuse_unless_profiled
from lab.run.resume import with_own_inputs


def profile(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Start of a run's id, or last.")] = "last",
    build: Annotated[
        str | None, typer.Option(help="The run's build again, if it lies outside the data root.")
    ] = None,
    wait: Wait = WAIT_S,
    data: Data = DATA,
) -> None:
    """Say what share of each cell's time goes to products, attention, unpacking and the rest.

    Each cell of a run on this machine runs once more, in a process of its own with ONNX Runtime's profiler on. The
    profiler takes time, so nothing of it counts as a trial or enters a figure. The table is kept with the run:
    `lab show` and `lab explain` print it from then on.
    """
    store = opened(data)
    record = store.run(run_named(data, run, "lab profile").id)
    (device,) = devices_of(store, "host", tell=tell)
    (bench,) = benches_of(store, [device], build or record.build, terms_of(store, wait, tell=tell), None)
    bench = with_own_inputs(bench, record)
    refuse_unless_profiled(record, bench)
    with at_work([bench]) as ((shown,), display):
        found = profiled(record, shown, tell=display.say)
    Terminal().print(draw(breakdown_table(record, found)))
