"""The frame around the pages of a site."""

from __future__ import annotations

import re
from pathlib import Path

from lab.report import html
from lab.report.site.frame import About, framed, linked
from lab.report.site.names import links_of

RUN = "01a22a78-16f8-7000-b52b-f24ea074b8f5"
LINKS = links_of({RUN: f"runs/{RUN}.html"})
PAGE = "<head>\n<style>\nb { color:red; }</style>\n</head>\n<body>\n<main>\n<h1>Run</h1>\n</main>\n</body>\n"


def test_a_page_gets_a_bar_its_files_and_a_foot() -> None:
    """All links are relative to where the page lies; the page that is open is marked."""
    about = About("results", "0.1.0", "2026-11-30T06:00:00Z")
    page = framed(PAGE, "incidents.html", LINKS, about, beside=[("as JSON", "runs/a.json")], more="<p>more</p>")

    assert page.index("nav.bar") < page.index("</style>") < page.index("<main>") < page.index('<nav class="bar"')
    assert '<a href="incidents.html" aria-current="page">Incidents</a>' in page
    assert '<a href="runs/a.json">as JSON</a>' in page
    assert page.index("<h1>Run</h1>") < page.index("<p>more</p>") < page.index("<footer") < page.index("</main>")
    assert "Written 2026-11-30 06:00 UTC by pocketlab 0.1.0 from the data root results" in page
    assert '<a href="../about.html">' in framed(PAGE, "runs/x.html", LINKS, about)


def test_the_frame_restyles_nothing_of_the_page_in_it() -> None:
    """Its rules are about classes of its own; those that it shares mean the same."""
    folder = Path(html.__file__).parent
    rules = (folder / "site/style.html").read_text()
    pages = [path.read_text() for path in folder.rglob("*.html") if path.parent.name != "site"]
    classes = {
        name
        for page in pages
        for found in re.findall(r'(?:class|style)="([^"]*)"', page)
        for name in re.findall(r"[a-z][a-z-]*", re.sub(r"{[{%].*?[%}]}", "", found))
    }
    own = set(re.findall(r"\.([a-z][a-z-]*)", re.sub(r"\{[^{}]*\}", "", rules)))

    assert own & classes <= {"meta", "sign", "tally", "prose", "scroll"}


def test_a_record_that_a_page_names_becomes_a_link() -> None:
    """By its whole id or the start of it, in a sentence or in a command; others stay text."""
    page = f"<p>run {RUN}, or <code>lab show {RUN[:13]}</code>, not 0192f3a1-7c4e</p>"

    assert "".join(linked(page, LINKS, "index.html")) == (
        f'<p>run <a href="runs/{RUN}.html">{RUN}</a>, or <code>lab show <a href="runs/{RUN}.html">{RUN[:13]}</a>'
        "</code>, not 0192f3a1-7c4e</p>"
    )


def test_no_link_is_made_where_none_may_stand() -> None:
    """In an attribute, a drawing, a title, a rule of style, or another link."""
    page = f'<p title="{RUN}"><svg><title>{RUN}</title><text>{RUN}</text></svg><a href="x">{RUN}</a><br/></p>'

    assert "".join(linked(page, LINKS, "index.html")) == page
    assert "".join(linked(f"{page}<b>{RUN}</b>", LINKS, "index.html")).count("<a href") == 2
