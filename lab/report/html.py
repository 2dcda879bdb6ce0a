"""The Jinja environment of every HTML page."""

from __future__ import annotations

from pathlib import Path

import jinja2

from lab.report import wording


def environment() -> jinja2.Environment:
    """Return the environment that renders pages: it escapes all text and knows the words of the report."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(plain=wording.plain)
    found.globals.update(
        quantity=wording.quantity,
        kind_of=wording.kind_of,
        on_device=wording.on_device,
        device_note=wording.device_note,
        origin=wording.origin,
        published=wording.PUBLISHED,
        mark=wording.MARK,
    )
    return found
