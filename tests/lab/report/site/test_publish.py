"""Sites of whole data roots."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import Browser, Page

from lab.records import Night, Value, plain
from lab.report.site.names import page_of
from lab.report.site.publish import _hiding, publish
from lab.store import Store
from tests.lab.report.incident.incident_records import BAD_RUN, GOOD_RUN
from tests.lab.report.night.night_reports import hostile
from tests.lab.report.site.sites import UTC, site_of, small_store, walked
from tests.night_records import COMPARISON, INCIDENT

OWN_RUN = "018f0000-0000-7000-8000-000000000001"


def words(site: Path, page: str = "index.html") -> str:
    """Return the text of a page, without tags."""
    return re.sub(
        r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]*>", "", (site / page).read_text(), flags=re.DOTALL)
    )


def test_an_empty_data_root_has_a_site_that_says_so(tmp_path: Path) -> None:
    """With the commands that help."""
    found = site_of(Store(tmp_path / "data"), tmp_path / "site")

    assert "Nothing was measured in this data root yet." in words(tmp_path / "site")
    assert "lab run" in words(tmp_path / "site") and "lab nightly" in words(tmp_path / "site")
    assert walked(tmp_path / "site") == {
        f"{name}.html"
        for name in ("index", "incidents", "scenarios", "comparisons", "devices", "quality", "about")
    }
    assert (found.files, found.left) == (8, ())


def test_every_number_leads_to_its_trials(tmp_path: Path) -> None:
    """From the index to the incident, from there to the comparison, whose sides list every trial."""
    site_of(small_store(tmp_path / "data"), tmp_path / "site")
    site = tmp_path / "site"

    assert f'href="incidents/{INCIDENT}.html"' in (site / "index.html").read_text()
    assert f'href="../comparisons/{COMPARISON}.html"' in (site / f"incidents/{INCIDENT}.html").read_text()
    comparison = (site / f"comparisons/{COMPARISON}.html").read_text()
    assert f'href="../runs/{GOOD_RUN}.html"' in comparison and f'href="../runs/{BAD_RUN}.html"' in comparison
    assert f'href="{BAD_RUN}-why.html"' in (site / page_of("run", BAD_RUN)).read_text()
    assert len((site / f"runs/{BAD_RUN}-why.csv").read_text().splitlines()) == 1 + 6


def test_the_same_lies_beside_a_page_for_programs(tmp_path: Path) -> None:
    """As `lab show --json` and `lab nightly report --format json` print it."""
    site_of(small_store(tmp_path / "data"), tmp_path / "site")

    for name, result in (
        ("nights/2026-11-29", "night"),
        (f"runs/{OWN_RUN}", "answer"),
        (f"runs/{OWN_RUN}-why", "explanation"),
        (f"comparisons/{COMPARISON}", "verdict"),
    ):
        document = json.loads((tmp_path / "site" / f"{name}.json").read_text())
        assert document["results"][0]["result"] == result


def test_the_first_page_says_what_the_night_says(tmp_path: Path) -> None:
    """Its sentence, its gap with the reason, its incident; the newest answers are on a page of their own."""
    site_of(small_store(tmp_path / "data"), tmp_path / "site")
    first = words(tmp_path / "site")

    assert "1 incident: 1 series regressed. 2 series analysed, 1 planned run not measured" in first
    assert "phone-3 did not answer, 2 nights in a row" in first
    assert "decode" in first and "× regressed" in first
    assert "What does the lab cost?" in words(tmp_path / "site", "scenarios.html")


def test_what_is_known_of_the_lab_itself_is_told(tmp_path: Path) -> None:
    """Whether the night can be trusted, each device with its state, and that no self-check was made."""
    site_of(small_store(tmp_path / "data"), tmp_path / "site")

    assert "Can the night be trusted?" in words(tmp_path / "site")
    assert "phone-3: silent, 2 nights in a row: did not answer." in words(tmp_path / "site")
    assert "phone-3 (unknown)∅ silent: Silent for 2 nights: did not answer." in words(
        tmp_path / "site", "devices.html"
    )
    assert "No self-check has compared a build with itself" in words(tmp_path / "site", "quality.html")
    assert "0 of 20 trials of the month before the newest run did not count." in words(
        tmp_path / "site", "quality.html"
    )


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    """The limit keeps what matters most: both sides of the comparison behind the open incident."""
    found = site_of(small_store(tmp_path / "data"), tmp_path / "site", runs=2)

    assert {path.name for path in (tmp_path / "site/runs").glob("*[0-9a-f].html")} == {
        f"{GOOD_RUN}.html",
        f"{BAD_RUN}.html",
    }
    assert "Named by these pages and left out: 1 run." in words(tmp_path / "site")
    assert found.left[0].startswith("Named by these pages and left out: 1 run.")
    walked(tmp_path / "site")


def test_a_damaged_run_has_a_page_that_says_so(tmp_path: Path) -> None:
    """The rest of the site is written, and the path of the data root is nobody's business."""
    store = small_store(tmp_path / "data")
    path = store.root / "runs" / GOOD_RUN / "run.json"
    path.write_text(path.read_text().replace('"seed"', '"sown"'))
    found = site_of(store, tmp_path / "site")

    page = words(tmp_path / "site", page_of("run", GOOD_RUN))
    assert f"run {GOOD_RUN} could not be shown" in page and "data/runs/" in page
    assert any(GOOD_RUN in each for each in found.left)
    assert f"Left out: run {GOOD_RUN}" in words(tmp_path / "site")
    walked(tmp_path / "site")
    _says_no_path(tmp_path / "site", tmp_path)


