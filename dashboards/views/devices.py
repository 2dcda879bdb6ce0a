"""Devices: which are healthy, and agree with each other?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from dashboards import data, parts
from dashboards.charts.agree import agree, height_of
from dashboards.charts.history import Line, history
from lab.errors import DeviceError, StoreError
from lab.report.rack import CONDITIONS, Standing, check_words, reading_words, size_words
from lab.report.reasons import meaning_of
from lab.report.selfcheck import quote
from lab.report.steady import Nights, agreement_words, changes_of, level_of, reference_words
from lab.report.wording import KINDS, listing, number_of, percent

PERCENT = st.column_config.NumberColumn(format="%.1f %%")
MOST_TOLD = 6
"""Most devices whose trouble stands above the table; the table has all."""

RUNS = 20
"""Newest runs that are listed of a device."""


def devices() -> None:
    """Draw the page: all devices, or the one that the link names."""
    asked = st.query_params.get("device", "")
    found, (_, damage) = data.rack(), data.health_book()
    if damage:
        st.warning(parts.said(damage), icon=":material/warning:")
    if failure := data.index_failure():
        st.warning(parts.said(f"Noise and lost trials are not known: {failure}. To rebuild it: `lab reindex`."))
    if asked:
        _one(asked, found)
        return
    _all(found)
    _attached()


def _all(found: Sequence[Standing]) -> None:
    if not found:
        parts.empty("No device has been measured yet. Measure this machine, or look for a phone:",
                    "make run-scenario", "lab devices")  # fmt: skip
        return
    counts = Counter(each.condition for each in found)
    told = listing([f"{counts[each]} {each}" for each in CONDITIONS if counts[each]])
    st.subheader(parts.text(f"{number_of(len(found), 'device')}: {told}."), anchor=False)
    troubled = [each for each in found if each.command]
    for each in troubled[:MOST_TOLD]:
        ask = f" `{each.command}`"
        st.markdown(f"{parts.badge(each.condition)} **{parts.text(each.device)}** {parts.said(each.why + ask)}")
    if len(troubled) > MOST_TOLD:
        st.caption(f"and {len(troubled) - MOST_TOLD} more: see the table")
    today = data.days_back(0)
    parts.table(
        [_row(each, today) for each in found],
        alt=f"{number_of(len(found), 'device')}: {told}; select one to see its reference cell",
        key="rack",
        to=("devices", "device", [each.device for each in found]),
        columns={
            "noise": st.column_config.NumberColumn(
                format="%.1f %%",
                help=f"coefficient of variation between trials of a run: median over cells, {data.RACK_DAYS} days",
            ),
            "worst cell": PERCENT,
            "lost": st.column_config.NumberColumn(
                format="%.1f %%", help=f"trials that did not count, of those of {data.COUNTED_DAYS} days"
            ),
            "last run": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
        },
    )
    st.caption(
        f"As the store last saw them: no device is contacted. Noise: {data.RACK_DAYS} days, lost trials: "
        f"{data.COUNTED_DAYS} days before the newest run. Select a row for its reference cell and its history."
    )


def _row(found: Standing, today: str) -> parts.Row:
    return {
        "state": parts.signed(found.condition),
        "device": found.device,
        "kind": found.kind,
        "noise": None if found.cv is None else 100 * found.cv,
        "worst cell": None if found.worst_cv is None else 100 * found.worst_cv,
        "lost": None if found.lost_share is None else 100 * found.lost_share,
        "sensors": reading_words(found.reading),
        "self-check": check_words(found.check, today),
        "last run": found.last_utc or None,
        "model": found.model,
        "software": found.software,
        "why": found.why,
    }


# --- what is attached now ------------------------------------------------------------------------------


def _attached() -> None:
    st.subheader("Attached now", anchor=False)
    known = listing(data.remembered())
    also = f" Phones that are reached over the network: {known}." if known else ""
    st.caption(parts.said(f"The store knows neither free space nor leases: they are on the devices.{also}"))
    if not st.button("Look at attached devices now", icon=":material/usb:", help="as `lab devices` does"):
        return
    try:
        with st.spinner("Asking the adb server and each device…"):
            entries, elsewhere = data.look()
    except (DeviceError, StoreError) as error:
        st.error(parts.said(f"{error}"), icon=":material/usb_off:")
        return
    if not entries:
        parts.empty("No phone is attached.", "lab devices connect ADDRESS", "make farm-up")
    for words in (*(f"{each.name}: {each.advice}" for each in entries if each.advice), *elsewhere):
        st.warning(parts.said(words), icon=":material/usb:")
    parts.table(
        [
            {
                "device": each.name,
                "serial": each.found.serial,
                "kind": each.found.kind or "unknown",
                "SoC": each.found.soc,
                "Android": each.found.android,
                "state": each.state,
                "free": size_words(each.found.free_bytes),
                "battery °C": each.found.celsius,
                "held by": each.held_by or "nobody",
            }
            for each in entries
        ],
        alt=f"{number_of(len(entries), 'device')} attached",
        key="attached",
    )


# --- one device ----------------------------------------------------------------------------------------


def _one(name: str, rack: Sequence[Standing]) -> None:
    st.button("All devices", icon=":material/arrow_back:", on_click=_leave)  # a link to this page keeps its URL
    found = next((each for each in rack if each.device == name), None)
    if found is None:
        known = listing([each.device for each in rack[:8]]) or "none yet"
        raise StoreError(
            f"no device {name!r} in this store; it knows: {known}. To see what is attached: `lab devices`"
        )
    st.subheader(f"{parts.text(name)} {parts.badge(found.condition)}", anchor=False)
    ask = f" `{found.command}`" if found.command else ""
    st.markdown(parts.said(f"{found.why}{ask}"))
    _facts(found)
    series = data.nights_of(name)
    _reference(name, series)
    _noise(found)
    _changes(series)
    _runs(name)


def _leave() -> None:
    st.query_params.pop("device", None)


def _facts(found: Standing) -> None:
    seen = f" (run of {found.reading.at_utc[:16].replace('T', ' ')} UTC)" if found.reading else ""
    never = "Self-check: never. How often verdicts on it are wrong is unknown: `lab selfcheck --device "
    facts = [
        f"Kind: {found.kind} ({KINDS.get(found.kind, 'of a kind that this lab does not know')}); "
        f"model: {found.model}; software: {found.software}",
        f"Sensors as last seen: {reading_words(found.reading)}{seen}",
        quote(found.check) if found.check else f"{never}{found.device}`",
    ]
    st.markdown("\n".join(f"- {parts.said(each)}" for each in facts))


def _reference(name: str, series: Sequence[Nights]) -> None:
    """Draw a cell of the device over its nights, its reference first, and devices of its kind beside it."""
    st.subheader("Does it still measure what it used to measure?", anchor=False)
    if not series:
        parts.empty("No night has measured it. Nights measure a reference cell, the same build every night.",
                    "make nightly")  # fmt: skip
        return
    lines = data.anchors()
    ordered = sorted(series, key=lambda each: (each.series.line not in lines, each.series.name))
    labels = {data.cell_name(each.series): each for each in ordered}
    shown = st.selectbox("Cell", list(labels), key="series", bind="query-params")
    chosen = labels[str(shown)]
    is_reference = chosen.series.line in lines
    words = reference_words(chosen, level_of(chosen))
    st.markdown(parts.said(words))
    if not is_reference:
        st.caption("Not a reference: its build changes, so a step may be the build's.")
    changes = [(date, f"{fact}: {after}") for date, fact, _, after in changes_of([chosen])]
    line = Line(name, chosen.kind, chosen.dates, chosen.values, chosen.builds)
    parts.chart(history([line], chosen.metric, marks=changes), alt=words, height=340)
    parts.link("explore", "Open in Explore", icon=":material/show_chart:", **parts.explored(chosen.series))
    same = [each for each in data.nights_of(series=data.cell_name(chosen.series)) if each.kind == chosen.kind]
    levels = {each.series.device: level for each in same if (level := level_of(each))}
    st.subheader(f"Do devices of its kind agree? ({parts.text(chosen.kind)})", anchor=False)
    agreement = agreement_words(levels, chosen.metric)
    st.markdown(parts.said(agreement))
    if len(levels) > 1:
        parts.chart(agree(levels, chosen.metric, chosen.kind), alt=agreement, height=height_of(levels))


def _noise(found: Standing) -> None:
    noise, lost = st.columns(2)
    with noise:
        st.subheader("Noise between trials", anchor=False)
        spreads = sorted(data.spreads(data.COUNTED_DAYS, found.device), key=lambda each: -each.cv)
        if spreads:
            rows = [
                {
                    "CV": 100 * each.cv,
                    "scenario": each.scenario,
                    "cell": each.cell,
                    "runs": each.runs,
                    "trials": each.freedom + each.runs,
                }
                for each in spreads
            ]
            parts.table(rows, alt=f"noise of {number_of(len(rows), 'cell')}", key="noise", columns={"CV": PERCENT})
            st.caption(f"{data.COUNTED_DAYS} days; pooled over runs, each about its own mean.")
        else:
            st.markdown(f"No run of the last {data.COUNTED_DAYS} days has two trials of a cell.")
    with lost:
        st.subheader("Trials that did not count", anchor=False)
        if found.lost:
            rows = [{"reason": each, "trials": n, "meaning": meaning_of(each)} for each, n in found.lost.items()]
            parts.table(rows, alt=f"trials lost by {number_of(len(rows), 'reason')}", key="lost")
        share = "" if found.lost_share is None else f" ({percent(found.lost_share)})"
        lost_all = sum(found.lost.values())
        st.caption(f"{lost_all} of {number_of(found.trials, 'trial')}{share} in {data.COUNTED_DAYS} days.")


def _changes(series: Sequence[Nights]) -> None:
    st.subheader("What changed on it", anchor=False)
    changes = changes_of(series)
    if not changes:
        st.markdown("Nothing in its context changed over its nights, as far as they recorded it.")
        return
    heads = ("night", "what", "before", "after")
    parts.table(
        [dict(zip(heads, each, strict=True)) for each in changes],
        alt=f"{number_of(len(changes), 'change')} of its context",
        key="changes",
    )


def _runs(name: str) -> None:
    st.subheader("Its newest runs", anchor=False)
    runs = data.runs_of(name, RUNS)
    if not runs:
        st.markdown("No run of it is kept.")
        return
    parts.table(
        [
            {
                "began": each.started_utc,
                "scenario": each.scenario,
                "build": f"{each.build_line} {each.build[:8]}",
                "status": each.status,
                "run": each.id,
            }
            for each in runs
        ],
        alt=f"the newest {number_of(len(runs), 'run')} of this device; select one to see what happened",
        key="runs",
        to=("run", "id", [each.id for each in runs]),
        columns={"began": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm")},
    )


devices()
