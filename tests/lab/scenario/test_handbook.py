"""docs/scenarios.md explains every key of a scenario, and its example is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.scenario.load import _Header, read
from lab.scenario.plan import Gates, Plan
from lab.scenario.suite import _SuiteHeader
from lab.scenario.workloads import WORKLOADS
from tests.lab_process import ROOT

PAGE = (ROOT / "docs/scenarios.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"^```toml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)[0]


def section(title: str) -> str:
    """Return the part of the page below a heading that begins so."""
    return next(part for part in PAGE.split("\n## ") if part.startswith(title))


def test_the_example_is_a_sweep_of_two_parameters() -> None:
    """Six cells, in the order in which the page says they come; 36 trials."""
    found = read(EXAMPLE, "chunks", at="docs/scenarios.md")

    assert [cell.key for cell in found.cells][:4] == [
        "prompt_tokens=512, parallel_tokens=32",
        "prompt_tokens=512, parallel_tokens=128",
        "prompt_tokens=512, parallel_tokens=512",
        "prompt_tokens=2048, parallel_tokens=32",
    ]
    assert len(found.cells) * found.plan.blocks == 36


@pytest.mark.parametrize(
    ("title", "keys"),
    [
        ("`[scenario]`", set(_Header.model_fields)),
        ("`[workload]`", {name for each in WORKLOADS.values() for name in each.parameters.model_fields}),
        ("`[workload]`", set(WORKLOADS) | {name for each in WORKLOADS.values() for name in each.metrics}),
        ("`[plan]`", set(Plan.model_fields)),
        ("`[gates]`", set(Gates.model_fields)),
        ("Suites", set(_SuiteHeader.model_fields)),
    ],
)
def test_every_key_is_explained(title: str, keys: set[str]) -> None:
    """In the section of its table; nothing is explained that a scenario lacks."""
    rows = set(re.findall(r"^\| `(\w+)` \|", section(title), flags=re.MULTILINE))

    assert {key for key in keys if f"`{key}`" not in section(title)} == set()
    if title in ("`[plan]`", "`[gates]`", "`[scenario]`"):
        assert rows == keys


@pytest.mark.parametrize(("title", "model"), [("`[plan]`", Plan), ("`[gates]`", Gates)])
def test_every_default_is_the_codes(title: str, model: type[Plan] | type[Gates]) -> None:
    """As the tables give them."""
    rows = dict(re.findall(r"^\| `(\w+)` \| `?([^|`]+?)`? \|", section(title), flags=re.MULTILINE))

    for name, field in model.model_fields.items():
        words = rows[name]
        assert (
            words == "none" if field.default is None else words == field.default or float(words) == field.default
        )


@pytest.mark.parametrize("kind", WORKLOADS)
def test_every_parameter_names_its_kinds(kind: str) -> None:
    """The column `of` lists the kinds that have it."""
    for name in WORKLOADS[kind].parameters.model_fields:
        (of,) = re.findall(rf"^\| `{name}` \| ([^|]*) \|", section("`[workload]`"), flags=re.MULTILINE)
        bare = kind in ("load", "null")
        assert of == "all" or (of.startswith("all but") and not bare) or f"`{kind}`" in of


def test_the_handbook_lists_no_file_that_is_not_there() -> None:
    """Relative links."""
    for target in re.findall(r"\]\(([^)#:]+)", PAGE):
        assert (Path(ROOT / "docs") / target).exists(), target
