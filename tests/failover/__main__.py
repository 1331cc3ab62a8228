"""Kill masters of Redis under a limiter and caches, many times; print what each round showed.

python -m tests.failover --rounds 20              # a cluster: three masters, a replica each
python -m tests.failover --rounds 20 --sentinel   # a master behind Sentinel
python -m tests.failover --rounds 20 --pauses     # they stand still, and go on as they were
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

from tests.failover.rounds import CONTRACT, Bench, Round, cluster, sentinels

_COLUMNS = tuple(field.name for field in fields(Round))


def main() -> int:
    """Run; return 1 where a limit was exceeded, or something invalidated served for too long."""
    parser = argparse.ArgumentParser(prog="python -m tests.failover")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sentinel", action="store_true")
    parser.add_argument("--pauses", action="store_true")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    start = sentinels if given.sentinel else cluster
    with tempfile.TemporaryDirectory(prefix="tv5-failover-") as name:
        servers = start(Path(name), random.Random(given.seed), pauses=given.pauses)
        try:
            rounds = asyncio.run(_run(servers, given.rounds, given.pauses))
        finally:
            servers.stop()
    worst = max(rounds, key=lambda each: each.stale_s)
    busiest = max(each.busiest for each in rounds)
    print(f"{len(rounds)} rounds: {busiest} of {CONTRACT} in a second, {worst.stale_s} s stale")
    return 0 if all(each.is_kept for each in rounds) else 1


async def _run(servers: object, count: int, pauses: bool) -> list[Round]:
    print("| round | " + " | ".join(_COLUMNS) + " |")
    print("|" + "---|" * (len(_COLUMNS) + 1))
    done = []
    async with Bench(servers, "paused" if pauses else "killed") as bench:  # type: ignore[arg-type]
        for number in range(1, count + 1):
            done.append(await bench.round())
            cells = (str(getattr(done[-1], name)) for name in _COLUMNS)
            kept = "" if done[-1].is_kept else " NOT KEPT"
            print(f"| {number}{kept} | " + " | ".join(cells) + " |", flush=True)
    return done


if __name__ == "__main__":
    sys.exit(main())
