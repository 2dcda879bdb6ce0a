"""JSON and TOML from outside the lab: read strictly and within limits, so that no text is a bug of the lab.

Whoever wrote a document may have meant harm, or been cut off. What passes here has no key twice, no number beyond
:data:`DIGITS` digits, no nesting beyond :data:`DEPTH`, and only text that can be written as UTF-8.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

DEPTH = 64
"""Most levels of tables and lists in one another. A judgement: the deepest document of the lab has nine."""

DIGITS = 40
"""Most digits of a whole number. A judgement: 128 bits have 39. Python itself refuses to print more than 4,300."""

_MOST = 10**DIGITS

_KEY = r"""(?:"[^"\n]*+"|'[^'\n]*+'|[\w-]++)"""
_LONG_KEY = re.compile(rf"""(?<![\w"'-]){_KEY}(?:[ \t]*+\.[ \t]*+{_KEY}){{{DEPTH}}}""")
"""A dotted key of more than :data:`DEPTH` parts, which takes `tomllib` a time that grows with their square."""


class Malformed(ValueError):  # noqa: N818 - what the text is
    """A text that is no document, or one beyond the limits; the message says what is wrong and where."""


def json_of(data: bytes | str, *, finite: bool = True) -> object:
    """Return the JSON document in `data`, UTF-8 if it is bytes; raise `Malformed`.

    Refuses what RFC 8259 leaves open and readers take differently: a key twice in an object; NaN and infinity,
    unless `finite` is False: Python has words of its own for them.
    """
    with _malformed():
        text = data if isinstance(data, str) else data.decode()
        found = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number if finite else None)
    _check(found, finite=finite)
    return found


def object_of(data: bytes | str) -> dict[str, object]:
    """Return the JSON object in `data`; raise `Malformed` as :func:`json_of`, and for any other document."""
    found = json_of(data)
    if not isinstance(found, dict):
        raise Malformed(f"wanted an object, found {type(found).__name__}")
    return found


def toml_of(data: bytes | str) -> dict[str, object]:
    """Return the TOML document in `data`, UTF-8 if it is bytes; raise `Malformed`."""
    with _malformed():
        text = data if isinstance(data, str) else data.decode()
        if (long := _LONG_KEY.search(text)) is not None:
            line = text.count("\n", 0, long.start()) + 1
            raise Malformed(f"a key of more than {DEPTH} parts with dots between them (at line {line})")
        found = tomllib.loads(text)
    _check(found, finite=False)
    return found


@contextmanager
def _malformed() -> Iterator[None]:
    """Translate what parsers raise into `Malformed`."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise Malformed(_not_text(error)) from error
    except RecursionError:
        raise Malformed(_too_deep()) from None
    except (Malformed, json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise Malformed(str(error)) from error
    except ValueError as error:  # Python's own limit of digits
        raise Malformed(_too_long()) from error


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Malformed(f"the key {twice!r} stands twice in one object")
    return found


def _no_number(text: str) -> object:
    raise Malformed(f"{text} is no number in JSON")


def _check(document: object, *, finite: bool) -> None:
    """Raise `Malformed` for a document beyond the limits; go through it level by level, without recursion."""
    level: list[object] = [[document]]
    for _ in range(DEPTH + 1):
        values: list[object] = []
        for each in level:
            if isinstance(each, dict):
                _check_texts(each)
                values.extend(each.values())
            elif isinstance(each, list):
                values.extend(each)
        _check_texts([value for value in values if isinstance(value, str)])
        whole = [value for value in values if isinstance(value, int)]
        if whole and not -_MOST < min(whole) <= max(whole) < _MOST:
            raise Malformed(_too_long())
        if finite and not all(map(math.isfinite, [value for value in values if isinstance(value, float)])):
            raise Malformed("a number is too large for a float of 64 bits")
        level = [value for value in values if isinstance(value, (dict, list))]
        if not level:
            return
    raise Malformed(_too_deep())


def _check_texts(texts: Iterable[str]) -> None:
    try:
        "".join(texts).encode()
    except UnicodeEncodeError as error:
        raise Malformed("half a character (a lone surrogate) stands in a text") from error


def _not_text(error: UnicodeDecodeError) -> str:
    return f"not UTF-8 text: {error.reason} at byte {error.start}"


def _too_deep() -> str:
    return f"nested deeper than {DEPTH} levels"


def _too_long() -> str:
    return f"a whole number has more than {DIGITS} digits"
