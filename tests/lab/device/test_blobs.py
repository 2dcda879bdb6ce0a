"""The ledger of a device's proven blobs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from lab.device import blobs
from lab.device.blobs import Entry, Stat
from lab.device.fake.phone import FakePhone, fake_device
from lab.device.transport import Completed
from lab.errors import DeviceError

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


class Hostile(FakePhone):
    """A phone whose shell prints what the test says."""

    printed = ""

    def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Print it."""
        return Completed(0, self.printed, "")


ODD = ["²", "9" * 5000, "-1", "1e400", "\ud800", "\0", "", "a b", "٣"]
SHA = "0" * 64


@given(st.lists(st.one_of(st.text(max_size=40), st.sampled_from(ODD)), min_size=5, max_size=5))
@example(["²", "1", "1", "1", "1"])
@example(["9" * 5000, "1", "1", "1", "1"])
@example(["1", "1", "9" * 5000, "1", "1"])
@example(["1", "1", "1", "9" * 5000, "1"])
def test_whatever_a_device_says_of_its_folder_is_a_device_error(words: list[str]) -> None:
    """Sizes, times, free space and the ledger come from the phone."""
    phone = Hostile({})
    first, second, size, time, inode = words
    file = f"file {size} {time} {inode} blobs/{SHA}"
    phone.printed = f"boot b\nfree {first} {second}\n{file}\nledger pocketlab-ledger 1 b\nledger {SHA} {size}\n"
    with suppress(DeviceError):
        blobs.survey(fake_device(phone), 1)
    phone.printed = f"boot b\nfree 1 1\n{file}\n"
    blobs.survey(fake_device(phone), 1)
    blobs.digests(fake_device(phone), 1, "blobs", {SHA: 1})
