"""A night as JUnit XML: a test case for each series, failed only by a confirmed regression."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree as Xml

from lab.records import OUTCOMES, Outcome, Value
from lab.report.night.said import Item, from_to, what, where
from lab.report.night.view import KIND, View
from lab.report.wording import plain, quantity

PASSED: tuple[Outcome, ...] = ("no change seen", "not reproduced", "improved")
"""Outcomes of a series with which nothing is wrong; all others but a regression are skipped, with the reason."""


def render_junit(found: View) -> bytes:
    """Return the report as UTF-8; figures are in messages and in system-out, and nothing is in a `time`."""
    night = found.night
    suite = Xml.Element("testsuite", name=_text(found.title), timestamp=_text(night.started_utc[:19]))
    properties = Xml.SubElement(suite, "properties")
    for name, words in (("verdict", found.verdict), *(("mark", each) for each in found.marks)):
        Xml.SubElement(properties, "property", name=name, value=_text(words))
    items = {item.finding.series: item for each in found.sections for item in each.items if item.finding}
    findings = {each.series: each for each in night.findings}
    taken: Counter[str] = Counter()
    for value in found.values:
        finding = findings.get(value.series)
        case = _case(suite, taken, value.series.name, value.series.scenario)
        failing = finding is not None and finding.failing
        _judge(case, value, items.get(value.series), finding.outcome if finding else value.outcome, failing)
    for gap in night.gaps:
        plan = gap.planned
        case = _case(suite, taken, " / ".join((plan.scenario, plan.line, plan.device)), plan.scenario)
        nights = f" ({gap.nights} nights in a row)" if gap.nights > 1 else ""
        Xml.SubElement(case, "skipped", message=_text(f"not measured: {gap.why}{nights}"))
    Xml.SubElement(suite, "system-out").text = _text("\n".join((found.verdict, *found.marks, *found.method)))
    totals = {
        "tests": len(suite.findall("testcase")),
        "failures": len(suite.findall("testcase/failure")),
        "errors": 0,
        "skipped": len(suite.findall("testcase/skipped")),
    }
    root = Xml.Element("testsuites", name="pocketlab")
    for each in (suite, root):
        each.attrib.update({name: str(count) for name, count in totals.items()})
    root.append(suite)
    Xml.indent(root, " ")
    text: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _case(suite: Xml.Element, taken: Counter[str], name: str, scenario: str) -> Xml.Element:
    """Add a test case with a name of its own: names that differ in hidden characters only are numbered."""
    name = _text(name)
    taken[name] += 1
    unique = name if taken[name] == 1 else f"{name} ({taken[name]})"
    return Xml.SubElement(suite, "testcase", classname=_text(scenario).replace(".", "_"), name=unique)


def _judge(case: Xml.Element, value: Value, item: Item | None, outcome: Outcome, failing: bool) -> None:
    said = item.line if item else _line(value, outcome)
    if failing:
        Xml.SubElement(case, "failure", type="regressed", message=_text(said))
    elif outcome not in PASSED:
        Xml.SubElement(case, "skipped", message=_text(f"{OUTCOMES[outcome]}: {said}"))
    Xml.SubElement(case, "system-out").text = _text("\n".join((said, *(item.more if item else ()))))


def _line(value: Value, outcome: Outcome) -> str:
    """Return the line of a series without a finding."""
    usual, metric = value.usual, value.metric
    figures = quantity(value.value, metric.unit) if usual is None else from_to(usual, value.value, metric)
    on = where(value.series, value.context.get(KIND, ""))
    return " · ".join((outcome, what(value.series, metric), on, figures))


def _text(text: str) -> str:
    """Return text that XML 1.0 may hold: no control characters, and neither of its two forbidden others."""
    lines = (plain(line) for line in text.split("\n"))
    return "\n".join(lines).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
