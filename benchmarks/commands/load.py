"""A real gateway under users: service levels and criteria, judged; exit code 1 where one fails.

::

    python -m benchmarks load --scenario browse|storm|recommend|mixed --users 50 --minutes 5
    python -m benchmarks load --scenario mixed --catalog FOLDER --pace none --minutes 1

Starts ``tv5 serve`` over a copy of the catalogue (by default the demo), a stand-in for TMDB with
its contract of 50 requests a second and 50 ms of latency, and a Redis; warms the 1,000 most
popular titles; then users of locust draw titles by Zipf's law, or all alike with --uniform. Others
of the same kind ask for --warm-up seconds before.
Without --pace: 10 requests a user and minute, 30, and no thinking time. Users share the machine
with the gateway: the share of all cores that was in use is printed. Needs the checkout.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from benchmarks.load.judging import MARKS
from benchmarks.load.running import PACES, bench, failed, run_scenario
from benchmarks.load.scenarios import SCENARIOS

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--scenario", choices=list(SCENARIOS), action="append")
    parser.add_argument("--users", type=int, help="by default those of the scenario")
    parser.add_argument("--minutes", type=float, default=5.0, help="of each scenario and pace")
    parser.add_argument("--pace", choices=list(PACES), action="append", help="may be repeated")
    parser.add_argument("--uniform", action="store_true", help="draw all titles alike")
    parser.add_argument("--catalog", type=Path, help="by default the demo's")
    parser.add_argument("--titles", type=int, default=2_000, help="titles that users draw from")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--warm-up", type=float, default=20.0, help="seconds before each run")
    parser.add_argument("--no-redis", action="store_true")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Run, print and judge."""
    found = []
    with bench(
        options.catalog, workers=options.workers, with_redis=not options.no_redis,
        titles=options.titles,
    ) as on:  # fmt: skip
        for name in options.scenario or SCENARIOS:
            for pace in options.pace or PACES:
                run = run_scenario(
                    on, name, count=options.users, seconds=options.minutes * 60, pace=pace,
                    uniform=options.uniform, workers=options.workers, warm_up_s=options.warm_up,
                )  # fmt: skip
                found.append(run)
                if not options.json:
                    _print(run)
    if options.json:
        print(json.dumps(found, indent=1, default=dataclasses.asdict))
    return 1 if any(failed(run["verdicts"]) for run in found) else 0


def _print(run: dict[str, Any]) -> None:
    print(
        f"\n{run['scenario']}: {run['users']} users, pace {run['pace']}, {run['draw']}: "
        f"{run['requests']} requests, {run['requests_s']}/s"
    )
    print(
        f"  all cores {run['machine_busy']:.0%} busy, {run['gateway_cpu_share']:.1%} with the "
        f"gateway: {run['gateway_cpu_ms']} ms of processor a request"
    )
    print(f"  tiers {run['tiers']}")
    shown = {name: "/".join(map(str, run[name])) for name in ("all", "bare")}
    print(f"  all {shown['all']} ms; a bare handler at this pace {shown['bare']} ms")
    print(
        f"  {'p50/p95/p99 in ms':<24}{'requests':>9}{'target':>16}{'a tenth':>17}{'measured':>22}"
    )
    for level in run["levels"]:
        names = ("target", "tenth", "measured")
        target, tenth, measured = ("/".join(f"{n:g}" for n in level[name]) for name in names)
        print(f"  {level['kind']:<24}{level['requests']:>9}{target:>16}{tenth:>17}{measured:>22}")
    for verdict in run["verdicts"]:
        print(
            f"  {MARKS[verdict.passed]:<11}{verdict.name:<27}{verdict.target:<12}"
            f"{verdict.measured}",
            flush=True,
        )
