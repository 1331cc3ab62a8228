"""A real gateway under users while something is broken: what they see, and how long it lasts.

::

    python -m benchmarks chaos                     # everything, 10 s each, a reader behind 60
    python -m benchmarks chaos --event tmdb-down --seconds 30 --catalog FOLDER

50 users ask the mixed scenario, each every two seconds; one more asks four times a second for
titles that only the provider knows, which are fetched and stored. The catalogue is on a file system
in memory that can be filled (as root), and the time of day is the gateway's own. Printed: statuses
and tiers meanwhile, p95, titles that were acknowledged and lost, seconds from the end of the fault
to the last answer that failed, and until every worker has the title stored last. Exit code 1 where
anything was lost, a malformed request was not refused, or it did not recover. Needs the checkout,
redis-server and a C compiler.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from benchmarks.load.chaos import EVENTS, run_event
from benchmarks.load.faulty import clock, small_disk
from benchmarks.load.running import bench
from benchmarks.progress import say

__all__ = ["add_arguments", "main"]

_RECOVERED_S = 35.0
_OTHERS_S = 10.0
_SECONDS = {"reader-behind": 60.0}
_ROOM_BYTES = 256 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--event", choices=list(EVENTS), action="append")
    parser.add_argument("--seconds", type=float, help="that each lasts")
    parser.add_argument("--catalog", type=Path, help="by default the demo's")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Break, watch and print."""
    found: dict[str, dict[str, Any]] = {}
    settings = ("heartbeat_timeout_s=120",)
    with (
        clock() as time_of_day,
        small_disk(_room(options.catalog)) as disk,
        bench(
            options.catalog, *settings, workers=options.workers, details=200,
            time_of_day=time_of_day, disk=disk,
        ) as on,
    ):  # fmt: skip
        for name in options.event or EVENTS:
            say(name)
            seconds = options.seconds or _SECONDS.get(name, _OTHERS_S)
            found[name] = asyncio.run(run_event(on, name, seconds)).report()
            if not options.json:
                _print(name, found[name])
    if options.json:
        print(json.dumps(found, indent=1))
    return 1 if any(_failed(report) for report in found.values()) else 0


def _room(catalog: Path | None) -> int:
    """Return the bytes of a disk for a copy of a catalogue, its changes and its cache."""
    files = [] if catalog is None else [path for path in catalog.rglob("*") if path.is_file()]
    return sum(path.stat().st_blocks * 512 for path in files) * 2 + _ROOM_BYTES


def _failed(report: dict[str, Any]) -> bool:
    odd = any(note.endswith("UNEXPECTED") for note in report["notes"])
    return bool(report["lost"]) or odd or report["recovered_s"] > _RECOVERED_S


def _print(name: str, report: dict[str, Any]) -> None:
    print(f"\n{name}:")
    for key, value in report.items():
        if value or key in ("lost", "recovered_s"):
            print(f"  {key:<14} {value}", flush=True)
