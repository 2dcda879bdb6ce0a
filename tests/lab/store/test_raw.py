"""Files of older labs are read; damaged ones and those of newer labs are refused by name."""

from __future__ import annotations

from lab.store import Store
from tests.saved_checks import CHECKED


def test_a_self_check_of_an_older_lab_is_read_without_the_figure_that_had_another_meaning(store: Store) -> None:
    """From the index and from the file; what it measured is all there."""
    store.save_selfcheck(CHECKED)
    (file,) = (store.root / "selfchecks").glob("*.json")
    text = file.read_text()
    assert '"smallest_found"' in text
    file.write_text(text.replace('"smallest_found"', '"smallest_visible"'))

    assert store.reindex()["selfchecks"] == 1
    assert store.selfchecks("host") == [CHECKED]
