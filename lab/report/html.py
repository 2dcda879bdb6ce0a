"""The Jinja environment of every HTML page."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from lab.report import wording


@cache
def environment() -> jinja2.Environment:
    """Return the environment that renders pages: it escapes all text and knows the words of the report.

    One is enough: it keeps the templates that it compiled, which takes longer than to render one.
    """
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(plain=wording.plain, said=said)
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


_CODE = re.compile(r"`([^`]+)`|(?<![\w-])(--[a-z][a-z-]*)")


def said(text: str) -> Markup:
    """Return a sentence for a page: escaped, with the commands and options in it set as code."""
    return Markup(
        _CODE.sub(lambda found: f"<code>{found[1] or found[2]}</code>", str(escape(wording.plain(text))))
    )
