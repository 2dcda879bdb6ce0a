"""A night as a mail: a plain part, and HTML with the histories as PNG."""

from __future__ import annotations

import math
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP

from lab.report.html import environment
from lab.report.night.markdown import fitted
from lab.report.night.picture import HEIGHT, WIDTH, history_png
from lab.report.night.said import Item
from lab.report.night.view import View
from lab.report.wording import MARK, plain

MOST_BYTES = 100_000
"""Largest mail: a widely used mail service cuts one at about 102 kB."""

ITEMS, PICTURES = 32, 8
"""Items of a section, and histories that are drawn: judgements."""

SUBJECT = 180
"""Most characters of a subject: a judgement."""


def render_mail(found: View) -> bytes:
    """Return the mail without sender and receivers, which whoever sends it adds; lists are cut to fit the size."""
    return fitted(lambda items: _mail(found, items), ITEMS, MOST_BYTES)


def _mail(found: View, items: int) -> bytes:
    pictures = dict(_pictures(found, min(items, PICTURES)))
    message = EmailMessage(policy=SMTP)
    message["Subject"] = plain(found.subject)[:SUBJECT]
    message["Message-ID"] = (
        f"<{''.join(each for each in found.night.id if each.isalnum() or each in '-.')}@pocketlab>"
    )
    message["X-Generator"] = MARK
    message.set_content("\n".join(_text(found, items)), cte="quoted-printable")
    page = (
        environment()
        .get_template("night/mail.html")
        .render(
            v=found, items=items, pictures={key: name for name, key in _cids(pictures)}, width=WIDTH, height=HEIGHT
        )
    )
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    html = next(part for part in message.iter_parts() if part.get_content_type() == "text/html")
    for name, key in _cids(pictures):
        html.add_related(
            pictures[key], "image", "png", cid=f"<{name}>", filename=f"{name}.png", disposition="inline"
        )
    for number, part in enumerate(each for each in message.walk() if each.is_multipart()):
        part.set_boundary(
            f"=_pocketlab_{number}"
        )  # quoted-printable text has no such characters: the same each time
    return message.as_bytes(policy=SMTP.clone(max_line_length=2 * SUBJECT))  # a folded subject begins with a space


def _cids(pictures: dict[str, bytes]) -> list[tuple[str, str]]:
    return [(f"history-{number}", key) for number, key in enumerate(pictures, start=1)]


def _pictures(found: View, most: int) -> Iterator[tuple[str, bytes]]:
    """Yield the line of an item and the picture of its history, of the first items that have one."""
    drawn = [item for section in found.sections for item in section.items if _values(item)][:most]
    for item in drawn:
        finding = item.finding
        if finding is not None:
            points = [each for each in finding.history if math.isfinite(each.value)]
            drifts = finding.outcome == "trend"
            since = len(points) if drifts else sum(each.date < finding.since for each in points)
            yield item.line, history_png([each.value for each in points], finding.usual, since)


def _values(item: Item) -> bool:
    return item.finding is not None and sum(math.isfinite(each.value) for each in item.finding.history) > 1


def _text(found: View, items: int) -> Iterator[str]:
    yield from (found.verdict, found.title, *(f"! {words}" for words in found.marks))
    for section in found.sections:
        yield from ("", section.title.upper(), section.note)
        shown, more = section.first(items)
        for item in shown:
            yield from ("", item.line, *(f"  {words}" for words in item.more))
        yield from [more] if more else []
    yield from ("", *found.method)
