"""Nobody but a person at this machine reaches the dashboard, and it reaches nobody."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from streamlit import config

from tests.dashboards.conftest import server
from tests.dashboards.pages import APP
from tests.lab_process import ROOT

HANDSHAKE = (
    "GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: streamlit\r\n\r\n"
)


def status(address: str, *, host: str, origin: str) -> int:
    """Return the HTTP status that a handshake of the pages' WebSocket gets."""
    found = urlsplit(address)
    with socket.create_connection((found.hostname, found.port), timeout=30) as connection:
        connection.sendall(HANDSHAKE.format(host=host, origin=origin).encode())
        return int(connection.recv(4096).split()[1])


def test_our_own_page_may_connect(served: str) -> None:
    """What the browser sends for the address that the server prints, and for localhost."""
    port = urlsplit(served).port

    assert status(served, host=f"127.0.0.1:{port}", origin=served) == 101
    assert status(served, host=f"localhost:{port}", origin=f"http://localhost:{port}") == 101


def test_a_name_that_was_bound_to_loopback_is_refused(served: str) -> None:
    """DNS rebinding: the browser believes that the page comes from elsewhere, and says so in Host."""
    port = urlsplit(served).port

    assert status(served, host=f"evil.example:{port}", origin=f"http://evil.example:{port}") == 403


def test_a_page_from_elsewhere_is_refused(served: str) -> None:
    """Another site's script knows our address, and its browser says where it comes from."""
    port = urlsplit(served).port

    assert status(served, host=f"127.0.0.1:{port}", origin="https://evil.example") == 403


def test_it_listens_on_loopback_alone(tmp_path: Path) -> None:
    """Every socket of the server and of its children that accepts connections."""
    (tmp_path / "data").mkdir()
    with server(tmp_path / "data") as address:
        port = urlsplit(address).port
        heard = [tuple(each.laddr) for each in psutil.net_connections("inet") if each.status == "LISTEN"]

    assert [ip for ip, at in heard if at == port] == ["127.0.0.1"]


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    """Who installed pocketlab alone learns the command, and sees no traceback."""
    start = "import runpy, sys; sys.modules['pandas'] = None; runpy.run_module('dashboards', run_name='__main__')"
    argv = [sys.executable, "-c", start, "--data", str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert done.stderr.endswith("`pip install 'pocketlab[dashboard]'` installs what pages need\n")
    assert "Traceback" not in done.stderr


def test_the_settings_lie_beside_the_app() -> None:
    """They hold from whatever folder it is started, and whatever a person's own settings are."""
    wanted = {
        "browser.gatherUsageStats": False,
        "server.enableCORS": True,
        "server.enableXsrfProtection": True,
        "client.showErrorDetails": "none",
        "runner.magicEnabled": False,
    }
    config._main_script_path = str(APP)
    try:
        config.get_config_options(force_reparse=True)
        found = {option: config.get_option(option) for option in wanted}
    finally:
        config._main_script_path = None
        config.get_config_options(force_reparse=True)

    assert found == wanted
