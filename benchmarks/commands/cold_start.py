"""From nothing to the first answer of a gateway that only reads, over a snapshot on local disk.

::

    python -m benchmarks cold-start --catalog FOLDER --times 5
    python -m benchmarks cold-start --drop                # also empty the page cache before (root)

Measured: from the start of ``tv5 serve --read-only`` (one worker, no writer) to the first answer
of ``/healthz``, to the first search by text, and how long a second search then takes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.load.services import free_port
from tv5core.server.process.serving import make_demo_catalog

__all__ = ["add_arguments", "main"]

_LIMIT_S = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--catalog", type=Path, help="by default the demo's")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--drop", action="store_true", help="empty the page cache before each")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="tv5-cold-") as made:
        catalog = options.catalog
        if catalog is None:
            catalog = Path(made) / "catalog"
            make_demo_catalog(catalog)
        runs = [_start(catalog, drop=options.drop) for _ in range(options.times)]
    if options.json:
        print(json.dumps(runs, indent=1))
        return 0
    for name in runs[0]:
        values = sorted(run[name] for run in runs)
        shown = ", ".join(f"{value:.3f}" for value in values)
        print(f"{name:<22} median {values[len(values) // 2]:.3f} s  ({shown})")
    return 0


def _start(catalog: Path, *, drop: bool) -> dict[str, float]:
    if drop:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3")
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-c", "from tv5core.cli import main; main()", "serve", str(catalog)]
    command += ["--read-only", "--port", str(port), "--set", "providers=false"]
    begun = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            _until_answered(f"{url}/healthz", process)
            health = time.perf_counter() - begun
            _until_answered(f"{url}/v1/search?q=heist+in+paris", process)
            first = time.perf_counter() - begun
            again = time.perf_counter()
            _until_answered(f"{url}/v1/search?q=robots+in+space", process)
            second = time.perf_counter() - again
        finally:
            process.terminate()
    return {"first health": health, "first search": first, "a second search": second}


def _until_answered(url: str, process: subprocess.Popen[Any]) -> None:
    end = time.monotonic() + _LIMIT_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(url, timeout=30).read()
            return
        time.sleep(0.005)
    raise SystemExit(f"expected an answer of {url}, got none")
