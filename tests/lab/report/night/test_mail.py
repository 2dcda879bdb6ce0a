"""A night as a mail: both parts, the pictures, the size."""

from __future__ import annotations

import struct
import zlib
from email import message_from_bytes, policy
from email.message import EmailMessage

from lab.report.night.mail import MOST_BYTES, render_mail
from lab.report.night.picture import HEIGHT, WIDTH, history_png
from lab.report.night.view import View, view_of
from tests.lab.report.night.night_reports import hostile, many, realistic


def read(found: View) -> tuple[EmailMessage, str, str]:
    """Return a mail as a mail program reads it, with its plain text and its HTML."""
    message = message_from_bytes(render_mail(found), policy=policy.default)
    assert isinstance(message, EmailMessage) and not message.defects
    plain, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None and html is not None
    return message, plain.get_content(), html.get_content()


def test_both_parts_say_the_verdict_and_so_does_the_subject() -> None:
    """The first line of the plain part, the first paragraph of the other."""
    view = view_of(*realistic())
    message, plain, html = read(view)

    assert message["Subject"] == view.subject
    assert plain.splitlines()[0] == view.verdict and view.verdict in html


def test_a_mail_rendered_twice_is_the_same() -> None:
    """No boundary is drawn by chance."""
    assert render_mail(view_of(*realistic())) == render_mail(view_of(*realistic()))


def test_pictures_are_png_that_the_html_names() -> None:
    """Eight histories at most; each is shown once."""
    message, _, html = read(view_of(*realistic()))
    pictures = [each for each in message.walk() if each.get_content_type() == "image/png"]

    assert len(pictures) == 8
    for each in pictures:
        assert html.count(f'src="cid:{each["Content-ID"].strip("<>")}"') == 1
        assert each.get_content().startswith(b"\x89PNG\r\n")
    assert "<svg" not in html and "<script" not in html and "http" not in html


def test_a_mail_is_never_cut_by_its_reader() -> None:
    """Ten thousand findings: the list is cut instead, with a sentence."""
    found = view_of(*many(10_000))
    _, plain, html = read(found)

    assert len(render_mail(found)) <= MOST_BYTES == 100_000
    assert " more: see report.html" in plain and " more: see report.html" in html


def test_no_name_adds_a_header_or_a_tag() -> None:
    """A suite whose name has a line break, a device that is a script."""
    message, _, html = read(view_of(*hostile()))

    assert sorted(message.keys()) == ["Content-Type", "MIME-Version", "Message-ID", "Subject", "X-Generator"]
    assert "<script" not in html and "\x1b" not in html


def test_the_picture_is_a_png_of_its_size() -> None:
    """By the format's own rules: a checksum a chunk, and as many pixels as the header says."""
    png = history_png([20.0, 20.2, 19.9, 18.0], 20.0, 3)
    place, chunks = 8, {}
    while place < len(png):
        (size,), kind = struct.unpack(">I", png[place : place + 4]), png[place + 4 : place + 8]
        data = png[place + 8 : place + 8 + size]
        assert struct.unpack(">I", png[place + 8 + size : place + 12 + size])[0] == zlib.crc32(kind + data)
        chunks[kind] = data
        place += 12 + size

    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (WIDTH, HEIGHT)
    pixels = zlib.decompress(chunks[b"IDAT"])
    assert len(pixels) == HEIGHT * (WIDTH + 1)
    assert set(pixels) == {0, 1, 2, 3}, "background, nights before, nights since, the usual level"
