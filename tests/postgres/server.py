"""A PostgreSQL of the tests' own: Debian's, a primary and its streaming replica, killed at will."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

__all__ = ["PostgresServer", "missing"]

_BIN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_PATIENCE_S = 60.0
_CONFIG = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
wal_level = {wal_level}
max_wal_senders = 8
max_replication_slots = 8
shared_buffers = 16MB
hot_standby_feedback = on
wal_retrieve_retry_interval = '100ms'
fsync = off
max_connections = 50
"""


def missing() -> str:
    """Say what is missing to run one; empty where nothing is."""
    if not _BIN:
        return "expected postgresql in /usr/lib/postgresql, got none (Debian: postgresql)"
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        return "expected runuser, as PostgreSQL does not run as root"
    return ""


class PostgresServer:
    """One server in a folder of its own; it listens on loopback alone."""

    def __init__(self, *, wal_level: str = "logical") -> None:
        if why := missing():
            pytest.skip(why)
        self.folder = Path(tempfile.mkdtemp(prefix="tv5-postgres-"))
        self.data = self.folder / "data"
        self._wal_level = wal_level
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.dsn = f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")

    def run(self, program: str, *arguments: object) -> None:
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*as_user, str(_BIN[-1] / program), *map(str, arguments)],
            capture_output=True, text=True, cwd="/", check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout

    def make(self) -> PostgresServer:
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8")
        self._configure()
        self.start()
        return self

    def make_replica_of(self, primary: PostgresServer) -> PostgresServer:
        self.run("pg_basebackup", "-D", self.data, "-d", primary.dsn, "-R", "-c", "fast")
        self._configure()
        self.start()
        return self

    def _configure(self) -> None:
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(_CONFIG.format(port=self.port, wal_level=self._wal_level))

    def start(self) -> None:
        log = self.folder / "log"
        # Its output goes to a file: what it inherits would keep pipes of ours open.
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        subprocess.run(
            [*as_user, str(_BIN[-1] / "pg_ctl"), "-D", str(self.data), "-l", str(log), "-w",
             "-t", "60", "start"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", check=True,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def kill(self) -> None:
        """Kill it and its children at once."""
        pid = self.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in [pid, *map(int, children)]:
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                continue
        wait_for(lambda: not any(Path(f"/proc/{one}").exists() for one in [pid, *children]))
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def is_running(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except (FileNotFoundError, ProcessLookupError, IndexError):
            return False
        return True

    def promote(self) -> None:
        self.run("pg_ctl", "-D", self.data, "-w", "promote")

    def close(self) -> None:
        if self.data.exists() and self.is_running():
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements, a transaction each; return the rows of the last."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []


def wait_for(condition: Any, patience_s: float = _PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "expected it within a minute"
        time.sleep(0.01)
