"""Raw files, which are the truth, and their index.

`Store` and `BuildRow` are imported when first used: the modules beside them are used without a database too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.store.lines import BuildRow
    from lab.store.store import Store

__all__ = ["BuildRow", "Store"]


def __getattr__(name: str) -> object:
    """Import what `__all__` names (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lab.store import store  # noqa: PLC0415 - the reason for this function

    return getattr(store, name)
