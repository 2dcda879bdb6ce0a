"""An incident as text to paste into a bug tracker."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from lab.records import Incident, Night, Value
from lab.report.night.said import SHORT_ID, member_words, named, of_finding
from lab.report.night.view import DEMO
from lab.report.wording import plain


def tracker_text(incident: Incident, night: Night | None, values: Sequence[Value] = ()) -> str:
    """Return the evidence of an incident: builds with hashes, series, pairs, commands, versions.

    `night` is one that found it; None if the data root has lost it. `values` are its figures; they name the
    software of the devices. What has names in it is indented, so that a tracker which reads Markdown shows it as
    it is.
    """
    span = f"builds r{incident.good.revision} and r{incident.bad.revision}"
    blocks = {
        f"[perf] {len(incident.members)} series got worse between {span}": [DEMO] if incident.demo else [],
        "The cause lies after the first build and not after the second:": [
            f"{each.name}: {each.id}" for each in (incident.good, incident.bad)
        ],
        "The series, and the change that a comparison confirmed:": list(_series(incident, night)),
        "To see the pairs, and to measure again:": list(dict.fromkeys(_commands(incident))),
        "Versions:": list(_versions(incident, night, values)),
    }
    lines = [
        "\n\n".join([head, "\n".join(f"    {plain(line)}" for line in found)]) for head, found in blocks.items()
    ]
    return "\n\n".join(map(str.rstrip, lines)) + "\n"


def _series(incident: Incident, night: Night | None) -> Iterator[str]:
    """Yield the lines of a member: as tonight found it, else as the incident keeps it."""
    findings = night.findings if night else ()
    tonight = {each.series: each for each in findings if each.incident == incident.id}
    for member in incident.members:
        if found := tonight.get(member.series):
            item = of_finding(found)
            yield item.line
            yield from (f"  {words}" for words in item.more)
        else:
            yield member_words(member)
        if member.back:
            yield f"  It came back: `lab show {member.back[:SHORT_ID]}`."


def _commands(incident: Incident) -> Iterator[str]:
    yield f"lab incidents show {incident.id[:SHORT_ID]}"
    sides = [incident.good.id[:12], incident.bad.id[:12]]
    for member in incident.members:
        if member.comparison:
            yield f"lab show {member.comparison[:SHORT_ID]}"
        where = ["--scenario", member.series.scenario, "--device", member.series.device]
        yield shlex.join(["lab", "compare", *sides, *where])


def _versions(incident: Incident, night: Night | None, values: Sequence[Value]) -> Iterator[str]:
    found = f"night {night.id} of {night.date}" if night else f"night of {incident.night}"
    yield f"pocketlab {version('pocketlab')}; incident {incident.id}; {found}"
    wanted = {member.series for member in incident.members}
    contexts = {each.series.device: each.context for each in values if each.series in wanted}
    for device, facts in sorted(contexts.items()):
        yield f"{named(device)}: {', '.join(f'{name} {word}' for name, word in sorted(facts.items()))}"
