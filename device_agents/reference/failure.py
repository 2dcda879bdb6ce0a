"""The agent's one exception: why it gives up a job, as one of the contract's classes."""

from __future__ import annotations

import errno

from device_agents.contract import ErrorClass


class AgentError(Exception):
    """The agent gives up; `error` is the contract's class, the message is for people."""

    def __init__(self, error: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.error = error


def bad_job(message: str) -> AgentError:
    """Return the error for a job that asks for something impossible."""
    return AgentError(ErrorClass.BAD_JOB, message)


def as_failure(error: Exception) -> AgentError:
    """Return any exception as an `AgentError`; an unforeseen one is a `crash` that names the exception."""
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
    """Recognise ONNX Runtime's own exception for std::bad_alloc, which only its text identifies."""
    return any(sign in words for sign in ("bad_alloc", "bad allocation", "Failed to allocate memory"))
