"""Requests a second of one worker, by wrk, beside a bare aiohttp handler: our price as a ratio.

::

    python -m benchmarks knee --seconds 5
    python -m benchmarks knee --catalog FOLDER --connections 1,4,16,64
    python -m benchmarks knee --workers 2       # which share all cores with wrk

One worker is alone on one core (taskset), wrk on another; several share all cores with wrk, and so
does the bare handler, of which there is one. For each number of connections: requests
a second, p50 and p99, and the share of its core that wrk took. The knee is the most at p99 < 50 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.load.running import ids_of
from benchmarks.load.services import bare, gateway
from benchmarks.progress import say

__all__ = ["add_arguments", "main"]

_P99_MS = 50.0
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--catalog", type=Path, help="by default the demo's")
    parser.add_argument("--connections", default="1,8,32,128")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=5, help="of each number of connections")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Measure and print."""
    if shutil.which("wrk") is None:
        raise SystemExit("expected wrk on the PATH, got none")
    counts = [int(text) for text in options.connections.split(",")]
    found: dict[str, list[dict[str, Any]]] = {}
    is_alone = options.workers == 1
    with bare(0 if is_alone else None) as url:
        asked = partial(_wrk, seconds=options.seconds, core=1 if is_alone else None)
        found["bare handler"] = [asked(url, count) for count in counts]
    given = ("providers=false", "max_concurrency=512")
    with gateway(options.catalog, *given, workers=options.workers) as served:
        if is_alone:
            os.sched_setaffinity(served.pid("worker 1"), {0})
        for name, path in _paths(served.url).items():
            say(name)
            found[name] = [asked(served.url + path, count) for count in counts]
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        _print(found)
    return 0


def _paths(url: str) -> dict[str, str]:
    first = ids_of(url, 1)[0].replace(":", "%3A")
    return {
        "health": "/healthz",
        "list, cached": "/v1/browse?genre=Drama",
        "search, cached": "/v1/search?q=heist",
        "title, cached": f"/v1/titles/{first}",
        "recommendations, cached": "/v1/recommendations?profile=action_fan",
    }


def _wrk(url: str, connections: int, seconds: int, core: int | None) -> dict[str, Any]:
    last = (os.cpu_count() or 1) - 1
    command = [] if core is None else ["taskset", "-c", str(min(core, last))]
    command += ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    before = os.times()
    ran = subprocess.run([*command, "--latency", url], capture_output=True, text=True, check=True)
    after = os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    lost = re.search(r"Non-2xx or 3xx responses: (\d+)", ran.stdout)
    return {
        "connections": connections,
        "requests_s": float(re.findall(r"Requests/sec:\s+([\d.]+)", ran.stdout)[0]),
        "p50_ms": _percentile(ran.stdout, 50), "p99_ms": _percentile(ran.stdout, 99),
        "wrk_share": round(used / (after.elapsed - before.elapsed), 2),
        "not_2xx": int(lost[1]) if lost else 0,
    }  # fmt: skip


def _percentile(said: str, share: int) -> float:
    number, unit = re.findall(rf"{share}%\s+([\d.]+)(us|ms|s|m)", said)[0]
    return round(float(number) * _UNITS[unit], 2)


def _print(found: dict[str, list[dict[str, Any]]]) -> None:
    price = _knee(found["bare handler"])
    print(f"{'':<26}{'connections':>12}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'wrk':>6}")
    for name, runs in found.items():
        for run in runs:
            print(
                f"{name:<26}{run['connections']:>12}{run['requests_s']:>12,.0f}{run['p50_ms']:>9}"
                f"{run['p99_ms']:>9}{run['wrk_share']:>6.0%}"
                + (f"  {run['not_2xx']} not 2xx" if run["not_2xx"] else "")
            )
    print("\nthe most requests a second at p99 < 50 ms, and the bare handler's over it:")
    for name, runs in found.items():
        knee = _knee(runs)
        ratio = f"{price / knee:.1f} times" if price and knee else "not to be said"
        print(f"  {name:<26}{knee:>10,.0f}  {ratio}")


def _knee(runs: list[dict[str, Any]]) -> float:
    kept = [run["requests_s"] for run in runs if run["p99_ms"] < _P99_MS]
    return float(max(kept, default=0.0))
