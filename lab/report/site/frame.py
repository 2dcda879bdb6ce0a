"""The frame around every page of a site: a bar above, files beside, and a link wherever a record is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import escape

from lab.report.html import environment
from lab.report.site.names import Links, relative

PAGES = (
    ("index.html", "Morning"),
    ("incidents.html", "Incidents"),
    ("scenarios.html", "Scenarios"),
    ("comparisons.html", "Comparisons"),
    ("devices.html", "Devices"),
    ("quality.html", "Quality"),
    ("about.html", "About"),
)
"""The pages that the bar leads to."""

TAG = re.compile(r"(<[^>]*>)")
NAMED = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}(?:-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?\b")
"""The start of an id, or a whole one, as pages name records."""

UNLINKED = {"a", "style", "title", "svg"}
"""Elements in which no link is made."""


@dataclass(frozen=True)
class About:
    """The site's own facts: the data root's name, the lab's version, when the site was written, and its `mark`.

    The mark must be read with every figure; empty for none.
    """

    name: str
    version: str
    utc: str
    mark: str = ""


def framed(
    page: str, at: str, links: Links, about: About, *, beside: Sequence[tuple[str, str]] = (), more: str = ""
) -> str:
    """Return a page that stands by itself as a page of the site that lies `at`.

    `beside` are labels and files of the site that belong to it, `more` is HTML that follows its content. Every
    name of a record that has a page becomes a link to it. Nothing else changes.
    """
    frame = environment().get_template("site/frame.html").module
    here = [(relative(path, at), label, path == at) for path, label in PAGES]
    files = [(label, relative(path, at)) for label, path in beside]
    mark = "" if str(escape(about.mark)) in page else about.mark
    bar, foot = str(frame.bar(here, files, mark)), str(frame.foot(about, relative("about.html", at)))  # type: ignore[attr-defined]
    style, _, body = page.partition("</style>\n</head>")
    before, _, after = body.partition("<main>")
    content, _, end = after.rpartition("</main>")
    return "".join(
        (
            *(style, environment().get_template("site/style.html").render(), "</style>\n</head>"),
            *(before, "<main>", bar, *linked(content + more, links, at), foot, "</main>", end),
        )
    )


def linked(page: str, links: Links, at: str) -> Iterator[str]:
    """Yield the pieces of HTML, with a link in place of every text that names a record with a page."""
    inside = ""
    for place, piece in enumerate(TAG.split(page)):
        if place % 2:
            name = (
                piece[1:].split(None, 1)[0].strip("/>").lower()
                if piece[1:2].isalpha() or piece[1:2] == "/"
                else ""
            )
            if not inside and name in UNLINKED and piece[1] != "/" and not piece.endswith("/>"):
                inside = name
            elif inside == name and piece[1] == "/":
                inside = ""
            yield piece
        elif inside or "-" not in piece:
            yield piece
        else:
            yield NAMED.sub(lambda found: _link(found[0], links.to(found[0], at)), piece)


def _link(text: str, target: str) -> str:
    return f'<a href="{target}">{text}</a>' if target else text
