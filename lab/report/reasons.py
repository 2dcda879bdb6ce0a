"""What each reason for an invalid trial means to a user, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from device_agents.contract import InvalidReason
from lab.records import FLAGS as GATE_FLAGS


@dataclass(frozen=True)
class Words:
    """`means` completes "it does not count:"; `do` is what a user should try, an order."""

    means: str
    do: str


REASONS: Mapping[InvalidReason, Words] = {
    InvalidReason.AGENT_ERROR: Words(
        "the agent gave up and said why",
        "Read the agent's own words below; an input or a batch that the build lacks is refused so.",
    ),
    InvalidReason.AGENT_DIED: Words(
        "the agent's process ended before its work did",
        "Look for what ended it: memory (Android ends what uses most of it), a crash in stderr.txt, or another "
        "program or person; then measure again.",
    ),
    InvalidReason.TIMEOUT: Words(
        "it took longer than plan.timeout_s",
        "If it was working, only slower than thought, raise plan.timeout_s in the scenario; if it hung, the last "
        "event says where.",
    ),
    InvalidReason.NO_END: Words(
        "the agent never wrote that it had ended",
        "The device's disk may be full or the agent was ended from outside; free space and measure again.",
    ),
    InvalidReason.MALFORMED_EVENTS: Words(
        "the agent wrote a line that is no event",
        "Agent and lab may be of different versions: build the agent again from this version. "
        "events.jsonl has the line.",
    ),
    InvalidReason.COUNT_MISMATCH: Words(
        "events are missing or too many",
        "Lines were lost between agent and lab: measure again; if it comes back, report it with events.jsonl.",
    ),
    InvalidReason.WRONG_OUTPUT: Words(
        "what came out is not what the reference model answers",
        "Do not look at its speed. Check the build (`lab builds verify`) and how it was quantised; on a phone "
        "also its runtime's version and the unit that did the work.",
    ),
    InvalidReason.WRONG_TOKEN_COUNT: Words(
        "it worked on another number of tokens or patches than it was asked to",
        "Its rate would be wrong by that share: the agent or its adapter counts otherwise than the job says.",
    ),
    InvalidReason.SPAN_GAP: Words(
        "its stages do not account for the time that iterations took",
        "Something ran between the stages: other load on the device, or work that the agent does not time. "
        "gates.max_gap says how much is allowed; where iterations are very short a larger share is honest.",
    ),
    InvalidReason.SPAN_OVERLAP: Words(
        "one unit is said to have done two things at once",
        "The agent's clock or its spans are wrong: report it with events.jsonl.",
    ),
    InvalidReason.NO_WORK: Words(
        "nothing was done",
        "The agent ended well and did nothing: look at its own words, and at the job.",
    ),
    InvalidReason.GATE_TIMEOUT: Words(
        "the device was not cool and charged in time, or nobody could tell; it was measured all the same",
        "Cool the device (air, no case), charge it, or raise gates.wait_s. If a sensor gave no reading, or the "
        "same at each look, doubt that sensor first: `lab probe` says what it reads.",
    ),
    InvalidReason.SHARED_HOST: Words(
        "others may have used the same cores meanwhile",
        "Let one lab at a time measure on this machine, and measure again.",
    ),
    InvalidReason.WRONG_UNIT: Words(
        "another unit did the work than was claimed: a silent fall-back",
        "Find out which operations the accelerator refused (the runtime's log says), and export the build so that "
        "it takes them.",
    ),
    InvalidReason.THROTTLED: Words(
        "the device throttled while it was measured",
        "Cool it before and between trials, measure shorter trials, or ask the scenario `sustained`, which "
        "measures throttling on purpose.",
    ),
    InvalidReason.CLOCK_JUMP: Words(
        "the device's clock jumped",
        "Durations of that trial mean nothing; if it comes back, switch off what sets the clock or sleeps.",
    ),
    InvalidReason.DEVICE_LOST: Words(
        "the device went away and did not come back in time",
        "Check cable, hub and power of the device (`lab devices`), then go on with what is missing.",
    ),
    InvalidReason.DEVICE_REBOOTED: Words(
        "the device restarted",
        "If it happens again, look at heat and power: phones restart when all cores work without cooling.",
    ),
}
"""Every reason there is; a test keeps it so."""

FLAGS: Mapping[str, str] = {**GATE_FLAGS, "collected": "begun by a lab that was gone, and fetched later"}
"""What a trial that counts all the same is marked with."""

STATUS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
"""Android's thermal statuses by number (PowerManager.THERMAL_STATUS_*)."""


def reason_words(reason: InvalidReason | None) -> Words:
    """Return the words for a reason; an invalid trial of an older lab may have none."""
    return REASONS[reason] if reason is not None else Words("it has no reason", "Measure again.")
