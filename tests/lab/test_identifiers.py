"""Ids sort by the time they were made; people have names."""

from __future__ import annotations

from lab.identifiers import new_run_id, person


def test_run_ids_are_uuids_of_version_7_that_sort_by_time() -> None:
    """The time of RFC 9562, appendix A.6 (2022-02-22 19:22:22 UTC) gives its first 48 bits, 017F22E279B0."""
    moment = 1_645_557_742_000_000_000
    ids = [new_run_id(moment + microsecond * 1000) for microsecond in range(1000)]

    assert ids[0].startswith("017f22e2-79b0-7000-")
    assert ids == sorted(ids)
    assert all(run_id[14] == "7" and run_id[19] in "89ab" for run_id in ids)


def test_a_person_is_a_user_on_a_machine() -> None:
    """Who acted is known from the process, without a login."""
    user, _, machine = person().partition("@")

    assert user and machine
