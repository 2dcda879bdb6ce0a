"""The index can be rebuilt from the files, in any database, and other data roots may share it."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import sqlalchemy as sa

from lab.device.fake.build import write_fake_build
from lab.errors import StoreError
from lab.store import Store, tables
from lab.store.kinds import RunGroup, RunRow
from lab.store.raw import RunFile, encode
from tests.night_records import incident, night
from tests.saved_checks import CHECKED
from tests.saved_runs import comparison_of, dump, other_build, reopened, run_of, trial_of, write


def test_reindexing_rebuilds_an_identical_index_from_the_files(store: Store, tmp_path: Path) -> None:
    """Also when the index is gone altogether."""
    write_fake_build(tmp_path / "build")
    build = store.add_build(tmp_path / "build", "nano")
    store.add_build(tmp_path / "build", "other")
    store.set_baseline("nano", build.id)
    for run_id in ("a0", "a1"):
        store.create_run(run_of(run_id))
        store.save_trial(run_id, trial_of(1))
        store.save_trial(run_id, trial_of(2, valid=False))
    store.finish_run("a0", "finished")
    before = dump(store)

    assert store.reindex() == {
        "build": 2,
        "run": 2,
        "trial": 4,
        "comparison": 0,
        "self-check": 0,
        "night": 0,
        "incident": 0,
    }
    assert dump(store) == before
    assert [len(before[name]) for name in ("builds", "medians", "runs", "trials")] == [2, 4, 2, 4]
    store.close()
    for path in store.root.glob("index.sqlite*"):
        path.unlink()
    assert store.reindex() == {
        "build": 2,
        "run": 2,
        "trial": 4,
        "comparison": 0,
        "self-check": 0,
        "night": 0,
        "incident": 0,
    }
    assert dump(store) == before


def test_the_index_holds_the_median_of_each_trial(store: Store) -> None:
    """Of 1, 4 and 2 it is 2; of 0.5, 0.5 and 0.25 it is 0.5."""
    store.create_run(run_of("a0"))
    store.save_trial("a0", trial_of(1))

    assert dump(store)["medians"] == [("a0", 1, "encode_s", 3, 2.0), ("a0", 1, "vit_s", 3, 0.5)]


@pytest.mark.parametrize("url", ["nonsense", "nonsense://here"])
def test_a_url_that_is_none_is_refused_in_words(tmp_path: Path, url: str) -> None:
    """Whatever SQLAlchemy calls it; lists come from the files all the same."""
    with closing(Store(tmp_path, url)) as store:
        assert store.runs() == []
        with pytest.raises(StoreError, match=r"SQLAlchemy (does not know|cannot use) the index's URL"):
            store.reindex()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://bob:sekret@127.0.0.1:1/x",
        "postgresql://127.0.0.1:1/x?user=bob&password=sekret",
        "postgresql://127.0.0.1:1/x?passfile=sekret&connect_timeout=1",
        "postgresql://bob:x@sekret@127.0.0.1:1/x",
        "postgresql://bob:sekret@127.0.0.1:sekret/x",
        "nosuch://bob:sekret@h/x",
        "bob:sekret@h",
    ],
)
def test_no_message_tells_the_password_of_an_index(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever it stands in the URL, and whatever is wrong with it; nor does it tell the user."""
    pytest.importorskip("psycopg", reason="the PostgreSQL driver is not installed")
    with closing(Store(tmp_path, url)) as store:
        store.runs()
        with pytest.raises(StoreError) as found:
            store.reindex()

    told = f"{found.value} {caplog.text}"
    assert "index" in told
    assert "sekret" not in told
    assert "bob" not in told


