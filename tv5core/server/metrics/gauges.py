"""Gauges: what is set once a second, from the cache, the providers, the store and the machine."""

from __future__ import annotations

import asyncio
import logging
import platform
import time
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from tv5core import kernels
from tv5core.cached import CachedCatalog
from tv5core.catalog import Catalog
from tv5core.cores import usable_cores
from tv5core.errors import Tv5Error
from tv5core.server.metrics.instruments import Instruments
from tv5core.server.metrics.machine import Machine
from tv5core.upstream.fetching.fetcher import Fetcher

__all__ = ["Gauges"]

log = logging.getLogger("tv5core.server")

_STORE_S = 15.0
_BREAKER = {"open": 1.0, "half_open": 0.5, "closed": 0.0}


class Gauges:
    """Sets gauges of one process.

    Parameters
    ----------
    instruments : Instruments
    catalog : Catalog
    cached : CachedCatalog
    fetchers : sequence of Fetcher
        Of the providers.
    threads : int, optional
        That search; by default one a core.
    machine : Machine, optional
    """

    def __init__(
        self,
        instruments: Instruments,
        catalog: Catalog,
        cached: CachedCatalog,
        fetchers: Sequence[Fetcher] = (),
        *,
        threads: int | None = None,
        machine: Machine | None = None,
    ) -> None:
        self._to, self._catalog, self._cached = instruments, catalog, cached
        self._fetchers, self._threads = fetchers, threads or usable_cores()
        self._machine = machine or Machine()
        self._attempts: Counter[str] = Counter()
        self._evicted: Counter[tuple[str, str]] = Counter()
        self._cpu_s = 0.0
        self._at = self._store_at = float("-inf")

    def begin(self) -> None:
        """Set what does not change."""
        to = self._to
        to.build.labels(version("tv5core"), platform.python_version(), kernels.active()).set(1)
        to.started.set(time.time())
        to.workers.set(1)
        to.threads.set(self._threads)
        to.in_progress.set(0)
        to.waiting.set(0)
        to.searching.set(0)

    async def set_all(self, lag_s: float) -> None:
        """Set everything; the store's figures every quarter of a minute, in a thread."""
        now = time.monotonic()
        elapsed_s, self._at = min(now - self._at, 60.0), now
        self._to.heartbeat.set(time.time())
        self._to.lag.set(lag_s)
        self.set_cache()
        for fetcher in self._fetchers:
            self._set_provider(fetcher, elapsed_s)
        self._set_machine()
        if now - self._store_at >= _STORE_S:
            self._store_at = now
            await self._set_store()

    # -- the cache ------------------------------------------------------------------------

    def set_cache(self) -> None:
        """Set what the cache holds, and publish its hits."""
        stats, to = self._cached.stats(), self._to
        memory = stats["memory"]
        self._set_tier("memory", memory)
        for kind, held in memory["kinds"].items():
            to.cache_entries.labels(kind).set(held["entries"])
        for name, tier in stats["tiers"].items():
            self._set_tier(name, tier)
            to.cache_available.labels(name).set(bool(tier["available"]))
            if "server" in tier:
                to.server_hit_ratio.labels(name).set(tier["server"].get("hit_ratio") or 0.0)
                to.cache_partitions_away.labels(name).set(tier["unavailable_partitions"])

    def _set_tier(self, name: str, stats: dict[str, Any]) -> None:
        to = self._to
        if "bytes" in stats:
            to.cache_bytes.labels(name).set(stats["bytes"] or 0)
        if "cap_bytes" in stats:
            to.cache_capacity.labels(name).set(stats["cap_bytes"] or 0)
        evictions = stats.get("evictions") or {}
        by_reason = evictions if isinstance(evictions, dict) else {"capacity": evictions}
        for reason, count in by_reason.items():
            added = count - self._evicted[name, reason]
            self._evicted[name, reason] = count
            to.cache_evictions.labels(name, reason).inc(max(0, added))

    # -- providers ------------------------------------------------------------------------

    def attempted(self, provider: str) -> None:
        """Count a request that was sent."""
        self._attempts[provider] += 1

    def _set_provider(self, fetcher: Fetcher, elapsed_s: float) -> None:
        to, name, limits = self._to, fetcher.provider.name, fetcher.provider
        state = fetcher.limiter.snapshot()
        to.limiter_contract.labels(name).set(limits.contract)
        to.limiter_rate.labels(name).set(limits.rate)
        to.limiter_used.labels(name).set(self._attempts.pop(name, 0) / max(elapsed_s, 1.0))
        for priority, count in state.queued.items():
            to.limiter_queue.labels(name, priority.value).set(count)
        to.breaker_open.labels(name).set(_BREAKER[fetcher.breaker.state])

    # -- machine and store ----------------------------------------------------------------

    def _set_machine(self) -> None:
        usage, to = self._machine.look(), self._to
        to.resident.set(usage.resident_bytes)
        to.files.set(usage.files)
        to.cpu_s.inc(max(0.0, usage.cpu_s - self._cpu_s))
        self._cpu_s = usage.cpu_s
        for gauge, share in (
            (to.machine_cpu, usage.cpu),
            (to.machine_memory, usage.memory),
            (to.machine_disk, usage.disk),
        ):
            if share is not None:
                gauge.set(share)

    async def _set_store(self) -> None:
        try:
            info = await asyncio.to_thread(self._catalog.info)
        except Tv5Error as error:
            log.debug("no figures of the store: %s", type(error).__name__)
            return
        self._to.titles.set(info["titles"])
        self._to.vectors.set(info["vectors"])
        self._to.live_rows.set(info["live"])
        self._to.store_bytes.set(info["bytes_on_disk"])
        elsewhere = info["elsewhere"]
        self._to.vectors_waiting.set(elsewhere.get("waiting", 0))
        self._to.vectors_lag.set(elsewhere.get("lag", 0))
        self._to.vectors_reachable.set(bool(elsewhere.get("reachable", True)))
