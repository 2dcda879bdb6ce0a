from __future__ import annotations

import json
import re

from device_agents.contract import ErrorClass, Stage, fingerprint
from device_agents.schema import ERRORS, PAGE, SCHEMA, STAGES, TABLES, page, schema


def test_the_published_schema_is_the_codes() -> None:
    """The test fails when the contract changed without `python -m device_agents.schema --write`."""
    assert SCHEMA.read_text(encoding="utf-8") == schema()


def test_the_pages_tables_are_the_codes() -> None:
    """Every generated part of PROTOCOL.md is up to date, and none is missing."""
    text = PAGE.read_text(encoding="utf-8")

    assert page(text) == text
    assert re.findall(r"<!-- generated: (\w+) -->", text) == ["events", "stages", "workloads", "vector", "errors"]
    assert set(TABLES) == {"events", "stages", "workloads", "vector", "errors"}


def test_a_stale_table_is_filled_in_again() -> None:
    """The text between the markers is replaced, the text around them is not."""
    text = "before\n<!-- generated: errors -->\nold\n<!-- end -->\nafter\n"

    assert "old" not in page(text)
    assert "| `oom` |" in page(text)
    assert page(text).startswith("before\n")
    assert page(text).endswith("\nafter\n")


def test_every_word_of_the_contract_is_explained() -> None:
    """The test fails for a new stage or error class without a sentence."""
    assert set(STAGES) == set(Stage)
    assert set(ERRORS) == set(ErrorClass)


def test_the_pages_vector_is_what_the_code_computes() -> None:
    """Authors in other languages can check their 64 sums against the page."""
    import numpy as np

    found = re.search(r"```json\n(\{.*\})\n```", PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert json.loads(found[1])["projections"][:4] == [3.5, 3.5, -0.5, 3.5]
    assert json.loads(found[1]) == fingerprint(np.array([1, -2, 0.5], dtype=np.float32)).model_dump()


def test_the_four_documents_are_in_the_schema() -> None:
    """An agent's author finds each by name, and each rejects unknown keys."""
    definitions = json.loads(schema())["$defs"]

    assert {"Manifest", "Input", "Job", "Event"} <= set(definitions)
    assert definitions["Job"]["additionalProperties"] is False
    assert len(definitions["Event"]["oneOf"]) == 9
