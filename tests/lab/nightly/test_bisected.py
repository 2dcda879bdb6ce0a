"""The answer of a bisection in words."""

from __future__ import annotations

from lab.nightly.bisect import Asked, Bisection, Step
from lab.nightly.bisected import answer_words, commands, table_of
from lab.nightly.halving import Halving, Outcome
from lab.records import BuildAt, Interval, Stage
from lab.scenario.suite import scenarios_of

SLOWER = Interval(1.074, 1.05, 1.098, 0.95, 8)
BUILDS = tuple(BuildAt(f"{number:02d}" * 32, "nano-w4", number) for number in range(12, 19))
ALIKE = Interval(1.002, 0.99, 1.014, 0.95, 8)


def bisection(outcomes: dict[int, Outcome], stages: tuple[Stage, ...] = (), short: str = "") -> Bisection:
    """Return a bisection of r12 to r18 with these outcomes by revision."""
    changes = {"bad": SLOWER, "good": ALIKE}
    whys = {"cannot tell": "the budget is spent", "does not run": "none of 3 trials counts: crash"}
    steps = [
        Step(BUILDS[at - 12], outcome, whys.get(outcome, ""), changes.get(outcome), f"01990000-000{at}")
        for at, outcome in {18: "bad", **outcomes}.items()
    ]
    halving = Halving(6, {at - 12: outcome for at, outcome in outcomes.items()})
    (scenario,) = scenarios_of("first_token", None, {})
    asked = Asked(BUILDS, scenario, "prefill_s", 7200.0, 1)
    return Bisection(asked, "cell", "regressed", tuple(steps), halving, stages, short)


def test_the_build_that_introduced_it_is_named_first() -> None:
    """With the change, its interval, and the last good build."""
    found = bisection({15: "good", 17: "bad", 16: "good"}, (Stage("vit_s", SLOWER), Stage("tile_s", SLOWER)))

    assert answer_words(found) == [
        "Introduced by nano-w4 r17 (17171717): r17 needs 7.4 % more time for prefill than r12 "
        "(95 % interval 5.0 to 9.8 % more); r16 is as good as r12.",
        "Most of the time between the ends moved in vision transformer: the bad end needs 7.4 % more time for the "
        "vision transformer than the good end; resize and normalise moved too.",
    ]
    assert commands(found, "phone 2", "first_token") == [
        "evidence: `lab show 01990000-0001`",
        "measure it again: `lab compare 121212121212 171717171717 --scenario first_token --device 'phone 2'`",
        "for a colleague: `lab bundle 01990000-0001`",
    ]


def test_a_range_says_which_builds_it_holds_and_why() -> None:
    """r16 does not run and r17 cannot be told: any of three may have introduced it."""
    found = bisection({15: "good", 16: "does not run", 17: "cannot tell"}, short="the budget is spent")

    assert answer_words(found) == [
        "Introduced after r15 and not after r18, by one of nano-w4 r16 (16161616), nano-w4 r17 (17171717) and "
        "nano-w4 r18 (18181818): r18 needs 7.4 % more time for prefill than r12 "
        "(95 % interval 5.0 to 9.8 % more); r15 is as good as r12.",
        "r16 does not run: none of 3 trials counts: crash.",
        "r17 cannot be told from either end: the budget is spent.",
        "It is not finished: the budget is spent; give a larger --budget to go on.",
    ]


def test_the_table_has_a_row_for_each_step_in_order() -> None:
    """Builds, outcomes, changes, and what kept a build from deciding."""
    rows = [row.texts for row in table_of(bisection({15: "cannot tell", 13: "bad"})).rows]

    assert rows[0] == (
        "nano-w4 r18 (18181818)",
        "bad",
        "7.4 % more (5.0 to 9.8 % more)",
        "01990000-0001",
        "the bad end",
    )
    assert [row[1:3] for row in rows[1:]] == [("cannot tell", ""), ("bad", "7.4 % more (5.0 to 9.8 % more)")]
    assert rows[1][4] == "the budget is spent"
