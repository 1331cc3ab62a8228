"""A Milvus server of the tests' own: milvus-lite behind real gRPC, on loopback."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["MilvusServer", "fresh_name"]

_PATIENCE_S = 120
_numbers = itertools.count()


def fresh_name() -> str:
    """Return a name of a collection that no other test has."""
    return f"films_{os.getpid()}_{next(_numbers)}"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class MilvusServer:
    """One that can be stopped and started again, with what it holds."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"milvus://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = Path(sys.executable).with_name("milvus-lite")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    command, "server", "--data-dir", self.folder / "data",
                    "--host", "127.0.0.1", "--port", str(self.port),
                ],
                stdout=log,
                stderr=log,
            )  # fmt: skip
        ends = time.monotonic() + _PATIENCE_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError((self.folder / "log").read_text(errors="replace"))
            time.sleep(0.05)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
