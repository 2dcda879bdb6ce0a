"""The last reading of a device's sensors in a run's files, from its newest trials."""

from __future__ import annotations

from pathlib import Path

from lab.device.vitals.look import battery, read, skin, soc
from lab.errors import StoreError
from lab.records import Run, Vitals
from lab.report.rack import Reading
from lab.store.measured import trial_files
from lab.trial.folder import AFTER, GATE, VITALS

TRIALS = 3
"""How many of a run's newest trials are looked at: a judgement. Sensors are read around every one."""


def last_seen(root: Path, run: Run) -> Reading | None:
    """Return the last reading in a run's newest trials; None when nothing was read, or its files are damaged."""
    found = [
        each
        for path in trial_files(root, run.id)[-TRIALS:]
        for name in (GATE, VITALS, AFTER)
        for each in _vitals(path.parent / name)
    ]
    telling = [each for each in found if each.celsius or each.battery_level is not None]
    if not found:
        return None
    last = (telling or found)[-1]
    return Reading(
        at_utc=run.started_utc,
        run=run.id,
        battery=battery(last),
        skin=skin(last),
        chip=soc(last),
        level=last.battery_level,
        powered=last.powered,
    )


def _vitals(path: Path) -> tuple[Vitals, ...]:
    try:
        return read(path) if path.is_file() else ()
    except StoreError:
        return ()
