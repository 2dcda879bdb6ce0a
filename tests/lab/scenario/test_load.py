"""A scenario becomes cells in the order of its file, or is refused with the file and the key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import ScenarioError
from lab.records import Cell
from lab.scenario.known import SCENARIOS
from lab.scenario.load import heading_of, load, read
from lab.scenario.plan import Gates, Plan
from lab.scenario.published import literature
from lab.scenario.study import load_study
from lab.scenario.suite import load_suite
from tests.lab.report.report_runs import run_of
from tests.lab.scenario.scenario_files import HEADER, SWEEP, WORK, write


def refusal(folder: Path, text: str) -> str:
    """Return the message with which a scenario is refused, without the file."""
    path = write(folder, text)
    with pytest.raises(ScenarioError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    return message.removeprefix(f"{path}: ")


def test_a_sweep_becomes_cells_in_the_order_of_the_file(tmp_path: Path) -> None:
    """A cell is named by its swept parameters, and has every parameter, including defaults."""
    scenario = load(write(tmp_path, HEADER + WORK + SWEEP))

    assert [cell.key for cell in scenario.cells] == ["patches_per_batch=4", "patches_per_batch=1"]
    assert scenario.cells[0].parameters == {
        "input": "screen",
        "patches_per_batch": 4,
        "pipelined": True,
        "remainder": "exact",
        "order": "largest_first",
        "placement": "split",
    }
    assert (scenario.kind, scenario.metric, scenario.repeats) == ("encode_image", "encode_s", "")
    assert scenario.toml == HEADER + WORK + SWEEP


def test_two_swept_parameters_make_their_product_with_the_last_turning_fastest(tmp_path: Path) -> None:
    """The keys are written as TOML writes values."""
    text = HEADER + WORK + "[sweep]\npatches_per_batch = [1, 2]\npipelined = [true, false]\n"

    assert [cell.key for cell in load(write(tmp_path, text)).cells] == [
        "patches_per_batch=1, pipelined=true",
        "patches_per_batch=1, pipelined=false",
        "patches_per_batch=2, pipelined=true",
        "patches_per_batch=2, pipelined=false",
    ]


def test_listed_cells_are_named_by_what_each_lists(tmp_path: Path) -> None:
    """Parameters that a cell does not list have the workload's default."""
    text = (
        HEADER + WORK + '[[cells]]\npatches_per_batch = 4\n[[cells]]\npatches_per_batch = 4\nplacement = "all"\n'
    )
    cells = load(write(tmp_path, text)).cells

    assert [cell.key for cell in cells] == ["patches_per_batch=4", "patches_per_batch=4, placement=all"]
    assert [cell.parameters["placement"] for cell in cells] == ["split", "all"]


def test_a_scenario_without_a_sweep_is_one_cell_of_its_name(tmp_path: Path) -> None:
    """It has no swept parameter to be named by."""
    cells = load(write(tmp_path, HEADER + WORK + "patches_per_batch = 4\n")).cells

    assert [cell.key for cell in cells] == ["x"]


def test_a_plan_may_be_left_out_and_overridden(tmp_path: Path) -> None:
    """The suite's plan, or the command line's, wins over the file's, key by key."""
    path = write(tmp_path, HEADER + WORK + SWEEP + "[plan]\nblocks = 7\niterations = 5\n")

    assert load(path).plan == Plan(warmup=1, iterations=5, blocks=7, timeout_s=120)
    assert load(path, plan={"blocks": 2}).plan == Plan(warmup=1, iterations=5, blocks=2, timeout_s=120)
    assert load(path).gates == Gates(max_gap=0.10)
    with pytest.raises(ScenarioError, match=r"x\.toml: \[plan\] unknown key 'block'; did you mean 'blocks'\?"):
        load(path, plan={"block": 2})


