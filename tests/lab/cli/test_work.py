"""What ends a lab at work."""

from __future__ import annotations

import os
import signal

import pytest

from lab.cli.work import at_work


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_work_as_ctrl_c_does(number: signal.Signals) -> None:
    """A closed terminal must leave no phone bright; afterwards the signal means what it meant before."""
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt), at_work([]):
            os.kill(os.getpid(), number)
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_nohup_is_respected() -> None:
    """Who had the closed terminal ignored wants the work to go on."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with at_work([]):
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
