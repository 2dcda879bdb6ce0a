"""Control groups of a phone, in either version."""

from __future__ import annotations

from pathlib import Path

from device_agents.virtual_phone import cgroup


def test_control_groups_are_found_in_either_version(tmp_path: Path) -> None:
    """v1 mounts a tree for each controller, by any name; v2 has one for all that v1 does not hold."""
    v1 = (
        "30 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
        "31 24 0:27 / /sys/fs/cgroup/memory rw,nosuid shared:10 - cgroup cgroup rw,memory\n"
        f"32 24 0:28 / {tmp_path} rw,nosuid shared:11 - cgroup2 cgroup2 rw\n"
    )
    assert cgroup.folders("phone", v1) == {
        "cpu": Path("/sys/fs/cgroup/cpu,cpuacct/phone"),
        "cpuacct": Path("/sys/fs/cgroup/cpu,cpuacct/phone"),
        "memory": Path("/sys/fs/cgroup/memory/phone"),
    }
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n", encoding="ascii")
    v2 = f"32 24 0:28 / {tmp_path} rw,nosuid shared:11 - cgroup2 cgroup2 rw\n"
    assert set(cgroup.folders("phone", v2).values()) == {tmp_path / "phone"}
