"""Another policy tried on nights that were measured: what it would have looked at again, and alerted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.nightly.incidents import as_of
from lab.nightly.screen import Known, beyond, screened
from lab.records import BuildAt, Finding, Night, Series
from lab.scenario.nights import Policy
from lab.store import Store
from lab.store.history import past_of

Screening = Callable[[Night, Policy], Sequence[Series]]
"""Return the series of a night that the screens pass on under a policy."""


@dataclass(frozen=True)
class DryNight:
    """A night under the policy it had, and under another: pairs are (then, would be).

    `unmeasured` counts the suspects that nobody measured again, so that what they are is not known. `lost` are the
    confirmed regressions that would not have been alerted.
    """

    date: str
    series: int
    suspects: tuple[int, int]
    alerts: tuple[int, int]
    unmeasured: int
    lost: tuple[Finding, ...]


def dry_run(
    store: Store, policy: Policy, nights: int = 30, screen: Screening | None = None
) -> tuple[DryNight, ...]:
    """Return the last nights of the newest suite under another policy, oldest first; nothing is measured or saved.

    A regression that a comparison confirmed counts as an alert if the policy passes it on and it is at least the
    policy's `least`. Screens are run again on the stored figures, unless `screen` is given. Raises `StoreError`.
    """
    finished = store.nights(status="finished")
    alike = [row.id for row in finished if row.suite == finished[0].suite][:nights]
    look = screen or screening(store)
    return tuple(_dry(night, policy, look(night, policy)) for night in map(store.night, reversed(alike)))


def screening(store: Store) -> Screening:
    """Return the lab's own screens, on the figures of stored nights and with the incidents that these met."""
    incidents = store.incidents()
    baselines = {each.line: BuildAt(each.id, each.line, each.revision) for each in store.builds() if each.baseline}

    def screen(night: Night, policy: Policy) -> Sequence[Series]:
        met = as_of((each for each in incidents if each.demo == night.demo), night.date)
        found = screened(store.values(night.id), Known(past_of(store, night), met, policy, baselines), night)
        return [each.value.series for each in found.suspects if each.screens]

    return screen


def _dry(night: Night, policy: Policy, passed: Sequence[Series]) -> DryNight:
    then = [each for each in night.findings if each.screens and each.outcome not in ("not the build", "trend")]
    alerts = [each for each in night.findings if each.failing]
    judged = {each.series for each in night.findings if each.verdict}
    kept = [
        each for each in alerts if beyond(each.ratio, policy.least) and (each.series in passed or not each.screens)
    ]
    return DryNight(
        date=night.date,
        series=night.analysed,
        suspects=(len(then), len(passed)),
        alerts=(len(alerts), len(kept)),
        unmeasured=len(set(passed) - judged),
        lost=tuple(each for each in alerts if each not in kept),
    )
