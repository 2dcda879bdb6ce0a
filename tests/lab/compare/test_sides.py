"""The two sides of a comparison, from their names and from the runs of an interrupted one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.builds.folder import open_build
from lab.compare.comparison import Side
from lab.compare.sides import Wanted, reopened, sides_of
from lab.device.fake.build import write_fake_build
from lab.errors import BuildError, RunError, ScenarioError
from lab.records import Context, Dimension, Inject
from lab.run.benches import terms_of
from lab.run.turn import Terms
from lab.scenario.load import load
from lab.store import Store
from tests.fake_lab import batch_scenario
from tests.saved_answers import saved_run

TOML = batch_scenario("[1, 3]\npipelined = [true, false]", blocks=2).replace("pipelined = false\n", "", 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store beside two builds, `a` and `b`, that lie outside it."""
    for name, note in (("a", ""), ("b", '"tonight"')):
        write_fake_build(tmp_path / name)
        manifest = tmp_path / name / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"notes":[]', f'"notes":[{note}]'))
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def terms(store: Store) -> Terms:
    """Terms that wait for nobody."""
    return terms_of(store, 0.0, tell=lambda words: None)


@pytest.fixture
def sides(tmp_path: Path, store: Store, terms: Terms) -> Callable[..., tuple[Side, Side]]:
    """Find the sides that two names mean, on this machine."""
    (tmp_path / "probe.toml").write_text(TOML)
    scenario = load(tmp_path / "probe.toml")

    def find(first: str, second: str, differs: Dimension, build: Path | None = None) -> tuple[Side, Side]:
        named = None if build is None else str(build)
        return sides_of(store, Wanted((first, second), differs, scenario, "host", named, "observe"), terms)

    return find


def test_two_builds_are_measured_in_the_same_cells(
    tmp_path: Path, sides: Callable[..., tuple[Side, Side]]
) -> None:
    """The names are the builds; a third one would have no meaning."""
    first, second = sides(str(tmp_path / "a"), str(tmp_path / "b"), "build")

    ids = [open_build(tmp_path / name).id for name in ("a", "b")]
    assert [side.bench.build.id for side in (first, second)] == ids
    assert ids[0] != ids[1]
    assert first.scenario == second.scenario
    with pytest.raises(RunError, match="--differs build: A and B are the builds; leave --build out"):
        sides(str(tmp_path / "a"), str(tmp_path / "b"), "build", tmp_path / "a")


def test_two_parameters_are_two_cells_of_one_build(
    tmp_path: Path, sides: Callable[..., tuple[Side, Side]]
) -> None:
    """A whole key names a cell; a part of one that two cells share is refused with the cells there are."""
    first, second = sides(
        "patches_per_batch=1, pipelined=true", "patches_per_batch=3, pipelined=true", "parameter", tmp_path / "a"
    )

    cells = [cell for side in (first, second) for cell in side.scenario.cells]
    assert [cell.parameters["patches_per_batch"] for cell in cells] == [1, 3]
    assert first.bench.build.id == second.bench.build.id
    with pytest.raises(ScenarioError, match=r"wanted one cell called 'patches_per_batch=1', found 2; cells: "):
        sides("patches_per_batch=1", "patches_per_batch=3", "parameter", tmp_path / "a")


def test_the_sides_of_an_interrupted_comparison_are_found_again(
    tmp_path: Path, store: Store, terms: Terms
) -> None:
    """With the cells and the injection of their runs; a build outside the store must be named once more."""
    context = Context({"profile": "observe", "warmup": "2", "iterations": "5"})
    run = replace(saved_run(store), build=open_build(tmp_path / "a").id, context=context)
    runs = run, replace(run, inject=Inject("prefill", 1.1))

    first, second = reopened(store, runs, [str(tmp_path / "a")], terms)

    assert (first.inject, second.inject) == (None, Inject("prefill", 1.1))
    assert [side.scenario.cells for side in (first, second)] == [run.cells] * 2
    assert [side.bench.build.id for side in (first, second)] == [run.build] * 2
    with pytest.raises(BuildError):
        reopened(store, runs, [], terms)
