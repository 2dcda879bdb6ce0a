"""A store in an empty folder, and a PostgreSQL server of our own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Open a store in an empty folder."""
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


def binaries() -> Path | None:
    """Return the folder of PostgreSQL's server programs; Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "/none")]
    return found[-1].parent if found[-1].exists() else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Start a server of our own on a socket in a folder of its own; return that folder."""
    folder = binaries()
    pytest.importorskip(
        "psycopg", reason="the PostgreSQL driver is not installed: pip install 'pocketlab[postgres]'"
    )
    if folder is None:
        pytest.skip("no PostgreSQL server on this machine: install Debian's package postgresql")
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="pocketlab-") as base:
        if user:
            shutil.chown(base, "postgres")
        control = [*user, str(folder / "pg_ctl"), "-D", f"{base}/data", "-s", "-w"]
        initdb = [*user, str(folder / "initdb"), "-D", f"{base}/data", "-U", "lab", "-A", "trust", "--no-sync"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=base)
        options = f"-c listen_addresses='' -c unix_socket_directories={base} -c fsync=off"
        subprocess.run([*control, "-o", options, "-l", f"{base}/log", "start"], check=True, cwd=base)
        try:
            yield base
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, cwd=base)


@pytest.fixture
def postgres(postgres_server: str) -> str:
    """Make an empty database on the server; return its URL."""
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"postgresql://lab@/postgres?host={postgres_server}", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://lab@/{name}?host={postgres_server}"


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database that several data roots may share."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shared.sqlite'}"
    return str(request.getfixturevalue("postgres"))
