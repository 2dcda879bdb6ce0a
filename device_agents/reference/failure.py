"""The one exception of the agent: a job it gives up, with the contract's class for the reason."""

from __future__ import annotations

import errno

from device_agents.contract import ErrorClass


class AgentError(Exception):
    """The agent gives up; `error` is the contract's class, the text is for a person."""

    def __init__(self, error: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.error = error


def bad_job(message: str) -> AgentError:
    """Make the failure of a job that asks for something impossible."""
    return AgentError(ErrorClass.BAD_JOB, message)


def as_failure(error: Exception) -> AgentError:
    """Give any exception its class; what nobody foresaw is a `crash` that names the exception."""
    if isinstance(error, AgentError):
        return error
    words = f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return AgentError(ErrorClass.DISK_FULL, words)
    no_memory = isinstance(error, OSError) and error.errno == errno.ENOMEM
    if isinstance(error, MemoryError) or no_memory or _allocation_failed(words):
        return AgentError(ErrorClass.OOM, words)
    return AgentError(ErrorClass.CRASH, words)


def _allocation_failed(words: str) -> bool:
    """ONNX Runtime turns std::bad_alloc into an exception of its own; only its text tells."""
    return any(sign in words for sign in ("bad_alloc", "bad allocation", "Failed to allocate memory"))
