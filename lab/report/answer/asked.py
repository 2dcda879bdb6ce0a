"""Sentences for questions that ask for more than the best cell: a loss, a wait, what overlap or release saves."""

from __future__ import annotations

from collections.abc import Mapping

from lab.records import CellSummary, Interval, Metric
from lab.report.wording import behind, cell_phrase, estimate, estimate_with_interval, lost, percent, varying
from lab.stats.best import Contenders, centres
from lab.stats.compare import ratio
from lab.stats.sample import Medians
from lab.trial import memory

Summaries = Mapping[str, CellSummary]
"""Key of a cell -> its summary."""

Others = Mapping[str, tuple[Metric, Mapping[str, Interval]]]


def wait_words(by_key: Summaries, metric: Metric, choice: Contenders) -> str:
    """Say how long a user waits when the image arrives with the instruction, and when it arrives before.

    Return an empty string where that is not the question, or a cell cannot be judged.
    """
    if metric.name != "first_token_s" or _names(by_key) != ("coupled",) or choice.unknown:
        return ""
    found = {bool(summary.cell.parameters["coupled"]): summary for summary in by_key.values()}
    words = {True: "with the instruction", False: "before"}
    times = {each: estimate_with_interval(s.interval, metric.unit) for each, s in found.items() if s.interval}
    if len(times) < len(words):
        return ""
    if len(choice.may_be_best) > 1:
        told = ", ".join(f"{times[each]} if the image arrives {words[each]}" for each in words)
        return f"{told}: this run cannot separate them."
    slow = choice.best != found[True].cell.key
    gap = behind(metric, found[slow].against_best)
    return (
        f"{times[slow]} if the image arrives {words[slow]}. That is {gap} than if it arrives {words[not slow]}: "
        f"{times[not slow]}."
    )


def release_words(by_key: Summaries, metric: Metric, medians: Mapping[str, Medians], others: Others) -> str:
    """Say what releasing the vision graphs saves of the peak, and later; empty where that is not the question.

    The peak of an answer may lie before the release, which then saves nothing of it.
    """
    if metric.name != "peak_rss_bytes" or _names(by_key) != ("release_vision",):
        return ""
    found = {bool(summary.cell.parameters["release_vision"]): summary for summary in by_key.values()}
    kept, released = found[False], found[True]
    if kept.interval is None or released.interval is None:
        return ""
    gap = ratio(medians[released.cell.key], medians[kept.cell.key])
    both = (
        f"{estimate(kept.interval, 'bytes')} at most without releasing the vision graphs{_peak_in(kept, others)}"
    )
    at_most = f"{estimate(released.interval, 'bytes')} with it{_peak_in(released, others)}"
    told = [f"{both}, {at_most}: this run cannot separate them."]
    if gap.high is not None and gap.high < 1:
        told = [f"{both}, {at_most}: {percent(1 - gap.estimate)} less."]
    later = [others.get("peak_rss_decode_bytes", (None, {}))[1].get(each.cell.key) for each in (kept, released)]
    if later[0] is not None and later[1] is not None:
        told.append(f"While decoding, {estimate(later[0], 'bytes')} and {estimate(later[1], 'bytes')}.")
    return " ".join(told)


def _peak_in(summary: CellSummary, others: Others) -> str:
    """Return when the peak is, e.g. `` (while encoding)``; empty where no phase was told."""
    known = {
        when: by_cell[summary.cell.key].estimate
        for name, when in memory.PHASES.values()
        for by_cell in [others.get(name, (None, {}))[1]]
        if summary.cell.key in by_cell
    }
    return f" ({max(known, key=lambda when: known[when])})" if known else ""


def loss_words(by_key: Summaries, metric: Metric, choice: Contenders) -> str:
    """Say how much speed is lost at the longest context; empty where no other parameter is swept."""
    if _names(by_key) != ("context_tokens",):
        return ""
    longest = max(by_key.values(), key=lambda each: float(each.cell.parameters["context_tokens"]))
    key, name = longest.cell.key, cell_phrase(longest.cell, ["context_tokens"])
    if key == choice.best:
        return f"At the longest, {name}, no loss is seen."
    if key in choice.unknown or longest.against_best is None:
        return ""
    gap = lost(metric, longest.against_best, "of the speed") if metric.better == "higher" else None
    gap = gap or behind(metric, longest.against_best)
    seen = "no loss is seen:" if key in choice.may_be_best else "the loss is"
    return f"At the longest, {name}, {seen} {gap}."


def _names(by_key: Summaries) -> tuple[str, ...]:
    return varying([summary.cell for summary in by_key.values()])


def overlap_words(
    by_key: Summaries, metric: Metric, choice: Contenders, medians: Mapping[str, Medians], others: Others
) -> str:
    """Say what pipelining gains over the best serial cell; empty where the run does not hold both kinds.

    Also compare it with the same units in turn, and say how much overlap could hide there at most: with a fast
    convolution there is little to hide.
    """
    order = centres(medians)

    def champion(pipelined: bool) -> CellSummary | None:
        own = [key for key in order if by_key[key].cell.parameters.get("pipelined") is pipelined]
        return by_key[min(own, key=lambda key: order[key])] if own else None

    piped, serial = champion(True), champion(False)
    if piped is None or serial is None or metric.unit != "s":
        return ""
    ahead = choice.best == piped.cell.key
    worse, kind = (serial, "serial") if ahead else (piped, "pipelined")
    name, gap = cell_phrase(worse.cell, _names(by_key)), behind(metric, worse.against_best)
    if worse.cell.key in choice.may_be_best:
        told = f"Whether pipelining is faster cannot be told: the best {kind} cell ({name}) is {gap}."
    else:
        word = "faster" if ahead else "not faster"
        told = f"Pipelining is {word}: the best {kind} cell ({name}) is {gap}."
    return f"{told} {_hidden(piped, by_key, medians, others)}".rstrip()


def _hidden(piped: CellSummary, by_key: Summaries, medians: Mapping[str, Medians], others: Others) -> str:
    """Compare with the same batches on the same units in turn, where no stage slows another."""
    wanted = {**piped.cell.parameters, "pipelined": False}
    twin = next((s for s in by_key.values() if dict(s.cell.parameters) == wanted and s.interval), None)
    if twin is None or twin.interval is None or piped.interval is None:
        return ""
    convolution, possible = (
        others.get(name, (None, {}))[1].get(twin.cell.key) for name in ("patch_embed_s", "overlap_possible_s")
    )
    ours, theirs = medians[piped.cell.key], medians[twin.cell.key]
    if convolution is None or possible is None or not ours.keys() & theirs.keys():
        return ""
    saved = ratio(ours, theirs)
    beyond = saved.high is not None and 1 - saved.high > possible.estimate / twin.interval.estimate
    odd = " That is more than overlap can explain: look for other load and measure again." if beyond else ""
    return (
        f"The same batches on the same units, run in turn, take {estimate(twin.interval, 's')}, of which "
        f"{estimate(convolution, 's')} is convolution: overlap could hide at most {estimate(possible, 's')}, and "
        f"pipelined they take {estimate(piped.interval, 's')}.{odd}"
    )
