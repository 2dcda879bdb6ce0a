"""The supervisor of one virtual phone: boots it again and again, holds its cable, and warms it as it works.

The phone is a child that the kernel kills when this process ends. control.py runs the supervisor and commands it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time

from device_agents.virtual_phone import cgroup
from device_agents.virtual_phone.errors import FarmError
from device_agents.virtual_phone.network import Forwarder, inside
from device_agents.virtual_phone.phone import Phone, furnish
from device_agents.virtual_phone.sensors import Sensors

REBOOT_S = 1.0  # how long a phone is away when it reboots; a real one takes half a minute
BOOT_S = 120.0  # adbd answers within 0.2 s on this machine's own ABI, within seconds when emulated
TICK_S = 1.0
log = logging.getLogger(__name__)


class Supervisor:
    """Keeps one phone running; `state` is booting, up, hanging, rebooting or broken."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.serial = phone.name
        self.pid: int | None = None  # the phone's pid 1, as a pid of this machine
        self.state = "booting"
        self.why = ""  # reason for `broken`
        self.wire = Forwarder(phone.host, lambda: self.pid)
        self.ending = threading.Event()
        self.sensors = Sensors(phone.sys_root, phone.state_root)
        self.world = threading.Lock()  # hold it to change the sensors
        self._init: subprocess.Popen[str] | None = None
        self._ended = -1  # pidfd of init
        self._share = 1.0  # share of the machine's cores that the phone may use now

    def run(self) -> None:
        """Boot the phone again and again until `stop`; call it in the main thread, with the cable plugged in."""
        while not self.ending.is_set():
            self._boot()
            self._stay()
            self.pid = None
            self.wire.cut()
            if self.state == "broken":
                self.ending.wait()
            self.state = "rebooting"
            self.ending.wait(REBOOT_S)

    def stop(self) -> None:
        """End the phone, and then `run`."""
        self.ending.set()
        self.end_phone()

    def end_phone(self) -> None:
        """Kill the phone, as taking out its battery would; it boots again unless `stop` was called."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _boot(self) -> None:
        """Start init and wait for adbd; in the main thread, because the kernel ties init's life to the thread."""
        self.state, self._share = "booting", 1.0  # a new control group has no quota
        furnish(self.phone, self.serial)
        with self.world:
            self.sensors.boot(now=time.time())
        argv = [sys.executable, "-m", "device_agents.virtual_phone.init", str(self.phone.folder)]
        self._init = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self._ended = os.pidfd_open(self._init.pid)
        assert self._init.stdout is not None
        line = self._init.stdout.readline()
        if not line:
            self.state, self.why = "broken", f"the container could not be made; see {self.phone.log}"
            return
        self.pid = int(line)
        began = time.monotonic()
        while time.monotonic() - began < BOOT_S and not self._over(0.02):
            try:
                inside(self.pid).close()
            except OSError:
                continue
            else:
                self.state = "up"
                log.info("%s is up after %.2f s, pid 1 is %d", self.phone.name, time.monotonic() - began, self.pid)
                return
        self.state, self.why = "broken", f"adbd did not answer within {BOOT_S:g} s; see {self.phone.log}"
        self.end_phone()

    def _stay(self) -> None:
        """Wait until the phone ends, and let time pass for it once a second."""
        assert self._init is not None
        at, used = time.monotonic(), self._cpu_ns()
        while not self._over(TICK_S):
            before_at, before, at, used = at, used, time.monotonic(), self._cpu_ns()
            self.tick(seconds=at - before_at, cpu_ns=used - before)
        os.close(self._ended)
        status = self._init.wait()
        if self._init.stdout:
            self._init.stdout.close()
        log.info("%s ended with status %d%s", self.phone.name, status, " (reboot)" if status == 0 else "")

    def tick(self, *, seconds: float, cpu_ns: int) -> None:
        """Let time pass for the phone: it warms by the CPU time it used, and gets less CPU when it is hot."""
        load = cpu_ns / 1e9 / seconds / (os.cpu_count() or 1) if seconds else 0.0
        with self.world:
            try:
                share = self.sensors.step(seconds=seconds, load=load, now=time.time())
            except OSError as error:  # somebody in the phone broke its state: keep the old readings
                log.warning("readings: %s", error)
                return
            if share != self._share:
                with contextlib.suppress(FarmError):  # without control groups only readings show that it is slow
                    cgroup.set_cpu_quota(self.phone.group, share if share < 1 else None)
                self._share = share

    def _cpu_ns(self) -> int:
        try:
            return cgroup.cpu_usage_ns(self.phone.group)
        except FarmError:
            return 0

    def _over(self, wait_s: float) -> bool:
        """Wait at most `wait_s` for the phone's end; return True when it has ended."""
        return bool(select.select([self._ended], [], [], wait_s)[0])
