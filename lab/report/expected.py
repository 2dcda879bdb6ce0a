"""What a run would do, in words: cells, trials, and the time by earlier runs."""

from __future__ import annotations

from lab.report.wording import cell_phrase, lasting, number_of, plain, stated, varying
from lab.run.expected import Expected


def expected_lines(found: Expected) -> list[str]:
    """Return the question, the cells, the trials and the expected time of one scenario on one device."""
    scenario, plan = found.scenario, found.scenario.plan
    names = varying(scenario.cells)
    lines = [plain(scenario.question), f"  scenario {plain(scenario.name)} on {plain(found.device)}"]
    lines += [f"  cell: {cell_phrase(cell, names) or plain(cell.key)}" for cell in scenario.cells]
    length = f"about {lasting(plan.duration_s)} each" if plan.duration_s else f"{plan.warmup} + {plan.iterations}"
    what = length if plan.duration_s else f"{length} iterations each (warm-up + measured)"
    lines.append(
        f"  trials: {found.trials} ({number_of(len(scenario.cells), 'cell')}, {number_of(plan.blocks, 'block')}), "
        f"{what}; one process before them opens every graph and does not count"
    )
    if found.most > found.trials and plan.target is not None:
        bound = "" if plan.budget_s is None else f", or until {lasting(plan.budget_s)} of device time are spent"
        lines.append(
            f"  and more for cells whose interval is wider than {stated(plan.target)} to each side: up to "
            f"{found.most} trials in all{bound}"
        )
    lines.append(f"  expected time: {_time(found)}")
    return lines


def _time(found: Expected) -> str:
    if found.by is None or found.trial_s is None:
        if (lasts_s := found.scenario.plan.duration_s) is not None:
            return f"at least {lasting(lasts_s * found.trials)}, by its plan; how much more no earlier run tells"
        return (
            "unknown: no finished run of these cells and iterations on this device is in this data root "
            f"(a trial may take {found.scenario.plan.timeout_s:g} s before it is ended)"
        )
    least = lasting(found.trial_s * found.trials)
    most = f" to {lasting(found.trial_s * found.most)}" if found.most > found.trials else ""
    other = "" if found.same_build else f", of another build ({plain(found.by.build_line)})"
    return (
        f"about {least}{most}, waits at gates included: a trial every {found.trial_s:.3g} s in run "
        f"{found.by.id[:13]}{other}. Pushing and longer waits come on top"
    )
