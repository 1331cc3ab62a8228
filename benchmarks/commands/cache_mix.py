"""A service's traffic through a cached catalogue: hit ratios and latencies by path.

::

    python -m benchmarks cache-mix            # 50 tasks, 6,000 titles
    python -m benchmarks cache-mix --json

Fifty tasks ask at once, without pause: browse 40 %, search 30 %, detail 20 %, recommendations 10 %,
each path Zipf over its own keys (their numbers and exponents are printed). The catalogue is a real
one: the titles that ship, and made-up ones, embedded by the default embedder; the popular ones are
asked for most. Half the titles, the most popular, are warmed and traffic runs for a while, then it
is measured; a hit is an answer for which nothing was loaded. At the end, each path is asked without
a cache, and the disk alone for values of 3 KB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.cache.traffic import measure
from benchmarks.progress import say

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--titles", type=int, default=6_000)
    parser.add_argument("--requests", type=int, default=60_000, help="to warm, and to measure")
    parser.add_argument("--values", type=int, default=5_000, help="that the disk alone holds")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Measure and print; exit status 1 where a hit ratio is below what is wanted."""
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(
            measure(Path(folder), options.titles, options.requests, options.values)
        )
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        _print(report)
    missed = [n for n, row in report["paths"].items() if row["hit_ratio"] < row["wanted"]]
    if missed:
        say(f"below the wanted hit ratio: {', '.join(missed)}")
    return int(bool(missed))


def _print(report: dict[str, Any]) -> None:
    size, wanted = f"{report['titles']:,} titles, {report['warmed']:,} warmed", report["requests"]
    print(
        f"{size}, {report['tasks']} tasks, {wanted:,} requests to warm and as many measured, "
        f"{report['requests_per_s']:,} a second, seed {report['seed']}, "
        f"Python {report['python']}\n"
    )
    print(
        "| path | keys | Zipf | hit ratio | wanted | p50 us | p95 us | p99 us | uncached p50 us |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, row in report["paths"].items():
        print(
            f"| {name} | {row['keys']:,} | {row['zipf']} | {row['hit_ratio']:.1%} "
            f"| {row['wanted']:.0%} | {row['p50_us']:,} | {row['p95_us']:,} | {row['p99_us']:,} "
            f"| {row['uncached_p50_us']:,} |"
        )
    disk = report["disk"]
    print(
        f"\ndisk, 3 KB found and decoded: p50 {disk['p50_us']} us, p95 {disk['p95_us']} us, "
        f"p99 {disk['p99_us']} us"
    )
