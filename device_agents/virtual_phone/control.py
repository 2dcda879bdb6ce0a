"""The control socket of one virtual phone: the process that runs its supervisor, and the client that asks it.

    python -m device_agents.virtual_phone.control PHONE_FOLDER

It listens on the folder's control.sock. A request is one JSON object on a line, {"do": WORD, "argument": TEXT};
the answer is {"said": TEXT, …} or {"error": TEXT}. WORD is `status`, `stop` or the name of a fault.
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
    """Carry out one request and return the answer; raises `FarmError`."""
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
    """Send one request to a phone's supervisor and return its answer; raises `FarmError` if that is an error."""
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
            raise FarmError(f"{phone.name}: no supervisor answers ({error}); `up` restarts it") from error
    if not answer:
        raise FarmError(f"{phone.name}: its supervisor ended before it answered; see {phone.log}")
    result: dict[str, object] = json.loads(answer)
    if "error" in result:
        raise FarmError(f"{phone.name}: {result['error']}")
    return result


def main(folder: Path) -> int:
    """Run the supervisor and the control socket of the phone in this folder until the phone is stopped."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    phone = load(folder)
    started = linux.start_time(os.getpid())
    (folder / "supervisor.pid").write_text(f"{os.getpid()} {started}\n", encoding="ascii")
    try:
        linux.follow_no_link_below(phone.state_root)  # the phone's shell writes there, and this process is root
    except OSError as error:
        log.error("%s: cannot stop symbolic links in its state from being followed: %s", phone.name, error)
        return 2
    supervisor = Supervisor(phone)
    signal.signal(signal.SIGTERM, lambda *_: supervisor.stop())
    try:
        supervisor.wire.set("up")  # before a request can set another state
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
            except Exception as error:  # the client must get an answer, and the phone goes on
                log.exception("control request %s", line.strip())
                answer = {"error": f"{type(error).__name__}: {error}"}
            with contextlib.suppress(OSError):
                lines.write(json.dumps(answer) + "\n")
                lines.flush()


def _listener(folder: Path) -> socket.socket:
    """Listen on control.sock, through a descriptor of the folder: a socket's name has at most 107 bytes."""
    handle = socket.socket(socket.AF_UNIX)
    (folder / "control.sock").unlink(missing_ok=True)
    place = os.open(folder, os.O_PATH)
    handle.bind(f"/proc/self/fd/{place}/control.sock")
    os.close(place)
    handle.listen(8)
    return handle


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
