"""The explanation of a saved run: also of one whose files were damaged."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from lab.report.explain.saved import explained
from lab.report.explain.terminal import render_explanation
from lab.store import Store
from tests.lab.report.report_runs import flat, printed
from tests.saved_answers import saved_run


def test_a_damaged_trial_is_named_in_the_text(tmp_path: Path) -> None:
    """Whoever keeps the text or the page alone sees that one is missing, and why."""
    with closing(Store(tmp_path)) as store:
        run = saved_run(store)
        path = store.trials_folder(run.id) / "0002" / "trial.json"
        path.write_text("{")
        found = explained(store, store.run(run.id))

    assert len(found.lines) == 7
    assert found.common[0].startswith(
        f"Damaged or changed later, and not looked at: {path}: changed since its run"
    )
    assert "Damaged or changed later, and not looked at: " in flat(printed(render_explanation(found)))
