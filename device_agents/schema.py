"""Generates the JSON Schema and the tables of PROTOCOL.md from `contract.py`.

``python -m device_agents.schema --write`` writes both files; without ``--write``, exit status 2 means out of date.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaValue

from device_agents import contract, ending
from device_agents.contract import LARGEST, PROTOCOL, ROLES, ErrorClass, Input, Job, Manifest, Stage

HERE = Path(__file__).parent
SCHEMA = HERE / "contract.schema.json"
PAGE = HERE / "PROTOCOL.md"

STAGES: Mapping[Stage, str] = {
    Stage.LOAD: "open one graph file",
    Stage.TILE: "resize, pad, cut into tiles and normalise the pixels: once for each image",
    Stage.PATCH_EMBED: "the convolution of one batch of tiles",
    Stage.VIT: "the transformer blocks of one batch",
    Stage.PROJECT: "downsampler and projector of one batch",
    Stage.EMBED: "turn token ids into embeddings: the whole prompt (index 0), then one token",
    Stage.PREFILL: "run one chunk of the prompt through the language model",
    Stage.FIRST_TOKEN: "the user's wait: from image and instruction given to the first token's text",
    Stage.SWAP: "the runtime replaces the prefill graph by the decode graph",
    Stage.DECODE: "run one token through the language model",
    Stage.SAMPLE: "turn logits into a token id (greedy)",
    Stage.DETOKENISE: "turn a token id into visible text",
    Stage.UNLOAD: "close one graph file; in `generate`, release all vision graphs",
}

ERRORS: Mapping[ErrorClass, str] = {
    ErrorClass.LOAD: "a build, graph, weight or input file is missing, damaged, or not for this runtime",
    ErrorClass.OOM: "memory could not be allocated",
    ErrorClass.UNIT_UNAVAILABLE: "a core or accelerator that the job names cannot be used",
    ErrorClass.BAD_JOB: "the file is not a job, contradicts the build, or asks for something this agent cannot do",
    ErrorClass.VERSION: "job or manifest use a newer protocol",
    ErrorClass.NO_WORK: "the runtime reported success and did nothing",
    ErrorClass.DISK_FULL: "a file could not be written; the events file itself may end early (see Exit codes)",
    ErrorClass.TIMEOUT: "the agent stopped waiting for its runtime",
    ErrorClass.CRASH: "anything unforeseen; the message names the exception",
}

_WORKS = (
    contract.NullWork,
    contract.LoadWork,
    contract.EncodeImageWork,
    contract.PrefillWork,
    contract.DecodeWork,
    contract.GenerateWork,
    contract.EvaluateWork,
)
_EVENTS = (
    contract.Hello,
    contract.Span,
    contract.Iteration,
    contract.Output,
    contract.Piece,
    contract.Answer,
    contract.Memory,
    contract.Error,
    contract.End,
)


def schema() -> str:
    """Return the JSON Schema of every document and event, all under `$defs`."""
    adapters: list[tuple[str, TypeAdapter[Any]]] = [
        ("Manifest", TypeAdapter(Manifest)),
        ("ForeignManifest", TypeAdapter(contract.ForeignManifest)),
        ("Command", TypeAdapter(contract.Command)),
        ("Input", TypeAdapter(Input)),
        ("QuestionSet", TypeAdapter(contract.QuestionSet)),
        ("AnswerKey", TypeAdapter(contract.AnswerKey)),
        ("Job", TypeAdapter(Job)),
        ("Event", contract.parse_event),
        ("Operators", TypeAdapter(contract.Operators)),
    ]
    roots, rest = TypeAdapter.json_schemas(
        [(name, "validation", adapter) for name, adapter in adapters], ref_template="#/$defs/{model}"
    )
    definitions: dict[str, JsonSchemaValue] = dict(rest.get("$defs", {}))
    for (name, _), root in roots.items():
        definitions.setdefault(name, root)
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"pocketlab contract, protocol {PROTOCOL}",
        "description": "A file is a $defs/Manifest, ForeignManifest, Input, QuestionSet, AnswerKey or Job; "
        "each event line is an Event.",
        "$defs": dict(sorted(definitions.items())),
    }
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


def page(text: str) -> str:
    """Return PROTOCOL.md's text with every generated part replaced; raises `KeyError` for an unknown marker."""

    def fill(found: re.Match[str]) -> str:
        return f"{found['open']}\n{TABLES[found['name']]()}\n{found['close']}"

    return re.sub(
        r"(?P<open><!-- generated: (?P<name>\w+) -->).*?(?P<close><!-- end -->)", fill, text, flags=re.DOTALL
    )


