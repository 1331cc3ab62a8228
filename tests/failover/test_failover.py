"""One round of ``python -m tests.failover``: a cluster loses the master of a limit, under load."""

from __future__ import annotations

import logging
import random
from pathlib import Path

import pytest

pytest.importorskip("redis")

from tests.failover.rounds import CONTRACT, Bench, cluster


async def test_a_master_killed_under_load(tmp_path: Path) -> None:
    logging.getLogger("tv5core").setLevel(logging.ERROR)
    servers = cluster(tmp_path, random.Random(0), pauses=False)
    try:
        async with Bench(servers, "killed") as bench:
            seen = await bench.round(last=True)
    finally:
        servers.stop()
        logging.getLogger("tv5core").setLevel(logging.NOTSET)
    assert seen.busiest <= CONTRACT
    assert seen.is_kept, seen
    assert min(seen.reads, seen.changes, seen.requests) > 0