def test_a_record_is_named_once_however_many_pages_need_it(tmp_path: Path) -> None:
    """A damaged run may be an answer, the newest of its device, and behind a page of its own."""
    store = small_store(tmp_path / "data")
    (store.root / "runs" / OWN_RUN / "run.json").write_text("{")
    told: list[str] = []
    publish(store, tmp_path / "site", nights=1, runs=9, utc=UTC, tell=told.append)

    assert len(told) == len(set(told)) and any(OWN_RUN in each for each in told)


def test_an_index_that_fails_leaves_counts_unknown(tmp_path: Path) -> None:
    """Everything else is read from the files."""
    small_store(tmp_path / "data").close()
    site_of(Store(tmp_path / "data", f"sqlite:///{tmp_path}/gone/index"), tmp_path / "site")

    assert "Unknown: the index could not count them." in words(tmp_path / "site", "quality.html")
    assert "1 incident: 1 series regressed" in words(tmp_path / "site")
    walked(tmp_path / "site")


def test_a_damaged_night_is_left_out(tmp_path: Path) -> None:
    """The incident and the runs are still there."""
    store = small_store(tmp_path / "data")
    store.nights()
    next((store.root / "nights").glob("*/night.json")).write_text("{")
    site_of(store, tmp_path / "site")

    assert "Left out: the night of 2026-11-29" in words(tmp_path / "site")
    assert f"incidents/{INCIDENT}.html" in walked(tmp_path / "site")


def test_hostile_names_are_text_on_every_page_and_name_no_file(tmp_path: Path) -> None:
    """Of devices, lines, suites, owners and sentences."""
    night, values = hostile()
    night = plain.loads(Night, plain.dumps(night).replace(r"\ud800", ""))  # no file can hold half a character
    values = [plain.loads(Value, plain.dumps(each).replace(r"\ud800", "")) for each in values]
    site_of(small_store(tmp_path / "data", night, tuple(values)), tmp_path / "site")
    files = walked(tmp_path / "site")

    assert {path.relative_to(tmp_path / "site").as_posix() for path in (tmp_path / "site").rglob("*.html")} == {
        name for name in files if name.endswith(".html")
    }
    assert all(re.fullmatch(r"[A-Za-z0-9_./-]+", name) for name in files)
    for path in (tmp_path / "site").rglob("*.html"):
        page = path.read_text()
        assert not re.search(r"<(script|img|b onmouse|iframe)", page), path
        assert "\x1b" not in page and "\u202e" not in page, path


def test_the_rack_has_a_site_without_a_dead_link(rack: Path, tmp_path: Path) -> None:
    """Weeks of nights: every page is reached from the first, and none names a path of this machine."""
    found = site_of(Store(rack), tmp_path / "site", nights=10)
    reached = walked(tmp_path / "site")

    assert len(reached) == found.files - 1  # all but the manifest
    for page in filter(lambda name: name.endswith(".html"), reached):
        assert words(tmp_path / "site", page).count("Demonstration: no figure here says anything") >= 1, page
    assert "24 older nights: lab publish --out FOLDER --nights N shows more." in words(tmp_path / "site")
    _says_no_path(tmp_path / "site", rack)


def heard(page: Page) -> tuple[list[str], list[str]]:
    """Return lists that fill: what a page says on its console, and what it asks for."""
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    return said, asked


def _says_no_path(site: Path, *roots: Path) -> None:
    for path in site.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert not any(str(root) in text for root in (*roots, site)), path


def test_a_browser_reads_the_site_from_files(rack: Path, tmp_path: Path, browser: Browser) -> None:
    """From the first page to an incident, its comparison, a run: nothing else is loaded, nothing is cut off."""
    site_of(Store(rack), tmp_path / "site", nights=2)
    for width in (1280, 390):
        page = browser.new_page(viewport={"width": width, "height": 900})
        said, asked = heard(page)
        page.goto((tmp_path / "site/index.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("link", name="Incidents").click()
        for link in (
            "a[href^='incidents/']",
            "a[href^='../comparisons/']",
            "a[href^='../runs/']",
            "a[href$='-why.html']",
        ):
            page.locator(f"main {link}").first.click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url
        assert "Why the trials of" in page.inner_text("h1")
        assert said == [] and asked and all(url.startswith("file://") for url in asked)
        page.close()


def test_the_path_of_a_data_root_is_hidden_in_sentences_too(tmp_path: Path) -> None:
    """As a whole word, before a colon or at an end; a longer name and a closing tag stay."""
    root = tmp_path / "data"
    said = f"{root}: no run has; in {root}. And {root}/runs/x; not {root}2, {root}-old, {root}.zip"

    assert _hiding(root, "data")(said) == (
        f"data: no run has; in data. And data/runs/x; not {root}2, {root}-old, {root}.zip"
    )
    assert _hiding(Path("/code"), "code")('<code>/code/x</code> <a href="../code/x">') == (
        '<code>code/x</code> <a href="../code/x">'
    )
