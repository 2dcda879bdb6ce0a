"""A night as JUnit XML: what fails, what is skipped, and that any reader can read it."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree as Xml

from lab.records import Night, Value
from lab.report.night.junit import render_junit
from lab.report.night.view import view_of
from tests.lab.report.night.night_reports import hostile, many, realistic

MOST_BYTES = 30_000_000


def parsed(night: Night, values: list[Value]) -> Xml.Element:
    """Return the parsed XML, checked against what readers of JUnit rely on."""
    root = Xml.fromstring(render_junit(view_of(night, values)))
    (suite,) = root
    cases = suite.findall("testcase")
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    assert [each.tag for each in suite if each.tag != "testcase"] == ["properties", "system-out"]
    assert suite.get("tests") == root.get("tests") == str(len(cases))
    for name, tag in (("failures", "failure"), ("skipped", "skipped")):
        assert suite.get(name) == str(len(suite.findall(f"testcase/{tag}")))
    assert len({each.get("name") for each in cases}) == len(cases), "names are unique"
    assert not any(each.get("time") for each in root.iter())
    assert all(len([x for x in case if x.tag != "system-out"]) <= 1 for case in cases)
    return suite


def test_only_a_confirmed_regression_fails() -> None:
    """Suspects, trends, what the build did not do and what was not measured are skipped, with the reason."""
    suite = parsed(*realistic())
    what = Counter(
        next((each.tag for each in case if each.tag != "system-out"), "passed") for case in suite.iter("testcase")
    )

    assert what == {"failure": 4, "skipped": 5 + 3, "passed": 91}
    message = suite.findall("testcase/failure")[0].get("message", "")
    assert "21.4 → 19.9 tokens/s, 7.5 % slower (95 % interval" in message
    messages = [each.get("message") for each in suite.findall("testcase/skipped")]
    assert "not measured: x100-05 did not answer (3 nights in a row)" in messages


def test_the_suite_states_the_verdict() -> None:
    """As a property, and in its output."""
    suite = parsed(*realistic())
    verdict = view_of(*realistic()).verdict

    assert suite.find("properties/property").get("value") == verdict  # type: ignore[union-attr]
    assert (suite.findtext("system-out") or "").startswith(verdict)


def test_figures_are_in_the_output_of_every_series() -> None:
    """A series without a change too."""
    last = list(parsed(*realistic()).iter("testcase"))[50]

    assert (last.findtext("system-out") or "").endswith("412 → 20.0 tokens/s")


def test_hostile_names_are_text() -> None:
    """Nothing that XML forbids, and two names that differ in what is hidden only stay two."""
    night, values = hostile()
    twin = values[0].series.__class__(**{**values[0].series.__dict__, "device": values[0].series.device + "\x01"})
    both = [values[0], values[0].__class__(**{**values[0].__dict__, "series": twin})]
    suite = parsed(night, both)

    assert len(suite.findall("testcase")) == 3 and "<script>" in suite.findall("testcase")[0].get("name", "")


def test_five_thousand_series_stay_small_enough() -> None:
    """A CI server reads 30 MB."""
    assert len(render_junit(view_of(*many(5000)))) < MOST_BYTES
