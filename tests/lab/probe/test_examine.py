"""How a phone's answers are judged, and which settings a probe writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import pytest

from lab.device.cores import Held
from lab.device.fake.phone import FakePhone, fake_device
from lab.device.transport import Completed
from lab.errors import DeviceRefused
from lab.probe.examine import Verdict, examine, judge

MISSING = "sh: getprop: inaccessible or not found"
HAL = "Current temperatures"


@pytest.mark.parametrize(
    ("done", "holds", "verdict", "finding"),
    [
        (Completed(0, "MT6989\n", ""), "", "available", "MT6989"),
        (Completed(0, "==> a <==\n42\n", ""), "", "available", "42"),
        (Completed(0, "a\n  level: 80\n", ""), "level", "available", "level: 80"),
        (Completed(0, "\n", ""), "", "unverifiable", "printed nothing (status 0)"),
        (Completed(127, "", MISSING), "", "missing", MISSING),
        (Completed(20, "", "Can't find service: power"), "", "missing", "Can't find service: power"),
        (Completed(1, "", "cat: /proc/x: Permission denied"), "", "refused", "cat: /proc/x: Permission denied"),
        (Completed(0, "Exception:\nSecurityException: no", ""), "1", "refused", "Exception:"),
        (Completed(0, "HAL Ready: false", ""), HAL, "unverifiable", f"does not contain '{HAL}': HAL Ready: false"),
        (Completed(1, "policy0\n", "cat: b: Permission denied"), "", "refused", "cat: b: Permission denied"),
    ],
)
def test_an_answer_is_judged_by_what_it_says(done: Completed, holds: str, verdict: Verdict, finding: str) -> None:
    """Not every ROM sets a status, so messages count; an answer of which a part was refused is refused."""
    assert judge(done, holds) == (verdict, finding)


class Settings(FakePhone):
    """A phone whose settings may refuse a write, or change by themselves."""

    def __init__(self, values: Mapping[str, str], *, refuses: bool = False, forgets: bool = False) -> None:
        super().__init__({})
        self.values, self.refuses, self.forgets = dict(values), refuses, forgets
        self.writes: list[list[str]] = []

    def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Play `settings`."""
        if argv[:2] == ("settings", "put"):
            self.writes.append(list(argv))
            if self.refuses:
                return Completed(255, "", "java.lang.SecurityException: Permission denial: writing to settings")
            self.values[argv[3]] = "7" if self.forgets else argv[4]
            return Completed(0, "", "")
        return Completed(0, self.values.get(argv[-1], "null") + "\n", "")


def no_lease() -> AbstractContextManager[Held]:
    """Refuse."""
    raise DeviceRefused("held by somebody")


@pytest.mark.parametrize(
    ("phone", "verdict", "writes"),
    [
        (Settings({"low_power": "0"}), "available", 1),
        (Settings({"low_power": "0"}, refuses=True), "refused", 1),
        (Settings({"low_power": "0"}, forgets=True), "refused", 1),
        (Settings({}), "unverifiable", 0),
    ],
    ids=["kept", "refused", "changed", "not set"],
)
def test_a_setting_is_written_only_with_the_value_it_has(phone: Settings, verdict: str, writes: int) -> None:
    """Without a value nothing is written; a device that cannot be leased is probed nevertheless."""
    found = {one.name: one for one in examine(fake_device(phone), lease=no_lease, tell=lambda words: None)}

    assert found["setting global low_power"].verdict == verdict
    assert phone.writes == [["settings", "put", "global", "low_power", "0"]] * writes
    assert found["the lab's agent"].finding == "held by somebody"
