"""What the limiter and the fetcher promise, measured against a stand-in that counts.

::

    python -m benchmarks upstream                       # everything, about five minutes
    python -m benchmarks upstream users sharing         # some of it
    python -m benchmarks upstream --json > out.json

``users``       how long users wait while 10,000 bulk requests queue, and bulk work's share
``sharing``     1,000 identical calls at once, the first of which is cancelled
``dead``        a provider that dies: which error callers get, and when
``processes``   four processes over one Redis, which is killed half-way and started again
``throughput``  requests a second against the configured rate and the contract

The stand-in runs in a process of its own and counts every request in any sliding second; each
figure is its, unless it is a caller's wait.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.progress import say
from benchmarks.upstream import limits
from benchmarks.upstream.processes import processes
from benchmarks.upstream.standin import BURST, CONTRACT, RATE

__all__ = ["SCENARIOS", "add_arguments", "main"]

SCENARIOS: dict[str, Callable[[float], Awaitable[dict[str, Any]]]] = {
    "users": limits.users,
    "sharing": limits.sharing,
    "dead": limits.dead,
    "processes": processes,
    "throughput": limits.throughput,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("what", nargs="*", help=f"{', '.join(SCENARIOS)}; all by default")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each load")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Measure and print; exit status 2 for an unknown scenario."""
    if unknown := set(options.what) - set(SCENARIOS):
        say(f"error: expected some of {', '.join(SCENARIOS)}, got {', '.join(sorted(unknown))}")
        return 2
    report: dict[str, Any] = {"rate": RATE, "burst": BURST, "contract": CONTRACT}
    for name in options.what or SCENARIOS:
        say(name)
        report[name] = asyncio.run(_measured(name, options.seconds))
        if not options.json:
            _print(name, report[name])
    if options.json:
        print(json.dumps(report, indent=2))
    return 0


async def _measured(name: str, seconds: float) -> dict[str, Any]:
    return await SCENARIOS[name](seconds)


def _print(name: str, figures: dict[str, Any]) -> None:
    print(f"-- {name}")
    for what, figure in figures.items():
        print(f"{what:42} {figure}", flush=True)
