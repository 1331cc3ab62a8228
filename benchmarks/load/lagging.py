"""How late a gateway's event loop wakes what sleeps, while its catalogue is sealed.

The gateway runs in this process, whose loop is watched; users of locust ask it from another.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from benchmarks.load.judging import percentile
from benchmarks.load.running import Bench, ids_of, users
from benchmarks.load.services import Gateway, Standin
from tv5core import Catalog
from tv5core.server.app import make_app, make_runner
from tv5core.server.process.life import favour_the_loop
from tv5core.server.resources import Resources, open_resources
from tv5core.server.settings import Settings

__all__ = ["TARGET_MS", "change", "measure_lag"]

TARGET_MS = 10.0
_PROBE_S = 0.005
_USERS, _PACE_S = 50, 2.0
_SEAL = """
import os, sys
from pathlib import Path
from benchmarks.load.lagging import change
from tv5core import Catalog
os.nice(5)  # as the gateway's writer
os.nice(5)  # as the gateway's writer
with Catalog.open(Path(sys.argv[1]), create=False) as catalog:
    change(catalog, sys.argv[2:])
    catalog.seal()
"""


async def _probe(late_ms: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _PROBE_S
        await asyncio.sleep(_PROBE_S)
        late_ms.append(max(0.0, (loop.time() - due) * 1e3))


async def measure_lag(catalog: Path, *, seconds: float, changed: int) -> list[dict[str, Any]]:
    """Return a row a phase: under load, and sealing in this process and in another.

    Parameters
    ----------
    catalog : Path
        Copied, since it is changed.
    seconds : float
        Of the phases without sealing; the others take as long as it does.
    changed : int
        Titles that are stored again before each sealing.
    """
    with tempfile.TemporaryDirectory(prefix="tv5-lag-") as made:
        folder = Path(made) / "catalog"
        await asyncio.to_thread(shutil.copytree, catalog, folder)
        found = await _with_gateway(folder, seconds, changed, read_only=False)
        return found + await _with_gateway(folder, seconds, changed, read_only=True)


async def _with_gateway(
    folder: Path, seconds: float, changed: int, *, read_only: bool
) -> list[dict[str, Any]]:
    settings = Settings(catalog=str(folder), port=0, providers=False, client_rate=0.0,
                        log_requests=False, read_only=read_only)  # fmt: skip
    async with AsyncExitStack() as stack:
        favour_the_loop(asyncio.get_running_loop())  # as workers do
        resources = await stack.enter_async_context(open_resources(settings))
        url = await _serve(settings, resources, stack)
        ids = await asyncio.to_thread(ids_of, url, 1_000)
        loading = asyncio.create_task(asyncio.to_thread(_load, url, ids, 3 * seconds))
        await asyncio.sleep(3.0)  # until the users are there
        phases = _read if read_only else _write
        found = await phases(resources, seconds, ids[:changed])
        await loading
    return found


async def _serve(settings: Settings, resources: Resources, stack: AsyncExitStack) -> str:
    runner = make_runner(make_app(settings, resources), settings)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def _write(resources: Resources, seconds: float, ids: list[str]) -> list[dict[str, Any]]:
    under_load = await _watched("under load", partial(asyncio.sleep, seconds))
    await asyncio.to_thread(change, resources.catalog, ids)
    sealing = partial(asyncio.to_thread, resources.catalog.seal)
    return [under_load, await _watched("while this process seals", sealing)]


async def _read(resources: Resources, _: float, ids: list[str]) -> list[dict[str, Any]]:
    sealing = partial(asyncio.to_thread, _seal_elsewhere, resources.settings.catalog, ids)
    return [await _watched("while another process seals", sealing)]


async def _watched(name: str, work: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
    late_ms: list[float] = []
    probe = asyncio.create_task(_probe(late_ms))
    begun = time.perf_counter()
    await work()
    took_s = time.perf_counter() - begun
    probe.cancel()
    shares = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "most_ms": 1.0}
    late = {key: round(percentile(late_ms, share), 2) for key, share in shares.items()}
    return {"phase": name, "seconds": round(took_s, 1), "samples": len(late_ms), **late}


def _load(url: str, ids: list[str], seconds: float) -> int:
    process: Any = None
    on = Bench(Gateway(process, url=url), Standin("", "", process), ids, None, None)
    rows = users(on, "mixed", count=_USERS, seconds=seconds, pace_s=_PACE_S, uniform=False)
    return len(rows)


def change(catalog: Catalog, ids: list[str]) -> None:
    """Store titles again, each with something new to be found by."""
    titles = [title for title in catalog.get_many(ids) if title is not None]
    stamp = f" ({time.time():.0f})"
    catalog.add(msgspec.structs.replace(each, overview=each.overview + stamp) for each in titles)


def _seal_elsewhere(folder: str, ids: list[str]) -> None:
    command = [sys.executable, "-c", _SEAL, folder, *ids]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
