"""The control line of one virtual phone: the process that runs its supervisor, and the client that asks it.

    python -m device_agents.virtual_phone.control PHONE_FOLDER

It listens on the folder's control.sock: one JSON object a line, {"do": WORD, "argument": TEXT}, answered by
{"said": TEXT, …} or {"error": TEXT}. WORD is `status`, `stop` or a fault.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from device_agents.virtual_phone import faults, linux
from device_agents.virtual_phone.errors import FarmError
from device_agents.virtual_phone.phone import Phone, load
from device_agents.virtual_phone.supervisor import Supervisor

log = logging.getLogger(__name__)


def obey(supervisor: Supervisor, word: str, argument: str) -> dict[str, object]:
    """Do what a control line says; raises FarmError."""
    if word == "status":
        return {
            "said": supervisor.state if not supervisor.why else f"{supervisor.state}: {supervisor.why}",
            "state": supervisor.state,
            "wire": "stalled" if supervisor.wire.stalled_s else supervisor.wire.state,
            "pid": supervisor.pid,
            "serial": supervisor.serial,
        }
    if word == "stop":
        supervisor.stop()
        return {"said": f"{supervisor.phone.name} ends"}
    return {"said": faults.do(supervisor, word, argument)}


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
    """Run the supervisor of the phone in this folder, and its control line, until the phone is stopped."""
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
        supervisor.wire.set("up")  # before anybody can ask for another state of the cable
        threading.Thread(target=_listen, args=(supervisor,), daemon=True).start()
        supervisor.run()
    except FarmError as error:
        log.error("%s", error)
        return 2
    return 0


def _listen(supervisor: Supervisor) -> None:
    for connection, _ in iter(_listener(supervisor.phone.folder).accept, None):
        threading.Thread(target=_talk, args=(supervisor, connection), daemon=True).start()


def _talk(supervisor: Supervisor, connection: socket.socket) -> None:
    with connection, connection.makefile("rw", encoding="utf-8") as lines:
        for line in lines:
            try:
                request = json.loads(line)
                answer = obey(supervisor, str(request["do"]), str(request.get("argument") or ""))
            except FarmError as error:
                answer = {"error": str(error)}
            except Exception as error:  # the asker must hear of it; the phone lives on
                log.exception("control request %s", line.strip())
                answer = {"error": f"{type(error).__name__}: {error}"}
            with contextlib.suppress(OSError):
                lines.write(json.dumps(answer) + "\n")
                lines.flush()


def _listener(folder: Path) -> socket.socket:
    """Listen on control.sock; the path is taken by way of the folder, as names of sockets end at 107 bytes."""
    handle = socket.socket(socket.AF_UNIX)
    (folder / "control.sock").unlink(missing_ok=True)
    place = os.open(folder, os.O_PATH)
    handle.bind(f"/proc/self/fd/{place}/control.sock")
    os.close(place)
    handle.listen(8)
    return handle


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
