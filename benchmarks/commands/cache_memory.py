"""The memory tier against cachetools, cachebox, theine and cashews, in one run.

::

    python -m benchmarks cache-memory
    python -m benchmarks cache-memory --json > out.json

**Speed** is that of a look-up that hits and of storing a new value: 10,000 keys, all of which fit,
in every cache with an expiry. The caches take turns, round after round, and each one's best slice
of 1,000 counts, since the machine has other things to do too.

**Hit ratio** is that of one trace: requests for a population by Zipf's law (exponent 0.9), of which
one in five is replaced by a request for something asked for only this once. Sizes are
log-normal (sigma 0.6, mean 3,000 bytes), whatever the popularity. Every cache holds the values of a
share of the population. tv5core, cachetools and cachebox count their bytes; theine and cashews
count entries, and get as many as those bytes hold at the mean size. tv5core also counts what it
takes to keep them: it gets that on top, measured before; ``strict`` is without.

**Bytes an entry** are what tracemalloc sees beyond key and value; what Rust allocates (cachebox,
part of theine) it does not see. **The longest sweep slice** is of a million keys, of which half and
then all the rest are past their time.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from benchmarks.progress import say

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--population", type=int, default=50_000, help="titles of the trace")
    parser.add_argument("--requests", type=int, default=400_000, help="length of the trace")
    parser.add_argument(
        "--shares",
        type=float,
        nargs="+",
        default=[0.02, 0.05, 0.1],
        help="of the population's bytes that a cache holds",
    )
    parser.add_argument("--keys", type=int, default=10_000, help="of the speeds; all of them fit")
    parser.add_argument("--rounds", type=int, default=12, help="of the speeds")
    parser.add_argument("--swept", type=int, default=1_000_000, help="keys of the sweep")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Measure and print; exit status 2 where a cache to compare with is not installed."""
    try:
        from benchmarks.cache.memory import Sizes, measure
    except ImportError as error:
        say(f"error: expected the libraries of the extra 'bench', got no {error.name}")
        return 2
    report = measure(
        Sizes(
            population=options.population,
            requests=options.requests,
            shares=tuple(options.shares),
            keys=options.keys,
            rounds=options.rounds,
            swept=options.swept,
            seed=options.seed,
        )
    )
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        _print(report)
    return 0


def _print(report: dict[str, Any]) -> None:
    shares = list(report["strict_hit_ratio"])
    print(f"Python {report['python']}; seed {report['seed']}")
    print(
        f"trace: population {report['population']:,}, {report['requests']:,} requests, "
        f"Zipf {report['zipf']}, {report['once']:.0%} asked for once, "
        f"sizes log-normal, mean {report['mean_bytes']:,} bytes"
    )
    print("hit ratio in % by share of the population's bytes that fits\n")
    print(f"{'':22}{'hit ns':>8}{'put ns':>8}{'B/entry':>9}", *(f"{s:>7}" for s in shares))
    for name, row in report["caches"].items():
        ratios = (f"{100 * row['hit_ratio'][share]:7.2f}" for share in shares)
        title = f"{name} {report['versions'][name]}"
        figures = f"{row['hit_ns']:8.0f}{row['put_ns']:8.0f}{row['entry_bytes']:9.0f}"
        print(f"{title:22}{figures}", *ratios)
    strict = (f"{100 * report['strict_hit_ratio'][share]:7.2f}" for share in shares)
    print(f"{'tv5core, strict':47}", *strict)
    print(f"\nthe loop itself: {report['caches']['tv5core']['empty_ns']:.0f} ns, included above")
    print(f"a lock around each hit would cost {report['lock_ns']:.0f} ns")
    swept = report["sweep"]
    print(
        f"sweep of {swept['keys']:,} keys, {report['sweep_slice']:,} a slice: "
        f"longest {swept['longest_ms']:.2f} ms "
        f"({swept['longest_cpu_ms']:.2f} ms of CPU), p99 {swept['p99_ms']:.2f} "
        f"({swept['p99_cpu_ms']:.2f} of CPU), "
        f"p50 {swept['p50_ms']:.2f}"
    )
