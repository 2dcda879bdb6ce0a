"""Quality: how good is the lab itself?"""

from __future__ import annotations

import streamlit as st

from dashboards import data, parts
from dashboards.charts.rates import lost, lost_height, recall
from lab.report.quality import Noise, alert_words, lost_rows, rates_of
from lab.report.reasons import meaning_of
from lab.report.steady import RECENT
from lab.report.trust import record_of, record_words
from lab.report.wording import number_of, percent, quantity
from lab.stats.resample import WELL_FOUND

NIGHTS = 30
"""Nights that rates of nights rest on, at most: a judgement, a month."""

PERCENT = st.column_config.NumberColumn(format="%.2f %%")


def quality() -> None:
    """Draw the page."""
    checks, nights = data.selfchecks(), data.night_sums(NIGHTS)
    if not (checks or nights or data.run_groups()):
        parts.empty("Nothing was measured yet, so nothing is known of the lab. Measure, and let it check itself:",
                    "make run-scenario", "make selfcheck DEVICE=host")  # fmt: skip
        return
    st.subheader(parts.said(f"Equal builds called changed: {record_words(checks)}."), anchor=False)
    if not record_of(checks)[1]:
        parts.empty("No self-check has compared a build with itself: how often verdicts are wrong is not known.",
                    "lab selfcheck --device NAME", "make selfcheck DEVICE=host")  # fmt: skip
    _rates()
    _recall()
    _noise()
    _lost()


def _rates() -> None:
    st.subheader("How often is it wrong?", anchor=False)
    nights, incidents = data.night_sums(NIGHTS), data.incidents()
    rates = rates_of(data.selfchecks(), incidents, nights)
    parts.table(
        [
            {"rate": each.name, "k of n, 95 % bound": each.words, "%": 100 * each.k / each.n if each.n else None,
             "from": each.source}
            for each in rates
        ],
        alt="; ".join(f"{each.name}: {each.words}" for each in rates),
        key="rates",
        columns={"%": st.column_config.NumberColumn(format="%.1f %%")},
    )  # fmt: skip
    st.markdown(parts.said(alert_words(incidents, nights)))
    st.caption(
        f"Bounds are exact and one-sided (Clopper and Pearson). Nights: the last {NIGHTS} that are finished, here "
        f"{len(nights)}. A self-check knows the truth: its builds are equal, or it injected the slow-down itself."
    )


def _recall() -> None:
    st.subheader("Does it find what got slower?", anchor=False)
    checks = [each for each in data.newest_checks() if each.resampled or each.wanted_injected]
    if not checks:
        st.markdown("No self-check has injected a slow-down yet.")
        return
    told = [
        f"{each.device}: by resampling, slow-downs from {percent(each.smallest_found)} are found in "
        f"{percent(WELL_FOUND)} of cases"
        if each.smallest_found is not None
        else f"{each.device}: no smallest slow-down is known"
        for each in checks
    ]
    for words in told:
        st.markdown(f"- {parts.said(words)}")
    parts.chart(recall(checks), alt="; ".join(told), height=360)
    st.caption(
        "The newest self-check of each device. Line: comparisons drawn from its pairs of equal builds, one side "
        "slowed; diamond: measured live, with a bar down to its lower 95 % bound. Resampling assumes that slower "
        "work has the same relative noise."
    )
    for each in checks:
        for words in each.missing:
            st.caption(parts.said(f"{each.device}: {words}"))


def _noise() -> None:
    st.subheader("How small a change can it see?", anchor=False)
    found = data.noises()
    if not found:
        st.markdown("No night is finished: there is no series yet.")
        return
    parts.table(
        [_noise_row(each) for each in found],
        alt=f"noise of {number_of(len(found), 'series').removesuffix('s')}; select one to see its history",
        key="noise",
        to=("explore", "", [parts.explored(each.found.series) for each in found]),
        columns={
            "night to night": st.column_config.NumberColumn(
                format="%.2f %%", help="standard deviation of the log values, within a build and a context"
            ),
            "smallest found": st.column_config.NumberColumn(
                format="%.1f %%",
                help="the change that nine of ten comparisons find, at the spread of the newest one's pairs",
            ),
        },
        height=400,
    )
    known = sum(each.smallest is not None for each in found)
    st.caption(
        f"{len(found)} series of the newest suite, over at most their last {RECENT} nights with the same context. "
        f"The smallest change found is known for {known}: builds were compared on that cell of that device. "
        "Select one for its history."
    )


def _noise_row(each: Noise) -> parts.Row:
    series, level = each.found.series, each.level
    return {
        "device": series.device,
        "scenario": series.scenario,
        "cell": series.cell,
        "line": series.line,
        "night to night": None if level.noise is None else 100 * level.noise,
        "smallest found": None if each.smallest is None else 100 * each.smallest,
        "compared": each.seen or None,
        "usual": quantity(level.usual, each.found.metric.unit),
        "nights": level.nights,
        "kind": each.found.kind,
    }


def _lost() -> None:
    st.subheader("Which trials did not count?", anchor=False)
    if failure := data.index_failure():
        st.warning(parts.said(f"Not known: {failure}. To rebuild the index: `lab reindex`."))
        return
    tallies = data.tallies(data.days_back(data.COUNTED_DAYS))
    rows, total = lost_rows(tallies), sum(each.trials for each in tallies)
    number = sum(each.trials for each, _ in rows)
    share = f" ({percent(number / total)})" if number else ""
    words = (
        f"{number} of {number_of(total, 'trial')}{share} in the runs that are kept of the last "
        f"{data.COUNTED_DAYS} days did not count."
    )
    st.markdown(words)
    if not rows:
        return
    parts.chart(lost(tallies), alt=words, height=lost_height(tallies))
    parts.table(
        [
            {"reason": each.reason, "device": each.device, "scenario": each.scenario, "trials": each.trials,
             "of": of, "%": 100 * each.trials / of, "meaning": meaning_of(each.reason)}
            for each, of in rows
        ],
        alt=words,
        key="lost",
        columns={"%": PERCENT},
    )  # fmt: skip
    st.caption(f"Runs begun in the {data.COUNTED_DAYS} days before the newest one; counted by the index.")


quality()
