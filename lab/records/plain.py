"""Records to JSON and back without pydantic, whose import costs more CPU time than reading an answer may take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

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


def checked(kind: type[Record], value: object) -> Record:
    """Return the record of class `kind` from a JSON object of anybody's: every field is looked at.

    Its fields may be numbers, texts, mappings of them with text as keys, and None. Raises ValueError naming the
    first one that does not fit, is missing or is unknown.
    """
    hints = _hints(cast("Any", kind))
    if not isinstance(value, dict):
        raise ValueError(f"wanted an object, found {type(value).__name__}")
    if unknown := value.keys() - hints.keys():
        raise ValueError(f"unknown {', '.join(sorted(unknown))}")
    try:
        return kind(**{name: _fitting(hints[name], each, name) for name, each in value.items()})
    except TypeError as error:
        raise ValueError(str(error)) from error


def _fitting(kind: Any, value: object, name: str) -> object:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return None if value is None else _fitting(arguments[0], value, name)
    if origin is Mapping and isinstance(value, dict):
        return {key: _fitting(arguments[1], each, f"{name}.{key}") for key, each in value.items()}
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{name}: wanted {getattr(kind, '__name__', kind)}, found {value!r}")
    return value


def _of(kind: Any, value: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _of(hints[name], each) for name, each in value.items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if origin is tuple:
        return _tuple_of(arguments, value)
    if origin is Mapping:
        return {_of(arguments[0], key): _of(arguments[1], each) for key, each in value.items()}
    if origin in (Union, UnionType) and NoneType in arguments:
        (known,) = [each for each in arguments if each is not NoneType]
        return None if value is None else _of(known, value)
    plain = tuple(type(each) for each in arguments) if origin is Literal else arguments or (kind,)
    if type(value) not in plain and not (type(value) is int and float in plain):  # a whole number is a float too
        raise TypeError(f"wanted {kind}, found {type(value).__name__}")
    return value


def _tuple_of(arguments: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if arguments == (float, Ellipsis) and {*map(type, value)} <= {float, int}:  # samples: a run may have a million
        return tuple(value)
    kinds = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
    pairs = zip(kinds, [] if isinstance(value, str) else value, strict=True)
    return tuple(_of(each, found) for each, found in pairs)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
