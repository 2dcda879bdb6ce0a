"""An exception of any library becomes an error of the contract."""

from __future__ import annotations

from device_agents.reference.failure import as_failure


def test_foreign_exceptions_get_the_contracts_class() -> None:
    """Out of memory and a full disk have their own classes; anything unforeseen is a crash."""
    assert as_failure(MemoryError()).error == "oom"
    assert as_failure(RuntimeError("std::bad_alloc")).error == "oom"
    assert as_failure(OSError(28, "No space left on device")).error == "disk_full"
    assert str(as_failure(ZeroDivisionError("x / 0"))) == "ZeroDivisionError: x / 0"
    assert as_failure(ZeroDivisionError()).error == "crash"
