"""The halving of a line of builds between a good and a bad one, where some cannot be told or do not run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Outcome = Literal["good", "bad", "cannot tell", "does not run"]


@dataclass(frozen=True)
class Halving:
    """The builds at 0 (good) to `last` (bad), and what was `found` of those between: position -> outcome.

    It assumes one step: every build before the first bad one is good, every later one bad. A build that does not
    run or cannot be told from either end decides nothing; the answer is then a range.
    """

    last: int
    found: Mapping[int, Outcome] = field(default_factory=dict)

    @property
    def good(self) -> int:
        """The latest build known to be good."""
        return max((at for at, outcome in self.found.items() if outcome == "good"), default=0)

    @property
    def bad(self) -> int:
        """The earliest build known to be bad: the step lies after `good` and not after this one."""
        return min((at for at, outcome in self.found.items() if outcome == "bad"), default=self.last)

    @property
    def untried(self) -> tuple[int, ...]:
        """The builds between `good` and `bad` that nothing is known of."""
        return tuple(at for at in range(self.good + 1, self.bad) if at not in self.found)

    @property
    def skipped(self) -> tuple[int, ...]:
        """The builds between `good` and `bad` that decided nothing."""
        return tuple(at for at in range(self.good + 1, self.bad) if at in self.found)

    @property
    def next(self) -> int | None:
        """The build to try next: the middle one of the untried, so a neighbour of one that decided nothing."""
        return self.untried[len(self.untried) // 2] if self.untried else None

    @property
    def most(self) -> int:
        """The most builds that must still be tried if each of them decides: the binary logarithm, rounded up."""
        return len(self.untried).bit_length()

    def tried(self, at: int, outcome: Outcome) -> Halving:
        """Return the halving with the outcome of one more build."""
        return replace(self, found={**self.found, at: outcome})
