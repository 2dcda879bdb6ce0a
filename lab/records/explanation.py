"""A run's explanation: why its trials counted or not, what the device did, where the variance comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab.records.run import Metric, Run, Trial, Vitals

Standing = Literal["counts", "invalid", "unsteady", "memory"]


@dataclass(frozen=True)
class Doing:
    """The state of a device around a trial; None or empty means unknown, and `unknown` says why.

    Temperatures are (at the start, highest during), in °C. `cap` is the CPU policy that was allowed the lowest
    share of its top clock, and that share; `cooling` names the cooling devices that throttled; `others_cores` is
    how many cores everything but the agent used during the trial (median), `agent_cores` how many the agent used.
    """

    battery: tuple[float, float] | None = None
    skin: tuple[float, float] | None = None
    soc: tuple[float, float] | None = None
    level: float | None = None
    powered: bool | None = None
    cap: tuple[str, float] | None = None
    cooling: tuple[str, ...] = ()
    status: int | None = None
    agent_cores: float | None = None
    others_cores: float | None = None
    stolen_cores: float | None = None
    oddities: tuple[str, ...] = ()
    unknown: str = ""


@dataclass(frozen=True)
class Evidence:
    """A trial, how long it waited at the gate and how often it was read there, and the state of its device.

    `last_words` are its agent's last output. `iteration_s` is the mean seconds of a measured iteration, None
    without any; `warmups` counts the iterations before the measured ones, which also show whether it settled.
    """

    trial: Trial
    looks: int
    waited_s: float | None
    doing: Doing
    last_words: str = ""
    gate: tuple[Vitals, ...] = ()
    during: tuple[Vitals, ...] = ()
    iteration_s: float | None = None
    warmups: int = 0
    after: tuple[Vitals, ...] = ()


@dataclass(frozen=True)
class Link:
    """Spearman's `rho` between a covariate and the trial medians, without the differences between cells.

    Of `lab.stats.variance.TIME` it is that of the values, of any other covariate that of the steps from trial to
    trial.
    `rho` and `p` are None if the covariate was known for too few trials or did not vary; `visible` is the
    smallest correlation that would have been claimed; `claimed` is true if this one is.
    """

    name: str
    n: int
    rho: float | None
    p: float | None
    visible: float | None
    claimed: bool


@dataclass(frozen=True)
class Sources:
    """Coefficients of variation (0.01 = 1 %), the share of blocks in the variance between trials, and the links.

    A figure is None if there are too few trials for it. `block_p` is the p of the F test of "blocks have no
    share".
    """

    trials: int
    cells: int
    between_cv: float | None
    within_cv: float | None
    block_share: float | None
    block_p: float | None
    links: tuple[Link, ...]


@dataclass(frozen=True)
class Line:
    """One trial in words; one that is fine has no `remarks`.

    `value` is its figure by the run's metric, `relative` that over its cell's mean, None where it is not known;
    `at_s` is in seconds since the first trial.
    """

    number: int
    cell: str
    when: str
    at_s: float
    standing: Standing
    reason: str
    detail: str
    state: str
    remarks: tuple[str, ...]
    device: str
    value: float | None
    relative: float | None
    evidence: Evidence


@dataclass(frozen=True)
class Group:
    """Trials that stand alike, as `heading` says; the `examples` are shown in full, `others` are their numbers."""

    heading: str
    examples: tuple[Line, ...]
    others: str
    good: bool


@dataclass(frozen=True)
class Explanation:
    """Everything `lab explain` says; what is `common` to most trials is not repeated for each.

    `verdict` is that of the comparison that the run is a side of, sentence by sentence; empty for other runs.
    """

    run: Run
    metric: Metric
    summary: str
    common: tuple[str, ...]
    lines: tuple[Line, ...]
    groups: tuple[Group, ...]
    device: tuple[str, ...]
    sources: Sources
    variance_title: str
    variance: tuple[str, ...]
    advice: tuple[str, ...]
    verdict: tuple[str, ...] = ()

    @property
    def sections(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The (title, lines) of what concerns the run as a whole, in order."""
        return (
            *((("The verdict of its comparison", self.verdict),) if self.verdict else ()),
            ("What the device did", self.device),
            (self.variance_title, self.variance),
        )
