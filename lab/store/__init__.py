"""Raw files, which are the truth, and their index."""

from lab.store.rows import BuildRow
from lab.store.store import Store

__all__ = ["BuildRow", "Store"]
