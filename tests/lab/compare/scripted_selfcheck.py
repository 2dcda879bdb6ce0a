"""A self-check whose comparisons are scripted, shared by the tests of its order and of its arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

from lab.compare.selfcheck import Measured, Order, carry_on
from lab.records import CellVerdict, Context, Inject, Interval, SelfCheck, Verdict

RECORD = SelfCheck(
    id="c0",
    device="host",
    context=Context({"device_kind": "host"}),
    scenario="selfcheck",
    metric="prefill_s",
    build="b" * 64,
    build_line="nano-paper",
    started_utc="2026-11-23T08:00:00Z",
    ended_utc=None,
    status="running",
    seed=5,
    budget_s=900.0,
    spent_s=0.0,
    wanted=10,
    wanted_injected=5,
    inject=Inject("prefill", 1.1),
    looks_most=24,
    looks_first=6,
)


class Setting:
    """A clock, a comparison that takes time and gives a chosen verdict, and a journal of what happened."""

    def __init__(
        self, *, pairs: int = 8, pair_s: float = 4.0, start_s: float = 0.0, fails_at: int | None = None
    ) -> None:
        self.now, self.start_s = 1000.0, start_s
        self.pairs, self.pair_s, self.fails_at = pairs, pair_s, fails_at
        self.error: BaseException = KeyboardInterrupt()
        self.verdict: Callable[[Order], Verdict] = lambda order: "same" if order.slow_down == 1 else "slower"
        self.journal: list[str] = []
        self.saved: list[SelfCheck] = []
        self.orders: list[Order] = []

    def monotonic(self) -> float:
        """Return this test's own seconds."""
        return self.now

    def utc(self) -> str:
        """Return a fixed time."""
        return "2026-11-23T09:00:00Z"

    def compare(self, order: Order) -> Measured:
        """Take the time of the pairs; equal sides differ by half a per cent, alternately."""
        if order.number == self.fails_at:
            self.now += self.pair_s
            raise self.error
        self.orders.append(order)
        self.now += self.start_s + self.pairs * self.pair_s
        self.journal.append(f"compare {order.number}, {order.slow_down:g} times")
        noise = cycle((1.005, 1 / 1.005))
        ratios = tuple(order.slow_down * next(noise) for _ in range(self.pairs))
        change = Interval(order.slow_down, 0.99 * order.slow_down, 1.01 * order.slow_down, 0.95, self.pairs)
        found = CellVerdict("selfcheck", self.verdict(order), change, 0.01, 1.0, self.pairs, "verdict reached")
        firsts = tuple(pair in (0, 1, 4, 5) for pair in range(self.pairs))
        return Measured(f"comparison-{order.number}", found, ratios, firsts, 2 * self.pairs)

    def save(self, record: SelfCheck) -> None:
        """Keep what would be saved."""
        self.journal.append(f"save {record.status}, {len(record.live)} done")
        self.saved.append(record)

    def run(self, record: SelfCheck = RECORD) -> SelfCheck:
        """Measure what a record lacks."""
        return carry_on(record, self.compare, clock=self, save=self.save)