def test_the_index_may_be_a_postgresql_database(postgres: str, tmp_path: Path) -> None:
    """Tables, builds, two writers at once, comparisons, self-checks and reindexing work as in SQLite."""
    store = Store(tmp_path / "data", postgres)
    build = store.add_build(other_build(tmp_path / "1", "one"), "nano")
    store.set_baseline("nano", build.id)
    store.create_run(run_of())
    writers = [write(store, run_of().id, first, 20, postgres) for first in (1, 101)]
    for writer in writers:
        with writer:
            assert writer.stdout is not None
            assert len(writer.stdout.readlines()) == 20
    store.finish_run(run_of().id, "finished")
    for status in ("running", "finished"):  # saved again after each pair
        store.save_comparison(comparison_of(1, status))
        store.save_selfcheck(replace(CHECKED, status=status))

    assert [(row.id, row.baseline) for row in store.builds()] == [(build.id, True)]
    for _ in range(2):
        assert [run.status for run in store.runs()] == ["finished"]
        assert store.comparisons() == [comparison_of(1)]
        assert store.selfchecks("host") == [CHECKED]
        assert store.selfchecks("virtual-1") == []
        assert store.reindex() == {
            "build": 1,
            "run": 1,
            "trial": 40,
            "comparison": 1,
            "self-check": 1,
            "night": 0,
            "incident": 0,
        }
    assert not (store.root / "index.sqlite").exists()
    store.close()


# --- several data roots on one index -----------------------------------------------------------------


def test_roots_that_share_an_index_see_only_their_own(shared: str, tmp_path: Path) -> None:
    """The same run and the same builds lie in both, in lines of one name and another order."""
    with closing(Store(tmp_path / "a", shared)) as ours, closing(Store(tmp_path / "b", shared)) as theirs:
        for store, order in ((ours, ("1", "2")), (theirs, ("2", "1"))):
            for name in order:
                store.add_build(other_build(tmp_path / name, name), "nano")
        ours.set_baseline("nano", ours.find_build("nano").id)
        ours.create_run(run_of("a0"))
        ours.save_trial("a0", trial_of(1))
        shutil.copytree(ours.root / "runs" / "a0", theirs.root / "runs" / "a0")
        ours.create_run(run_of("a1"))
        ours.save_comparison(comparison_of(1))
        ours.save_selfcheck(CHECKED)
        assert theirs.reindex() == {
            "build": 2,
            "run": 1,
            "trial": 1,
            "comparison": 0,
            "self-check": 0,
            "night": 0,
            "incident": 0,
        }
        before = dump(ours, shared), dump(theirs, shared)

        assert [run.id for run in ours.runs()] == ["a1", "a0"]
        assert [run.id for run in theirs.runs()] == ["a0"]
        assert (len(ours.comparisons()), len(ours.selfchecks())) == (1, 1)
        assert (theirs.comparisons(), theirs.selfchecks()) == ([], [])
        assert [row.id for row in ours.builds()] == [row.id for row in reversed(theirs.builds())]
        assert [[row.baseline for row in store.builds()] for store in (ours, theirs)] == [
            [False, True],
            [False, False],
        ]
        theirs.finish_run("a0", "finished")
        assert dump(ours, shared) == before[0]
        assert dump(theirs, shared) != before[1]


def _measured(store: Store) -> None:
    """Save runs of three groups: in the first the newest is finished, in the second not, in the third none is."""
    saved: list[tuple[str, str, str, Literal["running", "finished", "failed"]]] = [
        ("vit_batch", "host", "nano", "running"),
        ("vit_batch", "host", "nano", "finished"),
        ("vit_batch", "host", "Nano-w8", "finished"),
        ("vit_batch", "host", "Nano-w8", "failed"),
        ("decode", "x100 'a'; --", "nano", "running"),
    ]
    for number, (scenario, device, line, status) in enumerate(saved):
        found = run_of(f"{9 - number}", f"2026-01-0{number + 1}T00:00:00.000Z")  # ids fall, times rise
        store.create_run(replace(found, scenario=scenario, device=device, build_line=line, status=status))


GROUPS = [
    RunGroup("decode", "x100 'a'; --", "nano", newest="5", finished=""),
    RunGroup("vit_batch", "host", "Nano-w8", newest="6", finished="7"),
    RunGroup("vit_batch", "host", "nano", newest="8", finished="8"),
]


