"""The words for each reason why a trial is invalid: what it means and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from device_agents.contract import InvalidReason
from lab import records


@dataclass(frozen=True)
class Words:
    """`means` completes "it does not count:"; `do` tells the user what to try."""

    means: str
    do: str


REASONS: Mapping[InvalidReason, Words] = {
    InvalidReason.AGENT_ERROR: Words(
        "the agent reported an error and stopped",
        "Read the agent's message below; the agent refuses an input or a batch that the build lacks this way.",
    ),
    InvalidReason.AGENT_DIED: Words(
        "the agent's process ended before its work was done",
        "Find out what ended it: lack of memory (Android kills what uses most of it), a crash in stderr.txt, or "
        "another program or person; then measure again.",
    ),
    InvalidReason.TIMEOUT: Words(
        "it took longer than plan.timeout_s",
        "If it was working, but slower than expected, raise plan.timeout_s in the scenario; if it hung, the last "
        "event says where.",
    ),
    InvalidReason.NO_END: Words(
        "the agent never wrote its end event",
        "The device's disk may be full, or something killed the agent; free space and measure again.",
    ),
    InvalidReason.MALFORMED_EVENTS: Words(
        "the agent wrote what is no event of its job, or more than its job can make",
        "Agent and lab may be of different versions: rebuild the agent from this version. What it wrote is in "
        "events.jsonl, or in the file that the detail names.",
    ),
    InvalidReason.COUNT_MISMATCH: Words(
        "events are missing, or there are too many",
        "Lines were lost between agent and lab: measure again; if it recurs, report it with events.jsonl.",
    ),
    InvalidReason.WRONG_OUTPUT: Words(
        "its output differs from the reference model's",
        "Ignore its speed. Check the build (`lab builds verify BUILD`) and how it was quantised; on a phone also "
        "the runtime's version and the unit that did the work.",
    ),
    InvalidReason.WRONG_TOKEN_COUNT: Words(
        "it processed a different number of tokens or patches than it was asked to",
        "Its rate would be wrong by that share: the agent or its adapter does not count as the job does.",
    ),
    InvalidReason.SPAN_GAP: Words(
        "its stages do not account for the time of its iterations",
        "Something ran between the stages: other load on the device, or work that the agent does not time. "
        "gates.max_gap says how much is allowed; very short iterations justify a larger share.",
    ),
    InvalidReason.SPAN_OVERLAP: Words(
        "its events say that one unit did two things at once",
        "The agent's clock or its spans are wrong: report it with events.jsonl.",
    ),
    InvalidReason.NO_WORK: Words(
        "nothing was done",
        "The agent ended normally and did nothing: look at its output and at the job.",
    ),
    InvalidReason.GATE_TIMEOUT: Words(
        "the device was not cool and charged in time, or that was unknown; it was measured anyway",
        "Cool the device (air, no case), charge it, or raise gates.wait_s. If a sensor gave no reading, or always "
        "the same one, suspect that sensor first: `lab probe DEVICE` shows what it reads.",
    ),
    InvalidReason.SHARED_HOST: Words(
        "others may have used the same cores during the trial",
        "Let only one lab at a time measure on this machine, and measure again.",
    ),
    InvalidReason.STARVED: Words(
        "other programs had the CPU: its times tell of the machine, not of the build",
        "Stop what else runs on the machine (`top` shows it), then measure again. gates.cpu_time_least says how "
        "much CPU time a trial must get.",
    ),
    InvalidReason.WRONG_UNIT: Words(
        "another unit did the work than the agent claimed: a silent fallback",
        "Find out which operations the accelerator refused (see the runtime's log), and export the build so that "
        "it accepts them.",
    ),
    InvalidReason.THROTTLED: Words(
        "the device throttled during the trial",
        "Cool it before and between trials, measure shorter trials, or use the scenario `sustained`, which "
        "measures throttling on purpose.",
    ),
    InvalidReason.CLOCK_JUMP: Words(
        "the device's clock jumped",
        "Its durations mean nothing; if it recurs, switch off whatever sets the clock or lets the device sleep.",
    ),
    InvalidReason.DEVICE_LOST: Words(
        "the device disconnected and did not return in time",
        "Check the device's cable, hub and power (`lab devices`), then measure the missing trials.",
    ),
    InvalidReason.DEVICE_REBOOTED: Words(
        "the device restarted",
        "If it recurs, look at heat and power: phones restart when all cores work without cooling.",
    ),
}
"""The words for every reason; a test checks that none is missing."""

FLAGS: Mapping[str, str] = {**records.FLAGS, "collected": "started by a lab that was killed, and collected later"}
"""The words for each flag of a trial that counts nevertheless."""


def reason_words(reason: InvalidReason | None) -> Words:
    """Return the words for a reason; an invalid trial of an older lab may have no reason."""
    return REASONS[reason] if reason is not None else Words("no reason was recorded", "Measure again.")


def meaning_of(reason: str) -> str:
    """Return what a reason means, by its name; a name of another version says that it is not known."""
    known = {str(each): words.means for each, words in REASONS.items()}
    return known.get(reason, "this version does not know the reason")
