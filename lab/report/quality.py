"""How good the lab itself is: its rates of error, each with its n and its source, and the noise of its series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from lab.compare.tally import tally
from lab.records import Comparison, Incident, Night, SelfCheck, Tally
from lab.report.selfcheck import lower, upper
from lab.report.steady import Level, Nights, level_of
from lab.report.trust import by_kind, days_between, labels_of, record_of
from lab.report.wording import kind_words, number_of, plain, stated


@dataclass(frozen=True)
class Sum:
    """A night's counts. Of the `suspects`, `confirmed` were real when measured again, `refuted` were not
    reproduced, `open` could not be told, and `waiting` were not measured again.

    `first` is the build that each line measured: line -> the build's id.
    """

    date: str
    planned: int
    gaps: int
    suspects: int
    confirmed: int
    refuted: int
    open: int
    waiting: int
    noisy: bool
    first: Mapping[str, str]


@dataclass(frozen=True)
class Rate:
    """A rate of the lab's own: `k` of `n`, in `words` with its exact one-sided 95 % bound, and its source."""

    name: str
    words: str
    k: int
    n: int
    source: str


@dataclass(frozen=True)
class Noise:
    """The noise of a series; the smallest change that its newest comparison could find, and when (None: none)."""

    found: Nights
    level: Level
    smallest: float | None
    seen: str


def sum_of(night: Night) -> Sum:
    """Return the counts of a night. Pure: no I/O."""
    suspects = [each for each in night.findings if each.screens]
    return Sum(
        date=night.date,
        planned=len(night.planned),
        gaps=len(night.gaps),
        suspects=len(suspects),
        confirmed=sum(each.outcome in ("regressed", "improved") for each in suspects),
        refuted=sum(each.outcome == "not reproduced" for each in suspects),
        open=sum(each.outcome == "cannot tell" for each in suspects),
        waiting=sum(each.outcome == "suspected" for each in suspects),
        noisy=night.noisy,
        first={line: build.id for line, build in night.builds.items()},
    )


def rates_of(checks: Sequence[SelfCheck], incidents: Sequence[Incident], nights: Sequence[Sum]) -> list[Rate]:
    """Return the lab's rates: of false verdicts and slow-downs found on each kind of device, of labels and nights;
    then of each device.
    """
    devices = sorted({each.device for each in checks})
    of_each = [
        rate
        for device in devices
        if len(devices) > 1
        for rate in _verdicts([each for each in checks if each.device == device], plain(f" on {device}"))
    ]
    kinds = by_kind(checks)
    of_kinds = (
        [rate for kind, own in kinds.items() for rate in _verdicts(own, f" on {kind_words(kind)}")]
        if len(kinds) > 1
        else _verdicts(checks)
    )
    return [*of_kinds, *_labels(incidents), *_nights(nights), *of_each]


def alert_days(incidents: Sequence[Incident], nights: Sequence[Sum]) -> dict[str, int]:
    """Return incident -> the days from the first night of its build to the alert, where that night is known.

    It is not for an older incident, nor for a build of the oldest of these nights: that one may have begun before.
    """
    oldest = min((each.date for each in nights), default="")
    first: dict[tuple[str, str], str] = {}
    for night in sorted(nights, key=lambda each: each.date):
        for pair in night.first.items():
            first.setdefault(pair, night.date)
    known = {each.id: first.get((each.line, each.bad.id)) for each in incidents}
    return {
        each.id: days_between(begun, each.night)
        for each in incidents
        if (begun := known[each.id]) and oldest < begun <= each.night
    }


def alert_words(incidents: Sequence[Incident], nights: Sequence[Sum]) -> str:
    """Return in a sentence how long the alerts of these nights took."""
    oldest = min((each.date for each in nights), default="9999")
    begun = number_of(sum(each.night >= oldest for each in incidents), "incident")
    took = sorted(alert_days(incidents, nights).values())
    if not took:
        return (
            f"How long an alert takes is not known: {begun} began in these nights, none with a known first night."
        )
    same = sum(each == 0 for each in took)
    return (
        f"From a build's first night to its alert: median {median(took):g} days, {same} of "
        f"{number_of(len(took), 'alert')} in the same night, the longest {number_of(took[-1], 'day')} "
        f"(known for {len(took)} of {begun} that began in these nights)."
    )


