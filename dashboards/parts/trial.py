"""One trial of the page Run: its iterations, its phases, its device, and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboards import data, parts
from dashboards.charts.iterations import of_iterations
from dashboards.charts.phases import height_of as phases_height
from dashboards.charts.phases import phases
from dashboards.charts.sensors import of_sensors
from dashboards.charts.strips import drawn, height_of, strips
from dashboards.charts.style import named, scaled
from dashboards.trial_files import trial_files
from lab.records.explanation import Explanation, Line
from lab.report.checks import checks_of
from lab.report.explain.trial import device_facts, standing_words, trial_facts
from lab.report.phases import Iterations, Span, phases_of, rate_of, typical
from lab.report.readings import gate_looks, readings_of
from lab.report.reasons import FLAGS
from lab.report.wording import kind_of, number_of, plain, quantity
from lab.trial.memory import METRICS as MEMORY


def turn_to(key: str, number: int | None) -> None:
    """Show a trial that was just selected in a table or a chart; a selection that stays is followed once."""
    place = f"{key} followed"
    if st.session_state.get(place) != number:
        st.session_state[place] = number
        if number is not None:
            st.session_state["trial"] = str(number)


def rows_of(found: Explanation) -> tuple[Mapping[str, Any], list[parts.Row]]:
    """Return the columns' settings and the rows of the table of trials, in the order of the trials."""
    factor, unit = scaled([line.value for line in found.lines if line.value is not None], found.metric.unit)
    figure = named(found.metric, unit, kind_of(found.run))
    rows = [_row(line, figure, factor) for line in found.lines]
    columns = {
        figure: st.column_config.NumberColumn(format="%.4g"),
        "% of its cell": st.column_config.NumberColumn(format="%.1f"),
        "start °C": st.column_config.NumberColumn(format="%.1f"),
        "wall s": st.column_config.NumberColumn(format="%.1f"),
        "why": st.column_config.TextColumn(width="large"),
    }
    return columns, rows


def _row(line: Line, figure: str, factor: float) -> parts.Row:
    trial, doing = line.evidence.trial, line.evidence.doing
    begun = doing.skin or doing.soc or doing.battery
    return {
        "trial": line.number,
        "block": trial.block,
        "cell": line.cell or plain(trial.cell),
        "standing": parts.signed(line.standing),
        figure: None if line.value is None else line.value * factor,
        "% of its cell": None if line.relative is None else 100 * line.relative,
        "why": "; ".join(filter(None, (line.reason, line.detail, line.state))),
        "flags": ", ".join(trial.flags),
        "start °C": None if begun is None else begun[0],
        "wall s": trial.wall_s,
        "began": line.when,
    }


def one_trial(found: Explanation) -> None:
    """Draw the trial that is chosen: in the URL, in the table or in the chart; else the first that counts."""
    numbers = [str(line.number) for line in found.lines]
    _forget_other(found.run.id)
    asked = st.query_params.get("trial")
    if asked is not None and asked not in numbers and "trial" not in st.session_state:
        known = f"it has {numbers[0]} to {numbers[-1]}"
        st.warning(parts.text(f"This run has no trial {asked}; {known}."), icon=":material/warning:")
    st.divider()
    first = next((place for place, line in enumerate(found.lines) if line.standing == "counts"), 0)
    chosen = st.selectbox("Trial", numbers, index=first, key="trial", bind="query-params", width=200)
    line = found.lines[numbers.index(chosen)]
    st.subheader(parts.said(f"Trial {line.number}: {line.cell or line.evidence.trial.cell}"), anchor=False)
    why = standing_words(line) if line.standing != "counts" else line.state
    st.markdown(f"{parts.badge(line.standing)} {parts.said(why)}")
    seen = data.iterations(found.run.id, line.number)
    if seen.problem:
        st.info(parts.said(f"Phases and warm-up are not known in full: {seen.problem}."), icon=":material/info:")
    _iterations(found, line, seen)
    _phases(found, line, seen)
    _memory(line)
    _device(line, seen)
    _gate(line)
    _facts(found, line)
    trial_files(found, line)


def _iterations(found: Explanation, line: Line, seen: Iterations) -> None:
    names = [name for name in line.evidence.trial.samples if name not in MEMORY]
    if not names and not seen.found:
        return
    first = names.index(found.metric.name) if found.metric.name in names else 0
    name = (
        st.selectbox("Metric", names, index=first, key="metric", bind="query-params", width=320) if names else ""
    )
    chart, bands = of_iterations(line.evidence.trial, seen.found, name or found.metric.name, kind_of(found.run))
    shown = drawn(chart)
    alt = f"trial {line.number}: {line.state}"
    parts.chart(strips(shown, axis="iteration", bands=bands, whole=True), alt=alt, height=height_of(shown))
    st.caption(parts.text(f"{line.state}. Rings do not count: warm-up, not steady yet, or of an invalid trial."))


