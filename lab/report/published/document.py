"""The literature beside ours for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab.records import Reference, System
from lab.report.published.view import Claim, View


@dataclass(frozen=True)
class PublishedDocument:
    """Every claim with our newest rows. `value` and `interval` are in `unit`; nothing is computed from both."""

    result: Literal["published"]
    sentence: str
    systems: tuple[System, ...]
    claims: tuple[Claim, ...]
    references: tuple[Reference, ...]


def published_document(view: View) -> PublishedDocument:
    """Return the view for programs."""
    return PublishedDocument("published", view.sentence, view.systems, view.claims, view.references)
