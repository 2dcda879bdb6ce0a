"""Compare says a comparison's verdict in the lab's words, and claims nothing of runs measured apart."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lab.records import CellVerdict, Comparison, Interval
from lab.run.runner import open_run, run
from lab.store import Store
from tests.dashboards.pages import shown, words
from tests.fake_lab import making
from tests.lab.compare.compare_lab import Lab
from tests.saved_runs import comparison_of, run_of

HOSTILE = "<b>x</b> **y** :red[z]"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """Make labs that are closed at the end."""
    yield from making(partial(Lab, tmp_path))


def charts(at: AppTest) -> list[dict[str, Any]]:
    """Return the options of a page's charts, in their order."""
    return [json.loads(each.proto.spec) for each in at.get("echarts_chart")]


def said(at: AppTest) -> str:
    """Return the words of a page without the backslashes that keep markup from being markup."""
    return words(at).replace("\\", "")


def compared(lab: Lab) -> Comparison:
    """Measure a comparison whose candidate is slower."""
    lab.noise, lab.slower = 0.01, 1.2
    return lab.compare()


def measured_apart(lab: Lab) -> tuple[str, str]:
    """Measure each build by itself, and return the ids of both runs."""
    lab.noise, lab.slower = 0.01, 1.2
    found = []
    for bench in lab.benches:
        record = open_run(lab.scenario, bench, seed=1, suite="", line="fake")
        list(run(record, lab.scenario, bench))
        found.append(record.id)
    return found[0], found[1]


def test_the_list_marks_who_asked_and_filters_by_the_link(rack: Path) -> None:
    """The nights of the rack asked for all of its comparisons."""
    at = shown(rack, "compare", verdicts="regressed")
    table = at.dataframe[0].value

    assert set(table["verdict"]) == {"× regressed"}
    assert set(table["asked by"]) == {"night"}
    assert f"{len(table)} of " in words(at)


def test_a_row_is_about_one_cell(tmp_path: Path) -> None:
    """The change, the pairs and the cell of a row are those of the worst cell, not of all."""
    cell = comparison_of(1).cells[0]
    worse = replace(cell, cell="b", pairs=7, change=Interval(1.4, None, None, 0.95, 7))
    found = replace(comparison_of(1), differs={}, cells=(replace(cell, pairs=10), worse))
    with closing(Store(tmp_path / "data")) as store:
        store.save_comparison(found)
    row = shown(tmp_path / "data", "compare").dataframe[0].value.iloc[0]

    assert (row["cell"], row["pairs"]) == ("b, worst of 2 cells", 7)
    assert row["change"].startswith("+40 %")


def test_filters_that_fit_nothing_and_unknown_values_are_no_error(rack: Path) -> None:
    """An unknown device falls back to all; a search may find nothing."""
    assert "No comparison fits" in words(shown(rack, "compare", find="no such thing"))
    assert not shown(rack, "compare", of_device="gone", verdicts="gone").exception


def test_a_comparison_says_its_verdict_as_the_command_line_does(make: Callable[..., Lab]) -> None:
    """Question, sentence, smallest visible change, pairs, what differs, and the commands."""
    lab = make()
    found = compared(lab)
    at = shown(lab.store.root, "compare", id=found.id)
    forest, strips, ecdf = charts(at)

    assert lab.told(found).cells[0].sentence in said(at)
    assert "× regressed" in said(at)
    assert forest["series"][1]["data"][1]["name"].startswith("× image encoding\nregressed: +18.9 % (")
    assert len(strips["series"][0]["data"]) == 3 * found.cells[0].pairs
    assert len(ecdf["series"]) == 2
    assert [list(each.value["fact"]) for each in at.dataframe if "fact" in each.value] == [["build"]]
    commands = [each.value for each in at.code]
    assert f"lab show {found.id[:13]} --data {lab.store.root}" in commands
    ending = f"--all-pairs --data {lab.store.root}"
    assert any(each.startswith("lab compare ") and each.endswith(ending) for each in commands)


def test_two_runs_measured_apart_have_a_ratio_and_no_verdict(make: Callable[..., Lab]) -> None:
    """The page says why, and which command measures them in turn; their blocks are not joined."""
    lab = make()
    base, new = measured_apart(lab)
    at = shown(lab.store.root, "compare", base=base, new=new)
    forest, strips, _ = charts(at)

    assert "No verdict: these two runs were not measured in turn" in said(at)
    assert "To get a verdict, measure in turn: ``lab compare " in said(at)
    assert "regressed" not in said(at).split("How to read")[0]
    assert "no interval" in forest["series"][1]["data"][1]["name"]
    assert strips["series"][0]["data"] == []
    assert lab.store.comparisons() == []


