"""The files of a night's report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.files import disk_errors, make_folder, write_atomically
from lab.records import Night, Value
from lab.report.document import as_json
from lab.report.night.document import night_document
from lab.report.night.junit import render_junit
from lab.report.night.mail import render_mail
from lab.report.night.markdown import render_markdown
from lab.report.night.page import render_page
from lab.report.night.tracker import tracker_text
from lab.report.night.view import view_of

STEP_SUMMARY = 2**20 - 1
"""Most bytes of a GitHub step summary, which is dropped whole beyond 1 MiB."""


def write_reports(folder: Path, night: Night, values: Sequence[Value]) -> list[Path]:
    """Write a night's report in every format to a folder, and return the files, each complete or absent.

    Raises `StoreError` and `DiskFull`.
    """
    found = view_of(night, values)
    texts = {
        "report.json": as_json([night_document(found, values)]),
        "report.md": render_markdown(found, most=STEP_SUMMARY),
        "report.html": render_page(found),
        "report.eml": render_mail(found),
        "junit.xml": render_junit(found),
        **{f"incident-{each.id}.txt": tracker_text(each, night, values) for each in night.incidents},
    }
    paths = {folder / Path(name).name: text for name, text in texts.items()}
    with disk_errors("write the report of a night", folder):
        make_folder(folder)
        for path, text in paths.items():
            write_atomically(path, text if isinstance(text, bytes) else text.encode())
    return list(paths)
