"""Whatever text comes from outside: a document, or one message that says what is wrong; never anything else."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.documents.strict import DEPTH, DIGITS, Malformed, json_of, toml_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet="abcäß"), inner),
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"[" * 200_000, "nested deeper than 64 levels"),
        (b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1), "nested deeper than 64 levels"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "nested deeper than 64 levels"),
        (b"9" * 5_000, "a whole number has more than 40 digits"),
        (b"-" + b"9" * (DIGITS + 1), "a whole number has more than 40 digits"),
        (b"[1e400]", "a number is too large for a float of 64 bits"),
        (b"[NaN]", "NaN is no number in JSON"),
        (b"-Infinity", "-Infinity is no number in JSON"),
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' stands twice in one object"),
        (b'"\\ud800"', "half a character"),
        (b'{"\\udfff": 1}', "half a character"),
        (b'"\xed\xa0\x80"', "not UTF-8 text: invalid continuation byte at byte 1"),
        (b"\xff", "not UTF-8 text: invalid start byte at byte 0"),
        (b"", r"Expecting value: line 1 column 1 \(char 0\)"),
        (b"{}{}", r"Extra data: line 1 column 3 \(char 2\)"),
    ],
)
def test_json_beyond_the_limits_is_malformed(text: bytes, words: str) -> None:
    """Depth, digits, numbers that are none, keys twice, halves of characters, bytes that are no text."""
    with pytest.raises(Malformed, match=words):
        json_of(text)


def test_json_at_the_limits_is_read() -> None:
    """The deepest document and the longest number."""
    deepest = json_of(b"[" * DEPTH + b"]" * DEPTH)

    assert str(deepest) == "[" * DEPTH + "]" * DEPTH
    assert json_of(b"9" * DIGITS) == 10**DIGITS - 1
    assert json_of('{"\\ud83d\\ude00": [true, null, -1.5]}') == {"\U0001f600": [True, None, -1.5]}


def test_pythons_own_words_for_infinity_are_read_on_request() -> None:
    """The lab's quick records use them."""
    assert json_of("[Infinity]", finite=False) == [math.inf]


@given(JSON)
def test_every_other_json_is_what_it_was(document: object) -> None:
    """Whatever the standard library writes, within the limits."""
    assert json_of(json.dumps(document).encode()) == document


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = " + "[" * 100_000, "nested deeper than 64 levels"),
        ("x = " + "[" * 65 + "]" * 65, "nested deeper than 64 levels"),
        ("x = " + "{a=" * 2_000 + "1" + "}" * 2_000, "nested deeper than 64 levels"),
        ("b = 1\na" + ".a" * 100_000 + " = 1", r"a key of more than 64 parts .* \(at line 2\)"),
        ("[a" + ' . "b c"' * 64 + "]", "a key of more than 64 parts"),
        ("x = " + "9" * 5_000, "a whole number has more than 40 digits"),
        ("x = 0x" + "f" * 5_000, "a whole number has more than 40 digits"),
        ("x = 1\nx = 2", "Cannot overwrite a value"),
        ('x = "\\ud800"', "Escaped character is not a Unicode scalar value"),
    ],
)
def test_toml_beyond_the_limits_is_malformed(text: str, words: str) -> None:
    """A dotted key nests too, and takes the standard library minutes."""
    with pytest.raises(Malformed, match=words):
        toml_of(text)


def test_toml_may_hold_infinity_and_long_texts() -> None:
    """Infinity is a value of TOML; dots in a text are no key."""
    words = "so it is. " * 99

    assert toml_of(f"x = inf\ny = '{words}'\nz.a = 1") == {"x": math.inf, "y": words, "z": {"a": 1}}
