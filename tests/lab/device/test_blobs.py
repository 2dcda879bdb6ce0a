"""The ledger of a device's proven blobs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lab.device import blobs
from lab.device.blobs import Entry, Stat

STATS = st.builds(Stat, st.integers(0, 2**40), st.integers(-(2**31), 2**40), st.integers(0, 2**50))


ENTRIES = st.builds(Entry, STATS, st.integers(0, 10**9), st.integers(0, 10**9))


SHAS = st.binary(min_size=32, max_size=32).map(bytes.hex)


@given(st.dictionaries(SHAS, ENTRIES, max_size=5))
def test_a_ledger_reads_as_it_was_written(entries: dict[str, Entry]) -> None:
    """Every line comes back."""
    assert blobs.parsed(blobs.ledger("a-boot", entries).decode().splitlines()) == entries


@given(st.lists(st.text(max_size=100), max_size=5))
def test_a_ledger_with_garbage_proves_nothing(lines: list[str]) -> None:
    """It raises nothing; lines that are not ours are ignored."""
    assert blobs.parsed(lines) == {}
    assert blobs.parsed(["pocketlab-ledger 1 boot", *lines]) == {}
