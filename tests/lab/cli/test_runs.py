"""The command `lab runs`: the list of saved runs, comparisons and self-checks."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from lab.store import Store
from tests.lab_process import Lab
from tests.saved_answers import saved_run
from tests.saved_checks import CHECKED, CUT

FIRST, SECOND = "018f0000-0000-7000-8000-000000000001", "018f0000-0001-7000-8000-000000000002"


def test_records_are_listed_newest_first_up_to_the_limit(lab: Lab, tmp_path: Path) -> None:
    """One line each: the start of its id, when it began, what was measured, and how it ended; parts with --all."""
    with closing(Store(tmp_path / "data")) as store:
        saved_run(store, FIRST)
        run = saved_run(store, SECOND, minute=1)
        store.save_comparison(replace(CUT, id="018f0000-0002-7", baseline_run=FIRST, candidate_run=SECOND))
        store.create_run(replace(run, id="018f0000-0003-7", comparison="018f0000-0002-7"))
        store.save_selfcheck(replace(CHECKED, id="018f0000-0004-7"))

    lines = lab("runs", COLUMNS="130").stdout.splitlines()
    whole = lab("runs", "--all", COLUMNS="130").stdout
    document = json.loads(lab("runs", "--json").stdout)
    rows = list(csv.DictReader(io.StringIO(lab("runs", "--csv", "--limit", "2").stdout)))

    assert [line.split()[0] for line in lines[3:-1]] == ["018f0000-0004", "018f0000-0002", SECOND[:13], FIRST[:13]]
    assert lines[5].split()[1:] == ["01-01", "00:01", "run", "null", "tiny", "bbbbbbbb", "host", "finished"]
    assert "018f0000-0003" in whole and " of 018f0000-0002" in whole
    assert [each["id"] for each in document["results"]] == ["018f0000-0004-7", "018f0000-0002-7", SECOND, FIRST]
    assert [row["kind"] for row in rows] == ["self-check", "comparison"]
    assert rows[1]["candidate_build"] == "b" * 64
