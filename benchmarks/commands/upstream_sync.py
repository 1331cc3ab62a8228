"""``tv5 sync tmdb`` against the stand-in for TMDB: at full speed, under faults, and killed.

::

    python -m benchmarks upstream-sync                       # 5,000 titles, all three
    python -m benchmarks upstream-sync --titles 500 --only faults --json > out.json

The stand-in runs in a process of its own and counts what comes in on its own clock: requests in
any sliding second, answers 429, how often each title was asked for. The command runs as users run
it. Needs the checkout, as the stand-in is part of the tests.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from benchmarks.progress import say
from benchmarks.upstream.sync import BURST, RATE, RUNS

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--titles", type=int, default=5_000)
    parser.add_argument("--only", choices=sorted(RUNS), action="append", help="may be repeated")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Measure and print."""
    found: dict[str, Any] = {"titles": options.titles, "rate": RATE, "burst": BURST}
    for name in options.only or RUNS:
        say(f"{name}, {options.titles:,} titles")
        found[name] = RUNS[name](options.titles)
        if not options.json:
            _print(f"{name}, {options.titles:,} titles", found[name])
    if options.json:
        print(json.dumps(found, indent=1))
    return 0


def _print(title: str, figures: dict[str, Any]) -> None:
    print(f"\n{title}:")
    for key, value in figures.items():
        print(f"  {key:<26} {value}", flush=True)