def test_runs_are_grouped_by_what_was_measured_where(shared: str, tmp_path: Path) -> None:
    """Each group names its newest run, and the newest finished one; another root's runs are in none."""
    with closing(Store(tmp_path / "a", shared)) as ours, closing(Store(tmp_path / "b", shared)) as theirs:
        assert ours.run_groups() == []
        theirs.create_run(replace(run_of("a0"), scenario="load"))
        _measured(ours)

        assert ours.run_groups() == GROUPS
        assert [group.scenario for group in theirs.run_groups()] == ["load"]


def test_runs_are_listed_without_their_documents(shared: str, tmp_path: Path) -> None:
    """Newest first, only those that were asked for, and at most so many."""
    with closing(Store(tmp_path, shared)) as store:
        _measured(store)

        found = store.run_rows(scenario="vit_batch", device="host")
        assert [row.id for row in found] == ["6", "7", "8", "9"]
        assert store.run_rows(2, scenario="vit_batch", device="host") == found[:2]
        assert found[2] == RunRow(
            "8", "vit_batch", "host", "nano", "b" * 64, "2026-01-02T00:00:00.000Z", "finished"
        )


def test_runs_are_grouped_from_their_files_where_the_index_fails(store: Store) -> None:
    """The lists are the same."""
    _measured(store)
    groups, rows = store.run_groups(), store.run_rows(2, device="host")
    store.close()
    with closing(Store(store.root, "nonsense://here")) as broken:
        assert broken.run_groups() == groups == GROUPS
        assert broken.run_rows(2, device="host") == rows


def test_a_rebuild_replaces_only_the_rows_of_its_own_root(shared: str, tmp_path: Path) -> None:
    """Rows that the rebuilding root lost its files of are gone, all others stay."""
    with closing(Store(tmp_path / "a", shared)) as ours, closing(Store(tmp_path / "b", shared)) as theirs:
        for store in (ours, theirs):
            store.add_build(other_build(tmp_path / "build", "one"), "nano")
            store.create_run(run_of("a0"))
            store.save_trial("a0", trial_of(1))
            store.save_comparison(comparison_of(1))
            store.save_selfcheck(CHECKED)
            store.save_night(night())
            store.save_incident(incident())
        before = dump(ours, shared)
        assert all(before.values())
        shutil.rmtree(theirs.root / "runs" / "a0")

        assert theirs.reindex() == {
            "build": 1,
            "run": 0,
            "trial": 0,
            "comparison": 1,
            "self-check": 1,
            "night": 1,
            "incident": 1,
        }
        assert [name for name, rows in dump(theirs, shared).items() if not rows] == ["runs", "trials", "medians"]
        assert dump(ours, shared) == before


def test_a_run_of_another_root_is_answered_with_the_place_where_it_lies(shared: str, tmp_path: Path) -> None:
    """A comparison too. An id that no other root knows is answered as ever, also one whose files are gone."""
    with closing(Store(tmp_path / "a", shared)) as ours, closing(Store(tmp_path / "b", shared)) as theirs:
        theirs.create_run(run_of("b_0"))
        theirs.save_comparison(comparison_of(1))
        words = re.escape(f"lies in another data root, the folder {theirs.root} on host {socket.gethostname()}")
        todo = re.escape(f"on that host, use `--data {theirs.root}`")

        with pytest.raises(StoreError, match=f"no run has .*; run b_0 {words} .*{todo}"):
            ours.run("b_")
        with pytest.raises(StoreError, match=f"comparison {comparison_of(1).id} {words} .*{todo}"):
            ours.comparison("018f")
        ours.create_run(run_of("a0"))
        shutil.rmtree(ours.root / "runs" / "a0")
        for unknown in ("a0", "c", "b%", "bx", ""):
            with pytest.raises(StoreError, match="no run has an id that begins") as caught:
                ours.run(unknown)
            assert "another data root" not in str(caught.value)


