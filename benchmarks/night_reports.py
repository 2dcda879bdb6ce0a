"""The reports of a large night: CPU time and bytes of each format.

A night of 10,000 series on 50 devices is rendered with findings for 250, and with one for each, which no night
has. Claim: all formats together take less than 20 s of CPU time, and each stays below its limit of size.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from lab.report.document import as_json
from lab.report.night.document import night_document
from lab.report.night.files import STEP_SUMMARY
from lab.report.night.junit import render_junit
from lab.report.night.mail import MOST_BYTES, render_mail
from lab.report.night.markdown import CHECK_BYTES, render_markdown
from lab.report.night.page import render_page
from lab.report.night.view import View, view_of
from tests.lab.report.night.night_reports import many

SERIES, MOST_S = 10_000, 20.0

FORMATS: dict[str, tuple[Callable[[View], str | bytes], float]] = {
    "JSON": (lambda view: as_json([night_document(view, view.values)]), float("inf")),
    "Markdown, check": (render_markdown, CHECK_BYTES),
    "Markdown, step summary": (lambda view: render_markdown(view, most=STEP_SUMMARY), STEP_SUMMARY),
    "page": (render_page, float("inf")),
    "mail": (render_mail, MOST_BYTES),
    "JUnit": (render_junit, 30e6),
}
"""Format -> how it is rendered, and its most bytes."""


def run(folder: Path) -> bool:
    """Print a line for each format, in seconds of CPU time; True if all are fast and small enough."""
    met = True
    for told in (250, SERIES):
        night, values = many(SERIES, told=told)
        began = time.process_time()
        view = view_of(night, values)
        print(f"  {SERIES} series, {told} with a finding: sentences {time.process_time() - began:.2f} s")
        for name, (render, most) in FORMATS.items():
            start = time.process_time()
            text = render(view)
            size = len(text if isinstance(text, bytes) else text.encode())
            fine = "" if size <= most else " NOT MET"
            print(f"    {name}: {time.process_time() - start:.2f} s, {size:,} bytes{fine}", flush=True)
            met = met and not fine
        whole = time.process_time() - began
        print(f"    in all {whole:.2f} s{'' if whole < MOST_S else ' NOT MET'}")
        met = met and whole < MOST_S
    return met
