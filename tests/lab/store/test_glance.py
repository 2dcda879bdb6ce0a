"""The list of records, from their files alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import StoreError
from lab.store import Store
from lab.store.glance import KINDS, Glance, Side, find, ids, last, newest, one, path_of, start_of
from tests.saved_answers import saved_run
from tests.saved_checks import CHECKED, CUT

FIRST, SECOND = "018f0000-0000-7000-8000-000000000001", "018f0000-0001-7000-8000-000000000002"
LATER = "018f0000-0002-7000-8000-00000000000"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with two runs."""
    opened = Store(tmp_path)
    saved_run(opened, FIRST)
    saved_run(opened, SECOND, minute=1)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "../../../etc"),
        ("scenario", "x" * 100_000),
        ("status", None),
        ("build", ["b"]),
        ("build_line", 10**39),
        ("started_utc", {}),
        ("device", True),
    ],
)
def test_a_record_with_a_field_that_is_no_name_hides_no_other(
    store: Store, field: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left out and named; a text of 100,000 characters would push all others off the screen."""
    path = store.root / "runs" / SECOND / "run.json"
    document = json.loads(path.read_text())
    document["run"][field] = value
    path.write_text(json.dumps(document))

    assert [each.id for each in newest(store.root)] == [FIRST]
    (warning,) = caplog.messages
    assert f"{path}: damaged, not a run: " in warning and len(warning) < 400


def test_what_is_no_record_says_what_was_wanted_and_what_to_do(store: Store) -> None:
    """In the words of JSON, not of Python."""
    path = store.root / "runs" / SECOND / "run.json"
    for content, words in (("[]", "wanted an object, found list"), ("{}", "'run' is missing")):
        path.write_text(content)
        with pytest.raises(StoreError, match=rf"damaged, not a run: {words}; restore it from a copy, or move it"):
            one(store.root, "run", SECOND)
    path.unlink()
    path.mkdir()
    with pytest.raises(
        StoreError, match=r"wanted a regular file, found a folder; restore it from a copy, or move"
    ):
        one(store.root, "run", SECOND)


@pytest.mark.parametrize("name", ["../x", "a/b", "a\x00b", "", "²", "x" * 5_000, "..", "a\nb"])
def test_an_id_in_a_record_is_no_way_out_of_the_data_root(tmp_path: Path, name: str) -> None:
    """A comparison names its runs: nothing outside is read, and nothing is written there."""
    with pytest.raises(StoreError, match=r"wanted the id of a run, of letters and digits, found"):
        path_of(tmp_path, "run", name)


def test_runs_are_listed_newest_first(store: Store) -> None:
    """With what their files say."""
    build = (Side("tiny", "b" * 64),)

    assert list(newest(store.root)) == [
        Glance("run", SECOND, "2026-01-01T00:01:00.000Z", "null", "", build, "host", "finished", (SECOND,), ""),
        Glance("run", FIRST, "2026-01-01T00:00:00.000Z", "null", "", build, "host", "finished", (FIRST,), ""),
    ]


def test_a_comparison_is_listed_with_the_builds_of_its_sides(store: Store) -> None:
    """One that measured nothing has none."""
    store.save_comparison(replace(CUT, id=LATER + "1", baseline_run=FIRST, candidate_run=SECOND))
    store.save_comparison(replace(CUT, id=LATER + "2", baseline_run="", candidate_run=""))

    refused, measured = list(newest(store.root))[:2]

    assert (measured.kind, measured.runs, measured.part_of) == ("comparison", (FIRST, SECOND), "")
    assert measured.builds == (Side("tiny", "b" * 64),) * 2
    assert (refused.runs, refused.builds) == ((), ())


def test_last_is_what_a_user_asked_for(store: Store) -> None:
    """Not the sides of a comparison, the reference runs of a device, or the comparisons of a self-check."""
    own = replace(store.run(SECOND), status="finished")
    store.save_selfcheck(replace(CHECKED, id=LATER + "1"))
    store.save_comparison(replace(CUT, id=CHECKED.live[0].comparison, started_utc="2026-01-02T00:00:01.000Z"))
    store.create_run(replace(own, id=LATER + "2", comparison=LATER + "0"))
    store.create_run(replace(own, id=LATER + "3", suite="acceptance"))

    assert last(store.root).id == LATER + "1"
    assert last(store.root, ("run",)).id == SECOND
    assert {each.id: each.part_of for each in newest(store.root) if each.part_of} == {
        CHECKED.live[0].comparison: f"self-check {LATER}1",
        LATER + "2": f"comparison {LATER}0",
        LATER + "3": "acceptance",
    }
    with pytest.raises(StoreError, match=r"holds no comparison yet .*`lab compare A B --scenario NAME`"):
        last(store.root, ("comparison",))


def test_a_record_of_any_kind_is_found_by_the_start_of_its_id(store: Store) -> None:
    """If only one begins so; the whole id of one is meant even if it begins another's."""
    store.save_comparison(replace(CUT, id=LATER + "1"))
    store.save_selfcheck(replace(CHECKED, id=LATER + "10"))

    assert find(store.root, "018f0000-0001").id == SECOND
    assert find(store.root, LATER + "1").kind == "comparison"
    with pytest.raises(
        StoreError, match=f"2 records have .* the newest of them: comparison {LATER}1, self-check {LATER}10"
    ):
        find(store.root, "018f0000-0002")
    with pytest.raises(StoreError, match="no record has an id that begins 'x'; the newest: run 018f"):
        find(store.root, "x")
    with pytest.raises(StoreError, match="no record has an id that begins ''"):
        find(store.root, "")


def test_the_start_of_an_id_that_is_shown_names_it_alone() -> None:
    """13 characters, or more where two records were made in one millisecond."""
    there = [(each, KINDS[0]) for each in (FIRST, SECOND, "018f0000-0001-7000-9", "019")]

    assert start_of(FIRST, there) == "018f0000-0000"
    assert start_of(SECOND, there) == "018f0000-0001-7000-8"
    assert start_of("019", there) == "019"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"run": {"id": "x"}}', '{"run": 7}', "[" * 5000])
def test_a_damaged_run_hides_no_other(store: Store, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    """It is left out, and a warning names its file."""
    path = store.root / "runs" / SECOND / "run.json"
    path.write_text(damage)

    with caplog.at_level(logging.WARNING):
        assert [found.id for found in newest(store.root)] == [FIRST]

    assert str(path) in caplog.text


def test_a_data_root_that_is_not_there_has_no_run(tmp_path: Path) -> None:
    """Nothing is made, either."""
    assert list(newest(tmp_path / "nowhere")) == []
    assert ids(tmp_path / "nowhere") == []
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("text", ["lst", "lats", "LAST", "latest"])
def test_a_slip_of_the_pen_for_last_is_recognised(tmp_path: Path, text: str) -> None:
    """The start of an id is not taken for one."""
    with pytest.raises(StoreError, match=r"begins '\w+' \(did you mean `last`\?\);"):
        find(tmp_path, text)
    with pytest.raises(StoreError, match="begins '01a2'; the newest"):
        find(tmp_path, "01a2")
