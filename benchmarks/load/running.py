"""One scenario, from a gateway's start to a verdict."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks.load.faulty import Clock, SmallDisk
from benchmarks.load.judging import Row, Verdict, hit_ratios, judge, levels, spread
from benchmarks.load.scenarios import SCENARIOS
from benchmarks.load.services import Gateway, Standin, bare, gateway, get_json, redis, standin
from benchmarks.progress import say
from tv5core.server.readiness.asking import Asking, title_path

__all__ = ["CONTRACT", "PACES", "Bench", "bench", "failed", "ids_of", "run_scenario", "users"]

CONTRACT = 50
PACES = {"10/min": 6.0, "30/min": 2.0, "none": 0.0}
"""Seconds between the requests of one user."""
_PAGE = 100
_SETTLE_S = 2.0
_WARM_RATE = 18.0
_BARE_S = 10.0


@dataclass
class Bench:
    """What scenarios run against."""

    gateway: Gateway
    tmdb: Standin
    ids: list[str]
    redis_url: str | None
    redis_process: subprocess.Popen[str] | None
    clock: Clock | None = None
    disk: SmallDisk | None = None


@contextlib.contextmanager
def bench(
    catalog: Path | None,
    *settings: str,
    workers: int = 1,
    with_redis: bool = True,
    titles: int = 2_000,
    details: int = 1_000,
    time_of_day: Clock | None = None,
    disk: SmallDisk | None = None,
) -> Iterator[Bench]:
    """Run the gateway with all it needs, warmed with its most popular titles."""
    with contextlib.ExitStack() as stack:
        tmdb = stack.enter_context(standin(contract=CONTRACT))
        url = process = None
        if with_redis:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tv5-redis-")))
            url, process = stack.enter_context(redis(folder))
        given = (*settings, *(() if url is None else (f"redis_url={url}", "gateways=1")))
        served = stack.enter_context(
            gateway(
                catalog, *given, workers=workers, tmdb=tmdb.url,
                disk=None if disk is None else disk.folder,
                environment=None if time_of_day is None else time_of_day.environment,
            )
        )  # fmt: skip
        _warm(served)
        ids = ids_of(served.url, titles)
        asyncio.run(_warm_details(served.url, ids[:details]))
        yield Bench(served, tmdb, ids, url, process, time_of_day, disk)


def _warm(served: Gateway) -> None:
    address = f"{served.url}/api/admin/cache/warm"
    get_json(address, token=True, body={"strategy": "popular", "limit": 1_000})
    end = time.monotonic() + 120
    while time.monotonic() < end:
        job = get_json(address, token=True)
        if job.get("state") not in ("queued", "running"):
            say(f"warm: {job.get('state')}")
            return
        time.sleep(0.2)


async def _warm_details(url: str, ids: list[str]) -> None:
    """Have the provider asked about the most popular titles: two requests each, below its limit."""
    async with Asking(url, rate=_WARM_RATE) as asking:
        await asyncio.gather(*(asking.get(title_path(name)) for name in ids))


def ids_of(url: str, count: int) -> list[str]:
    """Return the ids of the most popular titles."""
    found: list[str] = []
    while len(found) < count:
        asked = urllib.parse.urlencode({"k": min(_PAGE, count - len(found)), "offset": len(found)})
        page = get_json(f"{url}/v1/browse?{asked}")["titles"]
        found += [title["id"] for title in page]
        if len(page) < _PAGE:
            break
    return found


def users(
    on: Bench,
    scenario: str,
    *,
    count: int,
    seconds: float,
    pace_s: float,
    uniform: bool,
    seed: int = 0,
    path: str | None = None,
) -> list[Row]:
    """Have users of locust ask for some time, or for one path only; return what they saw."""
    url, ids = on.gateway.url, on.ids
    with tempfile.TemporaryDirectory(prefix="tv5-locust-") as made:
        out, config = Path(made) / "rows.json", Path(made) / "load.json"
        given = {"scenario": scenario, "pace_s": pace_s, "ids": ids, "uniform": uniform,
                 "seed": seed, "out": str(out), "path": path}  # fmt: skip
        config.write_text(json.dumps(given))
        command = [
            sys.executable,
            "-m",
            "locust",
            "-f",
            str(Path(__file__).parent / "locustfile.py"),
        ]
        command += ["--headless", "--host", url, "-u", str(count), "-r", str(count)]
        command += ["-t", f"{seconds:.0f}s", "--only-summary", "--loglevel", "ERROR"]
        path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        variables = {**os.environ, "TV5_LOAD": str(config), "PYTHONPATH": path}
        ran = subprocess.run(
            command, env=variables, capture_output=True, text=True, timeout=seconds + 120,
            check=False,
        )  # fmt: skip
        if not out.exists():
            raise SystemExit(f"expected rows of locust, got {ran.stderr[-2000:]}")
        return [tuple(row) for row in json.loads(out.read_text())]


def run_scenario(
    on: Bench,
    name: str,
    *,
    count: int | None,
    seconds: float,
    pace: str,
    uniform: bool,
    workers: int,
    warm_up_s: float = 0.0,
) -> dict[str, Any]:
    """Run one scenario; return its figures and verdicts."""
    scenario = SCENARIOS[name]
    many = count or scenario.users
    if warm_up_s:
        users(on, name, count=many, seconds=warm_up_s, pace_s=0.2, uniform=uniform, seed=10_000)
        time.sleep(_SETTLE_S)
    before = on.gateway.stats()["cache"]["kinds"]
    on.tmdb.control(forget=True)
    since = len(on.gateway.rss_bytes)
    cpu, used_s = psutil.cpu_times(), on.gateway.cpu_s()
    rows = users(on, name, count=many, seconds=seconds, pace_s=PACES[pace], uniform=uniform)
    busy, used_s = _busy(cpu), on.gateway.cpu_s() - used_s
    time.sleep(_SETTLE_S)
    reference = _bare_levels(on, name, count=many, pace_s=PACES[pace])
    after = on.gateway.stats()["cache"]["kinds"]
    ratios = hit_ratios(before, after) if workers == 1 else None
    provider, rss = on.tmdb.seen(), on.gateway.rss_bytes[since:]
    files = on.gateway.descriptors[since:]
    return {
        "scenario": name, "users": many, "pace": pace,
        "draw": "uniform" if uniform else "zipf 1.0", "requests": len(rows),
        "requests_s": round(len(rows) / seconds, 1), "machine_busy": busy,
        "gateway_cpu_share": round(used_s / seconds / (os.cpu_count() or 1), 3),
        "gateway_cpu_ms": round(used_s * 1e3 / max(1, len(rows)), 2),
        "tiers": _tiers(rows), "levels": levels(rows), "all": spread(rows), "bare": reference,
        "verdicts": judge(scenario, rows, ratios, provider, CONTRACT, rss, files),
    }  # fmt: skip


def _bare_levels(on: Bench, name: str, *, count: int, pace_s: float) -> list[float]:
    """Return p50, p95 and p99 of a bare handler that the same users ask at the same pace."""
    with bare() as url:
        other = replace(on, gateway=replace(on.gateway, url=url.rstrip("/")))
        seconds = max(_BARE_S, 3 * pace_s)
        rows = users(
            other, name, count=count, seconds=seconds, pace_s=pace_s, uniform=True, path="/"
        )
    return spread(rows)


def _busy(then: Any) -> float:
    """Return the share of all cores that was in use since then, by anybody."""
    now = psutil.cpu_times()
    total = sum(now) - sum(then)
    return round(1 - (now.idle - then.idle) / total, 2) if total else 0.0


def _tiers(rows: list[Row]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        found[row[4] or "none"] = found.get(row[4] or "none", 0) + 1
    return found


def failed(verdicts: list[Verdict]) -> bool:
    """Return whether any criterion is not met."""
    return any(verdict.passed is False for verdict in verdicts)