def test_roots_may_open_an_empty_database_at_the_same_moment(shared: str, tmp_path: Path) -> None:
    """Each makes the tables that it finds missing, or uses those of another that was first."""
    stores = [Store(tmp_path / str(number), shared) for number in range(8)]
    for number, store in enumerate(stores):
        (store.root / "runs" / "a0").mkdir()
        text = encode(RunFile(record=run_of("a0", f"2026-01-0{number + 1}T00:00:00.000Z")))
        (store.root / "runs" / "a0" / "run.json").write_bytes(text)
    with ThreadPoolExecutor(len(stores)) as pool:
        found = list(pool.map(lambda store: store.runs(), stores))
    for store in stores:
        store.close()

    assert [[run.started_utc[9] for run in runs] for runs in found] == [[str(n)] for n in range(1, 9)]


# --- an index of another version -----------------------------------------------------------------------

MADE_BY_ALEMBIC = """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);
INSERT INTO alembic_version VALUES ('0002');
CREATE TABLE builds (line TEXT NOT NULL, revision INTEGER NOT NULL, position INTEGER NOT NULL, id TEXT NOT NULL,
    model TEXT NOT NULL, recipe TEXT NOT NULL, added_utc TEXT NOT NULL, baseline BOOLEAN NOT NULL,
    PRIMARY KEY (line, revision));
CREATE TABLE runs (id TEXT NOT NULL PRIMARY KEY, scenario TEXT NOT NULL, suite TEXT NOT NULL, build TEXT NOT NULL,
    build_line TEXT NOT NULL, device TEXT NOT NULL, started_utc TEXT NOT NULL, ended_utc TEXT,
    status TEXT NOT NULL, document TEXT NOT NULL);
CREATE INDEX runs_started_utc ON runs (started_utc);
CREATE TABLE trials (run TEXT NOT NULL, number INTEGER NOT NULL, block INTEGER NOT NULL, cell TEXT NOT NULL,
    valid BOOLEAN NOT NULL, reason TEXT, started_utc TEXT NOT NULL, wall_s DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (run, number));
CREATE TABLE medians (run TEXT NOT NULL, number INTEGER NOT NULL, metric TEXT NOT NULL,
    iterations INTEGER NOT NULL, median DOUBLE PRECISION NOT NULL, PRIMARY KEY (run, number, metric));
CREATE TABLE verdicts (comparison TEXT NOT NULL, cell TEXT NOT NULL, started_utc TEXT NOT NULL,
    status TEXT NOT NULL, dimension TEXT NOT NULL, scenario TEXT NOT NULL, metric TEXT NOT NULL,
    device TEXT NOT NULL, baseline_run TEXT NOT NULL, candidate_run TEXT NOT NULL, verdict TEXT NOT NULL,
    change DOUBLE PRECISION, low DOUBLE PRECISION, high DOUBLE PRECISION, p DOUBLE PRECISION NOT NULL,
    pairs INTEGER NOT NULL, PRIMARY KEY (comparison, cell));
CREATE INDEX verdicts_started_utc ON verdicts (started_utc);
CREATE TABLE comparisons (id TEXT NOT NULL PRIMARY KEY, started_utc TEXT NOT NULL, status TEXT NOT NULL,
    document TEXT NOT NULL);
CREATE INDEX comparisons_started_utc ON comparisons (started_utc);
CREATE TABLE selfchecks (id TEXT NOT NULL PRIMARY KEY, device TEXT NOT NULL, started_utc TEXT NOT NULL,
    status TEXT NOT NULL, document TEXT NOT NULL);
CREATE INDEX selfchecks_device ON selfchecks (device, started_utc);
INSERT INTO runs VALUES ('a0', 'vit_batch', 'quick', 'b0', 'nano-w4', 'host', '2026-01-01T00:00:00.000Z', NULL,
    'finished', '{}');
INSERT INTO trials VALUES ('a0', 1, 0, 'a', TRUE, NULL, '2026-01-01T00:00:01.000Z', 9.5);
INSERT INTO medians VALUES ('a0', 1, 'encode_s', 3, 2.0)
"""
"""An index as the lab made it with alembic, at its last step."""


