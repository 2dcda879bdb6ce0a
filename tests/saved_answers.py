"""A finished run of eight trials in a data root, as `lab run null` leaves it, without an agent."""

from __future__ import annotations

from lab.records import Cell, Context, Run, Trial
from lab.store import Store
from tests.lab_process import null_scenario

SECONDS = (1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.0)


def trial_of(number: int, seconds: float) -> Trial:
    """Return a trial whose iterations all took so many seconds."""
    utc = f"2026-01-01T00:00:{number:02d}.000Z"
    return Trial(number, number - 1, "null", True, None, "", utc, 2.0, {"null_s": (seconds,) * 5}, state="steady")


def saved_run(store: Store, run_id: str = "018f0000-0000-7000-8000-000000000001", minute: int = 0) -> Run:
    """Save a run, its trials and its end, and return it."""
    run = Run(
        id=run_id,
        scenario="null",
        suite="",
        build="b" * 64,
        build_line="tiny",
        device="host",
        started_utc=f"2026-01-01T00:{minute:02d}:00.000Z",
        ended_utc=None,
        status="running",
        seed=1,
        blocks=len(SECONDS),
        context=Context({"device_kind": "host"}),
        cells=(Cell("null", {}),),
        scenario_toml=null_scenario("null", blocks=len(SECONDS)),
    )
    store.create_run(run)
    for number, seconds in enumerate(SECONDS, start=1):
        store.save_trial(run.id, trial_of(number, seconds))
    store.finish_run(run.id, "finished")
    return store.run(run.id)
