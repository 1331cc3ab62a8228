"""A real gateway under an even load for long: memory, descriptors, threads and tasks stay flat.

::

    python -m benchmarks soak --minutes 30 --rate 20 --catalog FOLDER
    python -m benchmarks soak --minutes 1 --json

Users ask the mixed scenario at ``--rate`` requests a second, and every five seconds someone asks
for a title that only the provider knows, which is fetched and stored. The caches in memory are made
small, so that they are full before the second half: what a cache is still filling with is no leak,
but looks like one. Printed: means of ten parts
of the time, and the growth of each figure by a line through the second half; exit code 1 where one
grows by 5 % or anything failed. Needs the checkout, and redis-server.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from benchmarks.load.judging import MARKS
from benchmarks.load.running import bench, failed
from benchmarks.load.soaking import run_soak

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second")
    parser.add_argument("--add-every", type=float, default=5.0, help="seconds; 0 to add nothing")
    parser.add_argument("--cache-mib", type=int, default=48, help="of each worker's cache")
    parser.add_argument("--catalog", type=Path, help="by default the demo's")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--no-redis", action="store_true")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Load, print and judge."""
    settings = (f"l1_bytes={options.cache_mib << 20}", f"rendered_bytes={options.cache_mib << 17}")
    with bench(
        options.catalog, *settings, workers=options.workers, with_redis=not options.no_redis,
        details=500,
    ) as on:  # fmt: skip
        seconds = options.minutes * 60
        run = run_soak(
            on, rate=options.rate, seconds=seconds, sample_s=min(5.0, seconds / 60),
            add_s=options.add_every,
        )  # fmt: skip
    if options.json:
        print(json.dumps(run, indent=1, default=dataclasses.asdict))
    else:
        _print(run)
    return 1 if failed(run["verdicts"]) else 0


def _print(run: dict[str, Any]) -> None:
    print(
        f"{run['requests']} requests, {run['requests_s']}/s, in {run['seconds'] / 60:g} minutes\n"
    )
    names = list(run["parts"][0]) if run["parts"] else []
    print("| " + " | ".join(name.replace("_", " ") for name in names) + " |")
    print("|" + "---|" * len(names))
    for part in run["parts"]:
        print("| " + " | ".join(str(part[name]) for name in names) + " |")
    print()
    for verdict in run["verdicts"]:
        print(
            f"{MARKS[verdict.passed]:<11}{verdict.name:<27}{verdict.target:<12}{verdict.measured}"
        )
