"""The JSON Schema of what `--json` prints, made from the documents' classes.

``python -m lab.report.schema --write`` writes `docs/results.schema.json`, which the tests hold against the code.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from lab.report.answer.document import AnswerDocument
from lab.report.checked import SelfCheckDocument
from lab.report.document import FORMAT, Document
from lab.report.explain.document import ExplanationDocument
from lab.report.listed import Listed
from lab.report.night.document import NightDocument
from lab.report.published.document import PublishedDocument
from lab.report.verdict.document import VerdictDocument

SCHEMA = Path(__file__).parents[2] / "docs/results.schema.json"

Results = Annotated[
    Listed
    | AnswerDocument
    | VerdictDocument
    | SelfCheckDocument
    | ExplanationDocument
    | NightDocument
    | PublishedDocument,
    Field(discriminator="result"),
]
"""Every kind of result."""


class _Printed(GenerateJsonSchema):
    """A number may be null, as infinity and NaN are printed. All keys of a class are there, defaults included."""

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return {"type": ["number", "null"]}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_is_required(self, field: Any, total: bool) -> bool:
        return True


def schema() -> str:
    """Return the schema as text."""
    found = TypeAdapter(Document[Results]).json_schema(schema_generator=_Printed)
    about = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"What pocketlab prints with --json, format {FORMAT}",
    }
    return json.dumps({**found, **about}, indent=1) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the schema, or write it to its file."""
    parser = argparse.ArgumentParser(prog="python -m lab.report.schema", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/results.schema.json")
    if parser.parse_args(arguments).write:
        SCHEMA.write_text(schema(), encoding="utf-8")
    else:
        sys.stdout.write(schema())


if __name__ == "__main__":
    main()
