"""The tables of the index keep the roots apart, and a change of them is a new version."""

from __future__ import annotations

import hashlib

from lab.store import tables


def test_rows_of_two_roots_never_collide() -> None:
    """The root is part of every key and of every index; only the list of roots has none."""
    assert {*tables.OWNED, tables.roots} == set(tables.metadata.sorted_tables)
    for table in tables.OWNED:
        assert next(iter(table.primary_key)).name == "root", table
        assert all(next(iter(index.columns)).name == "root" for index in table.indexes), table


def test_a_changed_table_has_another_version() -> None:
    """An index that has tables of this version is not looked at again, so none of them may change.

    If this fails because you changed a table: raise `tables.VERSION`, and put version and hash here.
    """
    columns = [
        (table.name, column.name, str(column.type), column.nullable, column.primary_key)
        for table in tables.metadata.sorted_tables
        for column in table.columns
    ]

    assert (tables.VERSION, hashlib.sha256(str(columns).encode()).hexdigest()[:16]) == (6, "3004c6ac333f5177")