def test_an_index_made_with_alembic_is_built_anew_from_the_files(
    shared: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line announces it; everything that the files hold is there; the old tables stay as they are."""
    with closing(Store(tmp_path / "data")) as store:
        build = store.add_build(other_build(tmp_path / "build", "one"), "nano")
        store.set_baseline("nano", build.id)
        store.create_run(run_of("a0"))
        store.save_trial("a0", trial_of(1))
        store.finish_run("a0", "finished")
        store.save_comparison(comparison_of(1))
        store.save_selfcheck(CHECKED)
        wanted = dump(store)
    engine = sa.create_engine(shared)
    with engine.begin() as connection:
        for statement in MADE_BY_ALEMBIC.split(";"):
            connection.exec_driver_sql(statement)

    for _ in range(2):
        with closing(Store(tmp_path / "data", shared)) as store:
            assert dump(store, shared) == wanted
    (told,) = caplog.messages
    assert re.search("was written by another version of pocketlab: building a new one .*nothing is lost", told)
    with engine.connect() as connection:
        kept = [
            connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar() for name in ("runs", "medians")
        ]
    assert kept == [1, 1]
    engine.dispose()


def test_an_index_of_a_newer_lab_is_left_as_it_is(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Its tables have other names: this lab neither reads nor changes them, and builds its own."""
    store.create_run(run_of("a0"))
    store.close()
    engine = sa.create_engine(f"sqlite:///{store.root / 'index.sqlite'}")
    with engine.begin() as connection:
        for table in tables.metadata.sorted_tables:
            newer = table.name.replace(f"v{tables.VERSION}", "v999")
            connection.exec_driver_sql(f"ALTER TABLE {table.name} RENAME TO {newer}")
            for index in table.indexes:
                connection.exec_driver_sql(f"DROP INDEX {index.name}")

    assert [run.id for run in store.runs()] == ["a0"]
    store.create_run(run_of("a1"))
    assert "was written by another version of pocketlab" in caplog.text
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT id FROM pocketlab_v999_runs").scalars().all() == ["a0"]
    engine.dispose()


def _garbage(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def _torn(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:4096] + bytes(range(251)) * ((len(data) - 4096) // 251))


def _newer_sqlite(path: Path) -> None:
    """The two bytes that say which version of SQLite may read and write a file (its format, section 1.3.3)."""
    data = path.read_bytes()
    path.write_bytes(data[:18] + b"\x09\x09" + data[20:])


def _another_table(path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE {tables.runs.name}")
        connection.exec_driver_sql(f"CREATE TABLE {tables.runs.name} (id TEXT)")
    engine.dispose()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [_garbage, _truncated, _torn, _newer_sqlite, _another_table, _folder])
def test_an_index_that_cannot_be_used_is_rebuilt_as_the_warning_says(
    spoil: Callable[[Path], None], store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Lists come from the files until then; the old file is kept aside, and nothing is measured in vain."""
    store.create_run(run_of("a0"))
    wanted = dump(store)
    store.close()
    for left in store.root.glob("index.sqlite-*"):
        left.unlink()
    spoil(store.root / "index.sqlite")

    with reopened(store) as again:
        again.update_run(run_of("a0"))
        assert again.runs() == [run_of("a0")]
    assert "`lab reindex` builds it anew from the files" in caplog.text
    with reopened(store) as again:
        assert again.reindex()["run"] == 1
        assert len(list(store.root.glob("index.sqlite.unusable-*"))) == 1
        assert dump(again) == wanted


def test_an_index_that_the_user_named_is_never_set_aside(tmp_path: Path) -> None:
    """It may be anything."""
    named = tmp_path / "thesis.sqlite"
    _garbage(named)
    with (
        closing(Store(tmp_path / "data", f"sqlite:///{named}")) as store,
        pytest.raises(StoreError, match=r"thesis\.sqlite: file is not a database; move that file away"),
    ):
        store.reindex()
    assert named.read_bytes().startswith(b"no database")
