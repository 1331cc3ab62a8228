"""``tv5 serve`` as a process of its own, and what its processes are."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tv5core.server.process.writer_client import WriterClient

_COMMAND = "from tv5core.cli import main; main()"


class Served:
    """A running ``tv5 serve``."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process, self._folder = process, folder
        self.lines: list[str] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip())

    def wait_for(self, what: Callable[[], Any], limit_s: float = 60.0) -> Any:
        """Wait until something is true; return it."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            found = what()
            if found:
                return found
            if self.process.poll() is not None:
                time.sleep(0.2)
                break
            time.sleep(0.02)
        raise AssertionError("\n".join(self.lines[-20:]) or "no line")

    @property
    def url(self) -> str:
        """The address, once requests are answered."""
        pattern = re.compile(r"\s+metrics\s+(http://\S+)/metrics")
        found = self.wait_for(lambda: [m for line in self.lines if (m := pattern.match(line))])
        return str(found[0][1])

    def events(self, message: str) -> list[dict[str, Any]]:
        """Return the log's lines with this message."""
        read = [json.loads(line) for line in list(self.lines) if line.startswith("{")]
        return [line for line in read if line["message"] == message]

    def pid(self, name: str) -> int:
        """Return the pid of the newest process with this name."""
        return int(self.events(f"{name} started")[-1]["child"])

    def writer(self, deadline_s: float = 20.0) -> WriterClient:
        """Return a client of the writer."""
        (path,) = self._folder.glob("tv5-serve-*/writer.sock")
        return WriterClient(path, deadline_s=deadline_s)

    def signal(self, number: signal.Signals) -> None:
        """Send the supervisor a signal."""
        self.process.send_signal(number)

    def stop(self) -> int:
        """Stop it; return its exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        code = self.process.wait(30)
        self._reading.join(15)  # the last child has ended then
        if self.process.stderr is not None:
            self.process.stderr.close()
        return code


@contextlib.contextmanager
def served(folder: Path, *arguments: str, **environment: str) -> Iterator[Served]:
    """Run ``tv5 serve`` on a free port; its temporary files are in a folder."""
    variables = {**os.environ, "TMPDIR": str(folder), "TV5_PROVIDERS": "false", **environment}
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, "serve", "--port", "0", *arguments],
        env=variables, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    running = Served(process, folder)
    try:
        yield running
    finally:
        running.stop()
