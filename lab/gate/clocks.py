"""The clocks that a device should offer: the hardware's highest, or the highest seen where a profile sets them."""

from __future__ import annotations

import math

from lab.records import Profile, Vitals


class Offered:
    """The clocks that one device should offer during a session: for each cpufreq policy a share of its highest.

    In `observe` the share is 1. In `fixed` and `rooted` it is the highest cap that any look at a gate showed: the
    profile sets the caps below the hardware's highest, and heat only lowers them. A phone whose clocks were cut at
    every look so far goes undetected.
    """

    def __init__(self, profile: Profile = "observe") -> None:
        self.profile = profile
        self._highest: dict[str, float] = {}

    def note(self, vitals: Vitals) -> None:
        """Take note of the caps that a look at a gate shows."""
        for policy, cap in _caps(vitals).items():
            self._highest[policy] = max(cap, self._highest.get(policy, cap))

    def whole(self, policy: str) -> float | None:
        """Return the cap that a policy should have; None where a profile sets it and no look has shown it yet."""
        return 1.0 if self.profile == "observe" else self._highest.get(policy)

    def lowest(self, vitals: Vitals) -> tuple[str, float] | None:
        """Return the policy with the smallest share of what it should have, and the share; None without caps."""
        shares = [(cap / whole, policy) for policy, cap in _caps(vitals).items() if (whole := self.whole(policy))]
        if not shares:
            return None
        share, policy = min(shares)
        return policy, share

    @property
    def words(self) -> str:
        """What the shares are shares of, in words."""
        return "its highest clock" if self.profile == "observe" else "the highest clock seen at a gate"


def _caps(vitals: Vitals) -> dict[str, float]:
    """Return the possible caps: finite and above 0."""
    return {policy: cap for policy, cap in vitals.caps.items() if math.isfinite(cap) and cap > 0}