def test_a_scenario_can_be_read_from_text(tmp_path: Path) -> None:
    """It equals the one read from a file of that name; messages open with the given place."""
    text = HEADER + WORK + SWEEP

    assert read(text, "x", at="run 7") == load(write(tmp_path, text))
    with pytest.raises(ScenarioError, match=r"^run 7: 'name' is 'x', but the file is called 'y'"):
        read(text, "y", at="run 7")
    with pytest.raises(ScenarioError, match=r"^run 7: 'scenario\.metric' is missing$"):
        read(text.replace('metric = "encode_s"\n', ""), "x", at="run 7")


def test_a_saved_scenario_with_unknown_keys_still_has_its_heading() -> None:
    """Results stay readable after a key is removed from the lab; a key that they need is named if missing."""
    run = run_of([Cell("x", {})])
    text = HEADER + WORK + "[gates]\nformer_key = 1\n"

    found = heading_of(replace(run, scenario_toml=text))

    assert (found.question, found.metric, found.kind, found.duration_s) == (
        "Which?",
        "encode_s",
        "encode_image",
        None,
    )
    with pytest.raises(ScenarioError, match=rf"^the scenario of run {run.id}: 'workload\.kind' is missing$"):
        heading_of(replace(run, scenario_toml=HEADER))
    for known, words in (("encode_s", "no such metric of encode_image: 'x'"), ("encode_image", "no workload 'x'")):
        with pytest.raises(ScenarioError, match=rf"^the scenario of run {run.id}: .*{words}"):
            heading_of(replace(run, scenario_toml=text.replace(f'"{known}"', '"x"')))


def test_an_override_may_turn_a_closed_loop_into_a_fixed_number_of_trials(tmp_path: Path) -> None:
    """Suites do this to scenarios that have a target."""
    path = write(tmp_path, HEADER + WORK + SWEEP + "[plan]\nblocks = 4\ntarget = 0.02\nmost = 9\nbudget_s = 9\n")

    assert load(path, plan={"blocks": 2, "most": 2}).plan.most == 2


