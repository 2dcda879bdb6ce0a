"""An incident as text to paste into a bug tracker."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from lab.records import Incident, Member, Night, Value
from lab.report.night.said import SHORT_ID, member_words, named, of_finding
from lab.report.night.view import DEMO
from lab.report.wording import number_of, plain


def tracker_text(incident: Incident, night: Night, values: Sequence[Value] = ()) -> str:
    """Return the evidence of an incident: builds with hashes, series, pairs, commands, versions.

    `values` are the figures of the night; they name the software of the devices. What has names in it is indented,
    so that a tracker which reads Markdown shows it as it is.
    """
    count = len(incident.members)
    span = f"r{incident.good.revision} and r{incident.bad.revision}"
    blocks = [
        [plain(f"[perf] {count} series of {named(incident.line)} got worse between {span}"), *_marked(incident)],
        ["Builds. The cause lies after the first and not after the second:"],
        [f"    {each.name}: {each.id}" for each in (incident.good, incident.bad)],
        ["Series, with the change that a comparison confirmed:"],
        [f"    {words}" for each in incident.members for words in (member_words(each), *_back(each))],
        *_findings(incident, night),
        ["To see the pairs, and to measure again:"],
        [f"    {words}" for words in dict.fromkeys(each for m in incident.members for each in _commands(m, incident))],
        [f"    lab incidents show {incident.id[:SHORT_ID]}"],
        ["Versions:"],
        [f"    {words}" for words in _versions(incident, night, values)],
    ]
    return "\n\n".join("\n".join(plain_line(line) for line in lines) for lines in blocks if lines) + "\n"


def plain_line(line: str) -> str:
    """Return a line without anything hidden; its indent stays."""
    return plain(line)


def _marked(incident: Incident) -> list[str]:
    return [DEMO] if incident.demo else []


def _back(member: Member) -> list[str]:
    return [f"  it came back: lab show {member.back[:SHORT_ID]}"] if member.back else []


def _findings(incident: Incident, night: Night) -> Iterator[list[str]]:
    """Yield what the night found of the incident's series."""
    found = [each for each in night.findings if each.incident == incident.id]
    if found:
        yield [f"Found in the night of {night.date}:"]
        items = map(of_finding, found)
        yield [f"    {words}" for item in items for words in (item.line, *(f"  {more}" for more in item.more[:-1]))]


def _commands(member: Member, incident: Incident) -> Iterator[str]:
    if member.comparison:
        yield f"lab show {member.comparison[:SHORT_ID]}"
    sides = [incident.good.id[:12], incident.bad.id[:12]]
    yield shlex.join(
        ["lab", "compare", *sides, "--scenario", member.series.scenario, "--device", member.series.device]
    )


def _versions(incident: Incident, night: Night, values: Sequence[Value]) -> Iterator[str]:
    yield f"pocketlab {version('pocketlab')}; incident {incident.id}; night {night.id} of {night.date}"
    wanted = {member.series for member in incident.members}
    told = {
        each.series.device: ", ".join(f"{name} {word}" for name, word in sorted(each.context.items()))
        for each in values
        if each.series in wanted
    }
    yield from (f"{named(device)}: {facts}" for device, facts in sorted(told.items()))
    if told:
        yield f"{number_of(len(told), 'device')}, as in that night"
