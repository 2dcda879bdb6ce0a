"""Many comparisons at once."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.stats.families import alone, failing, listed

PUBLISHED = (0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344)
PUBLISHED_REST = (0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0)
"""The fifteen p values of Benjamini and Hochberg (1995), sec. 3.2."""

P = {f"cell {place:02d}": p for place, p in enumerate((*PUBLISHED, *PUBLISHED_REST))}
families = st.dictionaries(st.text(min_size=1, max_size=3), st.floats(min_value=0, max_value=1), max_size=30)


def test_the_list_is_that_of_the_paper() -> None:
    """At .05 the procedure finds the first four; Bonferroni finds three."""
    assert listed(P) == ("cell 00", "cell 01", "cell 02", "cell 03")


def test_the_gate_is_holms() -> None:
    """.0001 .0004 .0019 pass .05 / 15, / 14, / 13; .0095 does not pass .05 / 12."""
    assert failing(P) == ("cell 00", "cell 01", "cell 02")


@given(families)
def test_what_fails_the_gate_is_on_the_list(p_values: dict[str, float]) -> None:
    """Holm is the stricter, and neither depends on the order of names."""
    backwards = dict(reversed(list(p_values.items())))

    assert set(failing(p_values)) <= set(listed(p_values))
    assert failing(p_values) == failing(backwards) and listed(p_values) == listed(backwards)


@given(families.filter(bool))
def test_what_is_certain_alone_needs_no_others(p_values: dict[str, float]) -> None:
    """A comparison at the limit of its family fails the gate and is listed, whatever the others say."""
    for name in p_values:
        among = {**p_values, name: alone(len(p_values)) * (1 - 1e-9)}
        assert name in failing(among) and name in listed(among)


def test_an_empty_family_has_nothing() -> None:
    """No comparison, no item."""
    assert listed({}) == failing({}) == ()


@pytest.mark.parametrize("bad", [math.nan, -0.1, 1.1, math.inf])
def test_what_is_no_probability_is_refused_by_name(bad: float) -> None:
    """NaN must not be sorted somewhere in between."""
    for family in (listed, failing):
        with pytest.raises(ValueError, match="vit"):
            family({"vit": bad, "decode": 0.5})
