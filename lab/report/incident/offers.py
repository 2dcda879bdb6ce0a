"""The commands that find the cause of an incident, and what each of them would cost. Pure: no I/O."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from lab.identifiers import seconds
from lab.records import Incident
from lab.report.incident.confirmed import Confirmed
from lab.report.wording import lasting, number_of

SHORT_BUILD = 12
"""Characters of a build's id in a command."""


@dataclass(frozen=True)
class Offer:
    """A command, what it is for, and what it costs in device time, with how that was estimated."""

    what: str
    command: str
    cost: str


def offers(incident: Incident, series: Sequence[Confirmed]) -> tuple[Offer, ...]:
    """Return the commands about the series that changed most; the prices are those of the incident's own pairs."""
    worst = incident.worst
    own = next((each for each in series if each.member == worst), None)
    scenario, device = worst.series.scenario, worst.series.device
    good, bad = incident.good.id[:SHORT_BUILD], incident.bad.id[:SHORT_BUILD]
    where = ["--scenario", scenario, "--device", device]
    bisect = ["lab", "bisect", incident.line, *where, "--good", good, "--bad", bad, "--cell", worst.series.cell]
    price, how = _price(series)
    return (
        Offer("evidence", shlex.join(["lab", "show", worst.comparison]), "measures nothing"),
        Offer("which build", shlex.join(bisect), _bisect_words(incident, price, how)),
        Offer(
            "measure it again",
            shlex.join(["lab", "compare", good, bad, *where]),
            _again_words(price, how, own.cells if own else 0),
        ),
        Offer("for a colleague", shlex.join(["lab", "bundle", incident.id]), "measures nothing"),
    )


def _price(series: Sequence[Confirmed]) -> tuple[float, str]:
    """Return the device-seconds of a comparison like those of the incident (0: unknown), and how that is known."""
    known = [each for each in series if each.pair_s and each.pairs]
    if not known:
        return 0.0, ""
    pairs = ceil(median(len(each.pairs) for each in known))
    pair_s = median(each.pair_s for each in known)
    return pairs * pair_s, (
        f"{number_of(pairs, 'pair')} of {seconds(pair_s)}, the medians of this incident's {len(known)} series, "
        "waits left out"
    )


_UNKNOWN = "its cost is unknown: no trial of the comparisons that confirmed it could be read"


def _again_words(price: float, how: str, cells: int) -> str:
    if not price:
        return _UNKNOWN
    if cells <= 1:
        more = "" if cells else "; how many cells the scenario has is unknown"
        return f"about {lasting(price)} of device time: {how}{more}"
    return (
        f"about {lasting(cells * price)} of device time: the scenario has {cells} cells, of about "
        f"{lasting(price)} each: {how}"
    )


def _bisect_words(incident: Incident, price: float, how: str) -> str:
    """Return the cost of halving: the binary logarithm of the builds between, rounded up, times a comparison."""
    good, bad = incident.good.revision, incident.bad.revision
    if not good or not bad:
        return "its cost is unknown: the line is not known to hold both builds"
    between = bad - good - 1
    if between < 1:
        return f"nothing to halve: no build lies between r{good} and r{bad}, so r{bad} brought it"
    if not price:
        return _UNKNOWN
    steps = between.bit_length()
    return (
        f"about {lasting(steps * price)} of device time: {number_of(between, 'build')} between, so at most "
        f"{number_of(steps, 'comparison')} of {how}; and the two ends again if their comparison cannot be used"
    )
