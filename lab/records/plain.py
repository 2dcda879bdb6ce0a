"""Records to JSON and back without pydantic, whose import costs more CPU time than reading an answer may take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from lab.documents.strict import json_of

Record = TypeVar("Record")


def dumps(record: object) -> str:
    """Return a record as JSON. Its fields may be records, tuples, mappings with text as keys, numbers and text."""
    return json.dumps(record, default=vars)


def loads(kind: type[Record], text: bytes | str) -> Record:
    """Return the record of class `kind` that :func:`dumps` wrote; raises ValueError, KeyError or TypeError."""
    return record_of(kind, json_of(text, finite=False))


def record_of(kind: type[Record], value: object) -> Record:
    """Return the record of class `kind` from its part of a JSON document; raises as :func:`loads`."""
    return cast(Record, _of(kind, value))


def _of(kind: Any, value: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _of(hints[name], each) for name, each in value.items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if origin is tuple:
        kinds = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(_of(each, found) for each, found in zip(kinds, value, strict=True))
    if origin is Mapping:
        return {_of(arguments[0], key): _of(arguments[1], each) for key, each in value.items()}
    if origin in (Union, UnionType) and value is not None:
        (known,) = [each for each in arguments if each is not NoneType] if NoneType in arguments else [None]
        return value if known is None else _of(known, value)
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
