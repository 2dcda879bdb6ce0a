"""What clocks a device is to offer: the hardware's highest, or the highest seen where a profile sets them."""

from __future__ import annotations

import math

from lab.records import Profile, Vitals


class Offered:
    """The clocks that one device is to offer through a session, by cpufreq policy, as shares of its highest.

    In `observe` that is all of it. In `fixed` and `rooted` it is the highest cap that any gate's look showed: what
    a profile sets is below the hardware's highest, and heat only lowers it. A phone whose clocks were cut at every
    look so far is not found out.
    """

    def __init__(self, profile: Profile = "observe") -> None:
        self.profile = profile
        self._highest: dict[str, float] = {}

    def note(self, vitals: Vitals) -> None:
        """Take note of what a look at a gate shows."""
        for policy, cap in _caps(vitals).items():
            self._highest[policy] = max(cap, self._highest.get(policy, cap))

    def whole(self, policy: str) -> float | None:
        """Return the cap that a policy is to have; None where a profile sets it and no look has shown it yet."""
        return 1.0 if self.profile == "observe" else self._highest.get(policy)

    def lowest(self, vitals: Vitals) -> tuple[str, float] | None:
        """Return the policy that is allowed the least of what it is to have, and that share; None without caps."""
        shares = [(cap / whole, policy) for policy, cap in _caps(vitals).items() if (whole := self.whole(policy))]
        if not shares:
            return None
        share, policy = min(shares)
        return policy, share

    @property
    def words(self) -> str:
        """Of what a share is."""
        return "its highest clock" if self.profile == "observe" else "the highest clock that a gate saw it have"


def _caps(vitals: Vitals) -> dict[str, float]:
    """Return the caps that can be; a clock of nothing, or without end, is none."""
    return {policy: cap for policy, cap in vitals.caps.items() if math.isfinite(cap) and cap > 0}
