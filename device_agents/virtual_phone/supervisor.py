"""The process beside one virtual phone: boots it, is its cable, its heat, and the hand that does it harm.

    python -m device_agents.virtual_phone.supervisor PHONE_FOLDER

It listens on the folder's control.sock: one JSON object a line, {"do": WORD, "argument": TEXT}, answered by
{"said": TEXT, …} or {"error": TEXT}. The phone is a child that the kernel kills when this process ends.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from device_agents.virtual_phone import cgroup, linux
from device_agents.virtual_phone.errors import FarmError
from device_agents.virtual_phone.network import Forwarder, inside
from device_agents.virtual_phone.phone import Phone, furnish, load
from device_agents.virtual_phone.sensors import Sensors

REBOOT_S = 1.0  # how long a phone is away when it reboots; a real one takes half a minute
BOOT_S = 120.0  # adbd answers within 0.2 s on this machine's own ABI, within seconds when emulated
TICK_S = 1.0
log = logging.getLogger(__name__)


class Supervisor:
    """One phone and what is done to it; `state` is booting, up, hanging, rebooting or broken."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.serial = phone.name
        self.pid: int | None = None  # the phone's pid 1, as this machine counts
        self.state, self._share = "booting", 1.0  # a control group made anew has no quota
        self.why = ""  # of `broken`
        self.wire = Forwarder(phone.host, lambda: self.pid)
        self.ending = threading.Event()
        self.sensors = Sensors(phone.sys_root, phone.state_root)
        self.world = threading.Lock()  # held by whoever changes the sensors
        self._init: subprocess.Popen[str] | None = None
        self._ended = -1  # pidfd of init
        self._share = 1.0  # of the machine's cores, that the phone may use now

    def run(self) -> None:
        """Boot the phone again and again until told to stop."""
        self.wire.set("up")
        threading.Thread(target=self._control, daemon=True).start()
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
        """End the phone and then this process."""
        self.ending.set()
        self.end_phone()

    def end_phone(self) -> None:
        """Kill the phone as a battery taken out does; it boots again unless this process is ending."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _boot(self) -> None:
        """Start init (from this, the main thread: the kernel ties it to the thread) and wait for adbd."""
        self.state, self._share = "booting", 1.0  # a control group made anew has no quota
        furnish(self.phone, self.serial)
        with self.world:
            self.sensors.boot(now=time.time())
        argv = [sys.executable, "-m", "device_agents.virtual_phone.init", str(self.phone.folder)]
        self._init = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self._ended = os.pidfd_open(self._init.pid)
        assert self._init.stdout is not None
        line = self._init.stdout.readline()
        if not line:
            self.state, self.why = "broken", f"the container could not be made; {self.phone.log} says why"
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
        self.state, self.why = "broken", f"adbd did not answer; {self.phone.log} says why"
        self.end_phone()

    def _stay(self) -> None:
        """Wait for the phone's end; once a second, the world goes on for it."""
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
        """Let time pass for the phone: it warms by the CPU time it used, and a hot one gets less CPU."""
        load = cpu_ns / 1e9 / seconds / (os.cpu_count() or 1) if seconds else 0.0
        with self.world:
            try:
                share = self.sensors.step(seconds=seconds, load=load, now=time.time())
            except OSError as error:  # whoever is in the phone may break its state: readings stand still then
                log.warning("readings: %s", error)
                return
            if share != self._share:
                with contextlib.suppress(FarmError):  # without control groups a hot phone is only said to be slow
                    cgroup.set_cpu_quota(self.phone.group, share if share < 1 else None)
                self._share = share

    def _cpu_ns(self) -> int:
        try:
            return cgroup.cpu_usage_ns(self.phone.group)
        except FarmError:
            return 0

    def _over(self, wait_s: float) -> bool:
        """Wait so long at most for the phone's end."""
        return bool(select.select([self._ended], [], [], wait_s)[0])

    def _control(self) -> None:
        for connection in iter(_listener(self.phone.folder).accept, None):
            threading.Thread(target=self._talk, args=(connection[0],), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rw", encoding="utf-8") as lines:
            for line in lines:
                try:
                    request = json.loads(line)
                    answer = self.obey(str(request["do"]), str(request.get("argument") or ""))
                except FarmError as error:
                    answer = {"error": str(error)}
                except Exception as error:  # the asker must hear of it; the phone lives on
                    log.exception("control request %s", line.strip())
                    answer = {"error": f"{type(error).__name__}: {error}"}
                with contextlib.suppress(OSError):
                    lines.write(json.dumps(answer) + "\n")
                    lines.flush()

    def obey(self, word: str, argument: str) -> dict[str, object]:
        """Do what a control line says."""
        from device_agents.virtual_phone import faults

        if word == "status":
            return {
                "said": self.state if not self.why else f"{self.state}: {self.why}",
                "state": self.state,
                "wire": "stalled" if self.wire.stalled_s else self.wire.state,
                "pid": self.pid,
                "serial": self.serial,
            }
        if word == "stop":
            self.stop()
            return {"said": f"{self.phone.name} ends"}
        return {"said": faults.do(self, word, argument)}


def _listener(folder: Path) -> socket.socket:
    """Listen on control.sock; the path is taken by way of the folder, as names of sockets end at 107 bytes."""
    handle = socket.socket(socket.AF_UNIX)
    (folder / "control.sock").unlink(missing_ok=True)
    place = os.open(folder, os.O_PATH)
    handle.bind(f"/proc/self/fd/{place}/control.sock")
    os.close(place)
    handle.listen(8)
    return handle


def ask(phone: Phone, word: str, argument: str = "", *, deadline_s: float = 30.0) -> dict[str, object]:
    """Send one control line to a phone's supervisor; raises FarmError with what it says went wrong."""
    with socket.socket(socket.AF_UNIX) as handle:
        handle.settimeout(deadline_s)
        try:
            place = os.open(phone.folder, os.O_PATH)
            try:
                handle.connect(f"/proc/self/fd/{place}/control.sock")
            finally:
                os.close(place)
            handle.sendall(json.dumps({"do": word, "argument": argument}).encode() + b"\n")
            with handle.makefile(encoding="utf-8") as lines:
                answer = lines.readline()
        except OSError as error:
            raise FarmError(f"{phone.name}: no supervisor answers ({error}); `up` starts it again") from error
    if not answer:
        raise FarmError(f"{phone.name}: its supervisor ended in mid-answer; {phone.log} says why")
    result: dict[str, object] = json.loads(answer)
    if "error" in result:
        raise FarmError(f"{phone.name}: {result['error']}")
    return result


def main(folder: Path) -> int:
    """Run the supervisor of the phone in this folder."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    phone = load(folder)
    started = linux.start_time(os.getpid())
    (folder / "supervisor.pid").write_text(f"{os.getpid()} {started}\n", encoding="ascii")
    try:
        linux.follow_no_link_below(phone.state_root)  # the phone's shell writes there, and this process is root
    except OSError as error:
        log.error("%s: its state could not be shut in: %s", phone.name, error)
        return 2
    supervisor = Supervisor(phone)
    signal.signal(signal.SIGTERM, lambda *_: supervisor.stop())
    try:
        supervisor.run()
    except FarmError as error:
        log.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