def _phases(found: Explanation, line: Line, seen: Iterations) -> None:
    numbers = [one.number for one in seen.found]
    if not numbers:
        return
    st.markdown("**Phases of one iteration**")
    _keep_iteration(f"{found.run.id} {line.number}", numbers)
    chosen = st.number_input(
        f"Iteration, {numbers[0]} to {numbers[-1]}",
        min_value=numbers[0],
        max_value=numbers[-1],
        value=typical(seen.found, line.evidence.trial.first_steady),
        step=1,
        key="iteration",
        bind="query-params",
        width=200,
        help="The one of middle length, unless you choose another.",
    )
    spans = data.spans(found.run.id, line.number, int(chosen or 0))
    if not spans:
        st.markdown("This iteration has no span.")
        return
    own = phases_of(spans)
    longest = max(own, key=lambda phase: phase.seconds, default=None)
    told = f", the longest is {longest.stage} with {quantity(longest.seconds, 's')}" if longest else ""
    alt = f"iteration {chosen}: {number_of(len(spans), 'span')} on {number_of(len(own), 'stage')}{told}"
    parts.chart(phases(spans), alt=alt, height=phases_height(spans))
    _stages(spans, alt)


def _forget_other(run_id: str) -> None:
    """Forget which trial and metric were chosen of another run."""
    before, st.session_state["trial of"] = st.session_state.get("trial of", run_id), run_id
    if before != run_id:
        for key in ("trial", "metric"):
            st.session_state.pop(key, None)


def _keep_iteration(of: str, numbers: Sequence[int]) -> None:
    """Forget the iteration that was chosen of another trial, and one that this trial does not have."""
    before, st.session_state["iteration of"] = st.session_state.get("iteration of", of), of
    chosen = st.session_state.get("iteration")
    if chosen is not None and (before != of or not numbers[0] <= chosen <= numbers[-1]):
        del st.session_state["iteration"]


def _stages(spans: tuple[Span, ...], alt: str) -> None:
    found = phases_of(spans)
    total = sum(phase.seconds for phase in found)
    if not found:
        return
    parts.table(
        [
            {
                "stage": plain(phase.stage),
                "unit": plain(phase.unit),
                "spans": phase.spans,
                "ms": 1e3 * phase.seconds,
                "% of all work": 100 * phase.seconds / total if total else None,
                "CPU ms": 1e3 * phase.cpu_s,
                "tiles or tokens": phase.true or None,
                "with padding": phase.padded or None,
                "a second, without padding": rate_of(phase),
            }
            for phase in found
        ],
        alt=alt,
        key="stages",
        columns={
            name: st.column_config.NumberColumn(format="%.4g")
            for name in ("ms", "% of all work", "CPU ms", "a second, without padding")
        },
    )


def _memory(line: Line) -> None:
    found = {name: line.evidence.trial.samples[name] for name in MEMORY if name in line.evidence.trial.samples}
    if not found:
        return
    with st.container(horizontal=True):
        for name, values in found.items():
            st.metric(MEMORY[name].label, quantity(max(values), "bytes"), border=True)


def _device(line: Line, seen: Iterations) -> None:
    st.markdown("**The device around this trial**")
    found = readings_of(line.evidence, seen.clocks)
    if not found:
        why = line.evidence.doing.unknown or "no sensor was read around it"
        st.info(parts.said(f"Nothing is known of the device: {why}."), icon=":material/sensors_off:")
        return
    chart, bands = of_sensors(found, seen.found if seen.clocks else ())
    shown = drawn(chart)
    axis = "seconds since the agent began" if seen.clocks else "seconds since the first reading"
    parts.chart(strips(shown, axis=axis, bands=bands), alt=line.device, height=height_of(shown))
    left = sum(each.left_out for each in found)
    if left:
        st.caption(f"{number_of(left, 'sensor')} that moved least not drawn: vitals.jsonl has all.")


def _gate(line: Line) -> None:
    looks = gate_looks(line.evidence)
    if not looks:
        return
    waited = line.evidence.waited_s
    told = f", it waited {quantity(waited, 's')}" if waited else ""
    with st.expander(f"Gate log: {number_of(len(looks), 'look')}{told}", icon=":material/traffic:"):
        parts.table(
            [
                {
                    "s before it opened": each.before_s,
                    "battery °C": each.battery,
                    "skin °C": each.skin,
                    "chip °C": each.chip,
                    "clock allowed %": each.allowed_percent,
                    "CPU of others, cores": each.busy_cores,
                    "battery %": each.level_percent,
                    "no reading of": plain(each.missing),
                }
                for each in looks
            ],
            alt=f"the gate log of trial {line.number}",
            key="gate",
        )


def _facts(found: Explanation, line: Line) -> None:
    trial = line.evidence.trial
    flags = [
        f"flag {flag}: {FLAGS.get(flag, 'unknown to this version')}"
        for flag in trial.flags
        if FLAGS.get(flag) not in line.remarks
    ]
    told, device = st.columns(2)
    for column, title, facts in (
        (told, "The trial", [*trial_facts(found, line), *flags]),
        (device, "Its device", device_facts(line)),
    ):
        column.markdown(f"**{title}**")
        column.markdown("\n".join(f"- {parts.said(words)}" for words in facts))
    checks = checks_of(trial)
    if checks:
        st.markdown("**What was checked**")
        parts.table(
            [{"figure": value, "check": words} for words, value in checks],
            alt=f"the checks of trial {line.number}",
            key="checks",
        )
