"""What keeps the figures of a process current while its application runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from tv5core.server.metrics.gauges import Gauges
from tv5core.server.metrics.recall import RecallSampler
from tv5core.server.metrics.service import Metrics
from tv5core.server.resources import RESOURCES, Resources

__all__ = ["running"]

log = logging.getLogger("tv5core.server")

_TICK_S, _LAG_S, _SERIES_S = 1.0, 0.05, 5.0


def running(metrics: Metrics) -> Callable[[web.Application], AsyncIterator[None]]:
    """Return what sets gauges and samples recall while an application runs.

    For ``app.cleanup_ctx``.
    """

    async def run(app: web.Application) -> AsyncIterator[None]:
        resources = app[RESOURCES]
        gauges = _gauges(metrics, resources)
        sampler = RecallSampler(resources.catalog, metrics.instruments.recall.observe)
        metrics.sample(sampler)
        await gauges.set_all(0.0)
        await asyncio.to_thread(metrics.look)
        tasks = [
            asyncio.create_task(_tick(metrics, gauges)),
            asyncio.create_task(sampler.run()),
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        metrics.close()

    return run


def _gauges(metrics: Metrics, resources: Resources) -> Gauges:
    clients = (resources.tmdb, resources.justwatch)
    gauges = Gauges(
        metrics.instruments,
        resources.catalog,
        resources.cached,
        [client.fetcher for client in clients if client is not None],
        threads=resources.settings.threads,
    )
    metrics.observer.on_attempt = gauges.attempted
    metrics.on_read = gauges.set_cache
    gauges.begin()
    return gauges


async def _tick(metrics: Metrics, gauges: Gauges) -> None:
    loop = asyncio.get_running_loop()
    looked_at = loop.time()
    while True:
        lag_s = await _lag_s(loop, metrics.instruments.delay.observe)
        metrics.instruments.tasks.set(len(asyncio.all_tasks()))
        try:
            await gauges.set_all(lag_s)
            metrics.send()
            if loop.time() - looked_at >= _SERIES_S:
                looked_at = loop.time()
                await asyncio.to_thread(metrics.look)
        except Exception:  # figures must not end a gateway
            log.exception("the figures could not be set")


async def _lag_s(loop: asyncio.AbstractEventLoop, note: Callable[[float], None]) -> float:
    """Measure for a second how late the loop wakes what sleeps; return the most."""
    most_s = 0.0
    for _ in range(round(_TICK_S / _LAG_S)):
        due = loop.time() + _LAG_S
        await asyncio.sleep(_LAG_S)
        late_s = max(0.0, loop.time() - due)
        note(late_s)
        most_s = max(most_s, late_s)
    return most_s
