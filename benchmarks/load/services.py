"""The processes of a run: the gateway, the stand-in for TMDB, Redis; and their memory."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

__all__ = ["Gateway", "Standin", "bare", "free_port", "gateway", "get_json", "redis", "standin"]

TOKEN = "token-of-the-benchmark"
_START_S = 300.0
_SAMPLE_S = 1.0


def get_json(url: str, *, token: bool = False, body: Any = None, limit_s: float = 30.0) -> Any:
    """Get a URL, or post a body to it; return the decoded answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    if token:
        request.add_header("Authorization", f"Bearer {TOKEN}")
    with urllib.request.urlopen(request, timeout=limit_s) as answer:
        return json.loads(answer.read() or b"null")


def free_port() -> int:
    """Return a port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_CHECKOUT = Path(__file__).parents[2]
"""Where ``python -m benchmarks`` is found, wherever this process stands."""


@contextlib.contextmanager
def _running(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, text=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


@dataclass
class Standin:
    """The stand-in for TMDB."""

    url: str
    control_url: str
    process: subprocess.Popen[str]

    def control(self, **wanted: Any) -> None:
        """Change what it does."""
        get_json(f"{self.control_url}/control", body=wanted)

    def seen(self) -> dict[str, Any]:
        """Return what it counted."""
        found: dict[str, Any] = get_json(f"{self.control_url}/seen")
        return found


@contextlib.contextmanager
def standin(latency_s: float = 0.05, contract: int = 50) -> Iterator[Standin]:
    """Run the stand-in."""
    command = [sys.executable, "-m", "benchmarks", "standin", "--json"]
    command += ["--latency", str(latency_s), "--contract", str(contract)]
    with _running(command, stdout=subprocess.PIPE, cwd=_CHECKOUT) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        yield Standin(said["url"], said["control"], process)


@contextlib.contextmanager
def redis(folder: Path, port: int | None = None) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run a Redis that keeps nothing on disk; yields its URL and its process."""
    at = free_port() if port is None else port
    command = ["redis-server", "--port", str(at), "--bind", "127.0.0.1", "--save", ""]
    command += ["--appendonly", "no", "--dir", str(folder)]
    with _running(command, stdout=subprocess.DEVNULL) as process:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", at), 1):
                break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{at}/0", process


@contextlib.contextmanager
def bare(core: int | None = None) -> Iterator[str]:
    """Run a bare aiohttp handler, alone on a core where one is given; yields its URL."""
    port = free_port()
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    command = [*pinned, sys.executable, "-m", "benchmarks.load.bare", str(port)]
    with _running(command, stdout=subprocess.PIPE, cwd=_CHECKOUT) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield f"http://127.0.0.1:{port}/"


@dataclass
class Gateway:
    """A running gateway.

    Attributes
    ----------
    rss_bytes : list of int
        Resident memory of its workers together, every second.
    lines : list of str
        What it wrote to standard error.
    """

    process: subprocess.Popen[str]
    url: str = ""
    catalog: Path = Path()
    lines: list[str] = field(default_factory=list)
    rss_bytes: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def events(self, message: str) -> list[dict[str, Any]]:
        """Return the log's lines with a message."""
        read = [json.loads(line) for line in list(self.lines) if line.startswith("{")]
        return [line for line in read if line["message"] == message]

    def pid(self, name: str) -> int:
        """Return the pid of the newest process with a name, such as ``worker 1``."""
        return int(self.events(f"{name} started")[-1]["child"])

    def cpu_s(self) -> float:
        """Return the processor time of its workers and its writer so far."""
        total = 0.0
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                used = child.cpu_times()
                total += used.user + used.system
        return total

    def stats(self) -> dict[str, Any]:
        """Return the statistics of the cache of one worker."""
        found: dict[str, Any] = get_json(f"{self.url}/api/admin/cache/stats", token=True)
        return found

    def read(self) -> None:
        """Take in standard error until it ends."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            if found := re.match(r"\s+metrics\s+(http://\S+)/metrics", line):
                self.url = found[1]

    def sample(self) -> None:
        """Note memory and descriptors every second, until the process ends."""
        while self.process.poll() is None:
            with contextlib.suppress(psutil.Error):
                workers = psutil.Process(self.process.pid).children()
                self.rss_bytes.append(sum(child.memory_info().rss for child in workers))
                self.descriptors.append(sum(child.num_fds() for child in workers))
            time.sleep(_SAMPLE_S)


@contextlib.contextmanager
def gateway(
    catalog: Path | None,
    *settings: str,
    workers: int = 1,
    tmdb: str | None = None,
    disk: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Gateway]:
    """Run ``tv5 serve`` over a copy of a catalogue, or over the demo's.

    Parameters
    ----------
    catalog : Path or None
    *settings : str
        As ``NAME=VALUE``.
    workers : int
    tmdb : str or None
        Address of the stand-in.
    disk : Path, optional
        Where the copy and the cache are put.
    environment : mapping, optional
        Variables that the gateway has besides.
    """
    with tempfile.TemporaryDirectory(
        prefix="tv5-load-", ignore_cleanup_errors=True, dir=disk
    ) as made:
        folder = Path(made)
        command = [sys.executable, "-c", "from tv5core.cli import main; main()", "serve"]
        served = folder / "catalog"
        if catalog is not None:
            shutil.copytree(catalog, served)  # titles that only TMDB knows are stored in it
        command += [str(served), *(["--demo"] if catalog is None else [])]
        command += ["--port", "0", "--workers", str(workers), "--cache", str(folder / "cache")]
        given = ("log_requests=false", "client_rate=0", "key_rate=0", *settings)
        command += [part for text in given for part in ("--set", text)]
        variables = {**os.environ, "TV5_ADMIN_TOKEN": TOKEN, "TMPDIR": made}
        variables |= environment or {}
        if tmdb is not None:
            variables |= {"TV5_TMDB_URL": tmdb, "TMDB_BEARER_TOKEN": "key-of-the-benchmark"}
        with _running(command, stderr=subprocess.PIPE, env=variables) as process:
            running = Gateway(process, catalog=served)
            reading = threading.Thread(target=running.read, daemon=True)
            reading.start()
            _wait(running)
            threading.Thread(target=running.sample, daemon=True).start()
            yield running
        reading.join(10)
        if process.stderr is not None:
            process.stderr.close()


def _wait(running: Gateway) -> None:
    end = time.monotonic() + _START_S
    while not running.url:
        if running.process.poll() is not None or time.monotonic() > end:
            raise SystemExit("expected a gateway, got " + "\n".join(running.lines[-10:]))
        time.sleep(0.05)