def noises_of(series: Iterable[Nights], comparisons: Sequence[Comparison]) -> list[Noise]:
    """Return the noise of every series, noisiest first; `comparisons` are newest first.

    The smallest change is that of the newest comparison of builds on the same cell and device.
    """
    smallest: dict[tuple[str, str, str, str], tuple[float, str]] = {}
    for comparison in comparisons:
        for cell in comparison.cells:
            if cell.smallest_found is not None and comparison.dimension == "build":
                at = (comparison.device, comparison.scenario, cell.cell, comparison.metric)
                smallest.setdefault(at, (cell.smallest_found, comparison.started_utc[:10]))
    found: list[Noise] = []
    for each in series:
        level, key = level_of(each), each.series
        if level is not None:
            least, seen = smallest.get((key.device, key.scenario, key.cell, key.metric), (None, ""))
            found.append(Noise(each, level, least, seen))
    return sorted(found, key=lambda each: -(each.level.noise or 0.0))


def lost_rows(tallies: Sequence[Tally]) -> list[tuple[Tally, int]]:
    """Return each tally of trials that did not count, most first, beside all trials of its device and scenario."""
    total: dict[tuple[str, str], int] = {}
    for each in tallies:
        total[each.device, each.scenario] = total.get((each.device, each.scenario), 0) + each.trials
    lost = [(each, total[each.device, each.scenario]) for each in tallies if each.reason]
    return sorted(lost, key=lambda pair: (-pair[0].trials, pair[0].device, pair[0].scenario, pair[0].reason))


def _verdicts(own: Sequence[SelfCheck], where: str = "") -> Iterator[Rate]:
    """Yield the rates of live comparisons of self-checks, named by `where`: what was injected is known there."""
    source = f"{number_of(len(own), 'self-check')}, live comparisons that were judged"
    k, n = record_of(own)
    yield Rate(f"equal builds called changed{where}", upper(k, n), k, n, source)
    for size in sorted({each.inject.slow_down for each in own}):
        counts = [tally(each) for each in own if each.inject.slow_down == size]
        k, n = sum(each.found for each in counts), sum(each.slowed for each in counts)
        yield Rate(f"slow-downs of {stated(size - 1)} found{where}", lower(k, n), k, n, source)


def _labels(incidents: Sequence[Incident]) -> Iterator[Rate]:
    invalid, expected, alerted = labels_of(incidents)
    source = "what people said of incidents; those without a word count as right"
    yield Rate("alerts marked invalid", upper(invalid, alerted, "none alerted"), invalid, alerted, source)
    yield Rate("alerts marked expected", f"{expected} of {alerted}", expected, alerted, "a change that was meant")


def _nights(nights: Sequence[Sum]) -> Iterator[Rate]:
    if not nights:
        return
    over = number_of(len(nights), "night")
    suspects = sum(each.suspects for each in nights)
    kinds = (
        ("suspects confirmed", sum(each.confirmed for each in nights), "measured again, and real"),
        ("suspects not reproduced", sum(each.refuted for each in nights), "measured again, and not seen"),
        ("suspects undecided", sum(each.open for each in nights), "measured again, and not clear"),
        ("suspects without a second measurement", sum(each.waiting for each in nights), "no time, or no way"),
    )
    for name, k, means in kinds:
        yield Rate(name, f"{k} of {suspects}", k, suspects, f"{means}; {over}")
    noisy = sum(each.noisy for each in nights)
    yield Rate("noisy nights", f"{noisy} of {len(nights)}", noisy, len(nights), "most suspects did not confirm")
    gaps, planned = sum(each.gaps for each in nights), sum(each.planned for each in nights)
    yield Rate("planned runs not measured", f"{gaps} of {planned}", gaps, planned, over)