REFUSED = {
    "a misspelt table": (
        HEADER + WORK + "[sweeps]\na = [1]\n",
        "unknown key 'sweeps'; did you mean 'sweep'? known keys: scenario, workload, sweep, cells, plan, gates",
    ),
    "a misspelt key": (
        HEADER.replace("question", "qestion") + WORK,
        "[scenario] unknown key 'qestion'; did you mean 'question'? known keys: name, question, repeats, metric",
    ),
    "an unknown key of the plan": (
        HEADER + WORK + SWEEP + "[plan]\nretries = 1\n",
        "[plan] unknown key 'retries'",
    ),
    "a fixed parameter the workload lacks": (
        HEADER + WORK + "new_tokens = 8\n" + SWEEP,
        "[workload] unknown key 'new_tokens'; known keys: patches_per_batch, pipelined",
    ),
    "a swept parameter the workload lacks": (
        HEADER + WORK + "[sweep]\npatches_per_bach = [4]\n",
        "[sweep] unknown key 'patches_per_bach'; did you mean 'patches_per_batch'?",
    ),
    "a listed parameter the workload lacks": (
        HEADER + WORK + "[[cells]]\npatches_per_batch = 1\n[[cells]]\npatches_per_batch = 2\ncoupled = true\n",
        "[[cells]] 2 unknown key 'coupled'",
    ),
    "a text for a number": (
        HEADER + WORK + '[sweep]\npatches_per_batch = ["four"]\n',
        "[sweep] 'patches_per_batch': wanted a whole number, found 'four'",
    ),
    "a truth value for a number": (
        HEADER + WORK + "patches_per_batch = true\n",
        "[workload] 'patches_per_batch': wanted a whole number, found True",
    ),
    "a batch of nothing": (HEADER + WORK + "patches_per_batch = 0\n", "greater than or equal to 1, found 0"),
    "a word that is none of the choices": (
        HEADER + WORK + 'order = "random"\n' + SWEEP,
        "[workload] 'order': wanted 'largest_first' or 'smallest_first', found 'random'",
    ),
    "a swept value that is no list": (
        HEADER + WORK + "[sweep]\npatches_per_batch = 4\n",
        "'sweep.patches_per_batch': wanted a list, found 4",
    ),
    "an empty list": (HEADER + WORK + "[sweep]\npatches_per_batch = []\n", "'patches_per_batch' is an empty list"),
    "an empty sweep": (HEADER + WORK + "[sweep]\n", "[sweep] names no parameter"),
    "no cells": ("cells = []\n" + HEADER + WORK, "'cells' is empty"),
    "a cell of nothing": (HEADER + WORK + "[[cells]]\n", "[[cells]] 1 names no parameter"),
    "the same value twice": (
        HEADER + WORK + "[sweep]\npatches_per_batch = [4, 4]\n",
        "the cell 'patches_per_batch=4' is the same as 'patches_per_batch=4'",
    ),
    "the same cell in other words": (
        HEADER + WORK + "[[cells]]\npatches_per_batch = 4\n[[cells]]\npatches_per_batch = 4\npipelined = true\n",
        "the cell 'patches_per_batch=4, pipelined=true' is the same as 'patches_per_batch=4'",
    ),
    "sweep and cells together": (
        HEADER + WORK + SWEEP + "[[cells]]\npatches_per_batch = 4\n",
        "has both [sweep] and [[cells]]",
    ),
    "a parameter fixed and swept": (
        HEADER + WORK + "patches_per_batch = 4\n" + SWEEP,
        "'patches_per_batch' is both fixed in [workload] and chosen in [sweep]",
    ),
    "a required parameter left out": (HEADER + WORK, "'patches_per_batch' is missing"),
    "no blocks": (
        HEADER + WORK + SWEEP + "[plan]\nblocks = 0\n",
        "'plan.blocks': wanted greater than or equal to 1",
    ),
    "no time": (HEADER + WORK + SWEEP + "[plan]\ntimeout_s = 0\n", "'plan.timeout_s': wanted greater than 0"),
    "endless time": (
        HEADER + WORK + SWEEP + "[plan]\ntimeout_s = inf\n",
        "'plan.timeout_s': wanted a finite number",
    ),
    "a gap of everything": (
        HEADER + WORK + SWEEP + "[gates]\nmax_gap = 1.0\n",
        "'gates.max_gap': wanted less than 1",
    ),
    "a target without an end": (
        HEADER + WORK + SWEEP + "[plan]\ntarget = 0.02\n",
        "[plan] 'target', 'most' and 'budget_s' belong together",
    ),
    "no metric": (HEADER.replace('metric = "encode_s"\n', "") + WORK + SWEEP, "'scenario.metric' is missing"),
    "a metric the workload does not yield": (
        HEADER.replace("encode_s", "encod_s") + WORK + SWEEP,
        "no such metric of encode_image: 'encod_s'; did you mean 'encode_s'?",
    ),
    "no kind": (HEADER + "[workload]\n", "'workload.kind' is missing; known kinds: encode_image, prefill, decode"),
    "an unknown kind": (
        HEADER + '[workload]\nkind = "encode_images"\n',
        "no workload 'encode_images'; did you mean 'encode_image'?",
    ),
    "a kind that is no word": (HEADER + "[workload]\nkind = [1]\n", "no workload [1]"),
    "another name than the file's": (HEADER.replace('"x"', '"y"') + WORK + SWEEP, "'name' is 'y', but the file"),
    "no scenario": (WORK, "'scenario' is missing"),
    "broken TOML": (HEADER + "[workload\n", "not TOML: Expected ']'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_scenario_that_makes_no_sense_is_refused_with_a_reason(tmp_path: Path, case: str) -> None:
    """The message names the file, the table and the key, and what was wanted."""
    text, words = REFUSED[case]

    assert words in refusal(tmp_path, text)


def test_broken_toml_is_shown_with_its_line(tmp_path: Path) -> None:
    """The fifth line lacks its bracket."""
    assert "(at line 5, column 10)" in refusal(tmp_path, HEADER + "[workload\n")


def test_every_wrong_key_has_its_line(tmp_path: Path) -> None:
    """All mistakes are reported at once."""
    message = refusal(tmp_path, HEADER + WORK + SWEEP + "[plan]\nblocks = 0\nwarmup = -1\n")

    assert [line.split("'")[1] for line in message.splitlines()] == ["plan.warmup", "plan.blocks"]


def test_a_file_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    """The message suggests the nearest name."""
    write(tmp_path, HEADER, "vit_batch")

    with pytest.raises(ScenarioError, match=r"vit_bach\.toml: no such file; did you mean 'vit_batch'\?"):
        load(tmp_path / "vit_bach.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """For example, a build instead of a scenario."""
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(ScenarioError, match="not UTF-8 text"):
        load(path)
    with pytest.raises(ScenarioError, match="could not be read"):
        load(tmp_path)


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_bundled_file_loads_and_opens_with_its_question(path: Path) -> None:
    """A comment at the top gives the question, and the published figure that it repeats."""
    assert path.read_text().startswith("# ")
    if path.stem in ("quick", "full"):
        suite = load_suite(path)
        scenarios = [load(path.with_name(f"{name}.toml"), plan=suite.plan) for name in suite.scenarios]
        assert {scenario.plan.blocks for scenario in scenarios} == {suite.plan["blocks"]}
    elif path.stem == "published":
        assert literature(path).figures
    elif path.stem == "resolution_study":
        assert load_study(path).images
    elif "[suite]" not in path.read_text():
        assert load(path).cells


def test_the_bundled_questions_have_the_cells_of_the_paper() -> None:
    """Patches per batch of Fig. 7, prefill chunks of Fig. 8 (arXiv 2411.10640), and our own beside them."""
    batches = [cell.parameters["patches_per_batch"] for cell in load(SCENARIOS / "vit_batch.toml").cells]
    chunks = [cell.parameters["parallel_tokens"] for cell in load(SCENARIOS / "prefill_tokens.toml").cells]
    overlap = [
        tuple(cell.parameters[name] for name in ("patches_per_batch", "pipelined", "placement", "order"))
        for cell in load(SCENARIOS / "pipeline_overlap.toml").cells
    ]

    assert batches == [1, 2, 3, 4, 5, 6]
    assert chunks == [1, 32, 128, 512, 2048]
    assert overlap == [
        (4, True, "split", "largest_first"),
        (4, False, "split", "largest_first"),
        (4, False, "all", "largest_first"),
        (1, False, "split", "largest_first"),
        (4, True, "split", "smallest_first"),
    ]


def test_a_listed_cell_may_carry_a_label(tmp_path: Path) -> None:
    """The label is for people; the key and the parameters are unchanged."""
    cells = load(SCENARIOS / "pipeline_overlap.toml").cells

    assert [cell.label for cell in cells] == [
        "pipelined",
        "in turn",
        "in turn, all cores",
        "batch 1, in turn",
        "pipelined, 1+4+4",
    ]
    assert cells[0].key == "patches_per_batch=4, pipelined=true, placement=split, order=largest_first"
    assert "label" not in cells[0].parameters
    text = (SCENARIOS / "pipeline_overlap.toml").read_text(encoding="utf-8")
    twice = tmp_path / "pipeline_overlap.toml"
    twice.write_text(text.replace('label = "in turn, all cores"', 'label = "in turn"'), encoding="utf-8")
    with pytest.raises(ScenarioError, match="another cell has the label 'in turn' already"):
        load(twice)


def test_a_scenario_of_too_many_cells_or_trials_is_refused_at_once(tmp_path: Path) -> None:
    """The product of five long lists would never be counted out."""
    lists = "".join(f"{name} = {[1] * 1000}\n" for name in ("a", "b", "c", "d", "e"))

    assert refusal(tmp_path, HEADER + WORK + "[sweep]\n" + lists).startswith(
        "wanted at most 1,000 cells, found 1,000,"
    )
    assert refusal(tmp_path, HEADER + WORK + SWEEP + f"[plan]\nblocks = 1{'0' * 30}\n").startswith(
        "'plan.blocks': wanted less than or equal to 1000000, found 1000"
    )
