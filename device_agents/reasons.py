"""The contract's reasons not to count a trial, in a file of their own: reading results needs no pydantic."""

from __future__ import annotations

from enum import StrEnum


class InvalidReason(StrEnum):
    """Why a trial does not count. A trial has one reason: the first one found."""

    AGENT_ERROR = "agent_error"
    AGENT_DIED = "agent_died"
    TIMEOUT = "timeout"
    NO_END = "no_end"
    MALFORMED_EVENTS = "malformed_events"
    COUNT_MISMATCH = "count_mismatch"
    WRONG_OUTPUT = "wrong_output"
    WRONG_TOKEN_COUNT = "wrong_token_count"
    SPAN_GAP = "span_gap"
    SPAN_OVERLAP = "span_overlap"
    NO_WORK = "no_work"
    GATE_TIMEOUT = "gate_timeout"
    SHARED_HOST = "shared_host"
    STARVED = "starved"
    WRONG_UNIT = "wrong_unit"
    THROTTLED = "throttled"
    CLOCK_JUMP = "clock_jump"
    DEVICE_LOST = "device_lost"
    DEVICE_REBOOTED = "device_rebooted"