def main() -> int:
    """Write both files with ``--write``; without it, return 2 when one is out of date."""
    parser = argparse.ArgumentParser(prog="python -m device_agents.schema", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write contract.schema.json and PROTOCOL.md")
    write = parser.parse_args().write
    wanted = {SCHEMA: schema(), PAGE: page(PAGE.read_text(encoding="utf-8"))}
    stale = [
        path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale if write else []:
        path.write_text(wanted[path], encoding="utf-8")
    if stale and not write:
        names = ", ".join(path.name for path in stale)
        sys.stderr.write(f"out of date: {names}: run python -m device_agents.schema --write\n")
    return 2 if stale and not write else 0


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _stages() -> str:
    return _table(("stage", "role", "meaning"), [(f"`{s}`", ROLES[s], STAGES[s]) for s in Stage])


def _errors() -> str:
    return _table(("class", "when"), [(f"`{e}`", ERRORS[e]) for e in ErrorClass])


def _models(kinds: tuple[type[BaseModel], ...], tag: str) -> str:
    """Return a table with one row for each field of each model; the first column is the model's tag."""
    rows: list[tuple[str, ...]] = []
    for kind in kinds:
        fields = kind.model_json_schema()["properties"]
        required = set(kind.model_json_schema().get("required", []))
        name, shown = fields[tag]["const"], False
        for field, said in fields.items():
            if field == tag:
                continue
            text = said.get("description", "")
            if field not in required:
                text = f"{text}; default `{json.dumps(said.get('default'))}`".removeprefix("; ")
            rows.append(("" if shown else f"`{name}`", f"`{field}`", _kind(said), text))
            shown = True
        if not shown:
            rows.append((f"`{name}`", "", "", "no field"))
    return _table((tag, "field", "type", "meaning"), rows)


def _kind(said: JsonSchemaValue) -> str:
    """Return a field's JSON type in a word or two."""
    if "$ref" in said:
        return str(said["$ref"]).rpartition("/")[2]
    if "anyOf" in said:
        return " or ".join(_kind(option) for option in said["anyOf"])
    if "enum" in said:
        return " or ".join(f"`{value}`" for value in said["enum"])
    if said.get("type") == "array":
        return f"list of {_kind(said['items'])}" if said.get("items") else "list"
    if said.get("type") == "object":
        values = said.get("additionalProperties")
        return f"object of {_kind(values)}" if isinstance(values, dict) else "object"
    bound = f" >= {said['minimum']}" if said.get("minimum", -LARGEST) > -LARGEST else ""
    return str(said.get("type", "value")) + bound


def _vector() -> str:
    """Return the complete fingerprint of the tensor [1, -2, 0.5]."""
    return (
        "```json\n"
        + contract.fingerprint(np.array([1.0, -2.0, 0.5], dtype=np.float32)).model_dump_json()
        + "\n```"
    )


TABLES: Mapping[str, Callable[[], str]] = {
    "stages": _stages,
    "errors": _errors,
    "events": lambda: _models(_EVENTS, "event"),
    "workloads": lambda: _models(_WORKS, "kind"),
    "vector": _vector,
}
"""The generated parts of PROTOCOL.md, by their name in the marker."""

if __name__ == "__main__":
    ending.run("schema", main)