def test_the_sides_of_one_comparison_show_its_verdict(make: Callable[..., Lab]) -> None:
    """It has judged them, with many looks: no second ratio is computed."""
    lab = make()
    found = compared(lab)
    at = shown(lab.store.root, "compare", base=found.baseline_run, new=found.candidate_run)

    assert "sides of one comparison, which has judged them" in said(at)
    assert "× regressed" in said(at)


def test_runs_that_are_not_comparable_are_refused_with_what_to_do(make: Callable[..., Lab]) -> None:
    """A phone and this machine: no ratio, and the fact that differs."""
    lab = make()
    base, new = measured_apart(lab)
    other = lab.store.run(new)
    facts = {**other.context.facts, "device_kind": "host"}
    lab.store.update_run(replace(other, context=replace(other.context, facts=facts)))
    at = shown(lab.store.root, "compare", base=base, new=new)

    assert "≠ incomparable" in said(at)
    assert "Figures of different kinds of device are never compared" in said(at)
    assert not charts(at)


def test_times_of_an_emulated_phone_are_not_drawn(make: Callable[..., Lab]) -> None:
    """They are no measurements: neither a chart nor a table of figures."""
    lab = make()
    found = compared(lab)
    for run_id in (found.baseline_run, found.candidate_run):
        side = lab.store.run(run_id)
        facts = {**side.context.facts, "device_kind": "emulated"}
        lab.store.update_run(replace(side, context=replace(side.context, facts=facts)))
    at = shown(lab.store.root, "compare", id=found.id)

    assert not at.exception
    assert "its times are not measurements" in said(at)
    assert not charts(at)


def test_a_run_that_is_not_finished_is_not_compared(make: Callable[..., Lab]) -> None:
    """The message has the command that resumes it."""
    lab = make()
    base, new = measured_apart(lab)
    lab.store.finish_run(new, "interrupted")
    at = shown(lab.store.root, "compare", base=base, new=new)

    assert not at.exception
    assert f"lab run --resume {new}" in said(at)


def test_an_interrupted_comparison_says_how_to_resume_it(make: Callable[..., Lab]) -> None:
    """Its pairs so far are drawn."""
    lab = make()
    found = compared(lab)
    cell = replace(found.cells[0], verdict="cannot tell")
    lab.store.save_comparison(replace(found, status="interrupted", cells=(cell,)))
    at = shown(lab.store.root, "compare", id=found.id)

    assert f"lab compare --resume {found.id[:13]} --data {lab.store.root}" in [each.value for each in at.code]
    assert len(charts(at)) == 3


def test_a_comparison_whose_run_is_gone_still_says_its_own_record(make: Callable[..., Lab]) -> None:
    """The error names the run; the verdicts that were saved are shown."""
    lab = make()
    found = compared(lab)
    shutil.rmtree(lab.store.root / "runs" / found.candidate_run)
    at = shown(lab.store.root, "compare", id=found.id)

    assert not at.exception
    assert found.candidate_run[:13] in at.error[0].value
    assert list(at.dataframe[0].value["verdict"]) == ["× regressed"]


def test_a_comparison_that_does_not_exist_names_those_that_do(rack: Path) -> None:
    """A link of another data root: the way back to the list stands above."""
    at = shown(rack, "compare", id="ffff")

    assert not at.exception
    assert "no comparison has an id that begins 'ffff'; the newest: " in said(at)


def test_the_way_back_leads_to_the_list(rack: Path) -> None:
    """The link then names no comparison."""
    at = shown(rack, "compare", base="ffff", new="eeee")
    next(each for each in at.button if each.label == "All comparisons").click()

    assert "Select one to open it" in words(at.run())
    assert "base" not in at.query_params


def test_hostile_names_are_text(tmp_path: Path) -> None:
    """A device, a cell and a fact with markup are shown as they are."""
    sides = [replace(run_of(each), device=HOSTILE, build_line=HOSTILE, status="finished") for each in ("a0", "a1")]
    cell = CellVerdict("a", "cannot tell", None, None, 1.0, 0, HOSTILE)
    found = replace(comparison_of(1), device=HOSTILE, scenario=HOSTILE, differs={}, cells=(cell,))
    with closing(Store(tmp_path / "data")) as store:
        for each in sides:
            store.create_run(each)
        store.save_comparison(found)
    at = shown(tmp_path / "data", "compare", id=found.id)

    assert not at.exception
    assert "&lt;b\\>x&lt;/b\\> \\*\\*y\\*\\*" in words(at)
    drawn = "\n".join(each.value for each in [*at.markdown, *at.caption, *at.subheader])
    assert "<b>" not in re.sub(r"``.*?``", "", drawn)
    beside = shown(tmp_path / "data", "compare", base=HOSTILE, new=HOSTILE)
    links = [each.proto.label for page in (at, beside) for each in page.get("page_link")]
    assert any("\\*\\*y" in each for each in links)
    assert not any("<b>" in each or "**y" in each for each in links)
