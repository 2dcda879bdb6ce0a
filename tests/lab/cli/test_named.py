"""The record that a user names."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from lab.cli.named import run_named
from lab.errors import RunError
from lab.store import Store
from tests.saved_answers import saved_run
from tests.saved_checks import CUT

FIRST, SECOND, WHOLE = (f"018f0000-000{number}-7000-8000-00000000000{number}" for number in (1, 2, 3))


def test_no_side_without_a_trial_is_named_to_a_command_that_needs_one(tmp_path: Path) -> None:
    """Both sides without one: it says so at once. One side without one: the other is named alone."""
    with closing(Store(tmp_path)) as store:
        run = saved_run(store, FIRST)
        for empty in (SECOND, "018f0000-0004-7"):
            store.create_run(replace(run, id=empty))
        store.save_comparison(replace(CUT, id=WHOLE, baseline_run=SECOND, candidate_run="018f0000-0004-7"))
        with pytest.raises(RunError, match=rf"neither of its sides has one; `lab show {WHOLE}` says why"):
            run_named(tmp_path, WHOLE, "lab trace", trials=True)
        with pytest.raises(RunError, match=rf"`lab profile {SECOND}` or `lab profile 018f0000-0004-7`"):
            run_named(tmp_path, WHOLE, "lab profile")

        store.save_comparison(replace(CUT, id=WHOLE, baseline_run=FIRST, candidate_run=SECOND))
        with pytest.raises(RunError, match=rf"name a side of it: `lab trace {FIRST}`$"):
            run_named(tmp_path, WHOLE, "lab trace", trials=True)
