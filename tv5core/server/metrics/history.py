"""History: totals of the last minutes, from which the live page's figures are made."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from tv5core.server.metrics.figures import (
    Event,
    Figures,
    HitRatio,
    LatencyPoint,
    Percentiles,
    PoolFigures,
    ProviderGauge,
    SearchFigures,
    StoreFigures,
    TierShare,
)
from tv5core.server.metrics.totals import Totals, quantile

__all__ = ["NAMES", "History"]

NAMES = (
    *("http_requests", "tv5_request_duration_seconds", "tv5_answers", "tv5_requests_in_progress"),
    *("tv5_requests_waiting", "tv5_cache_hits", "tv5_cache_lookups", "tv5_cache_loads"),
    *("tv5_cache_bytes", "tv5_upstream_attempts", "tv5_limiter_queued", "tv5_limiter_contract"),
    *("tv5_breaker_open", "tv5_search_duration_seconds", "tv5_search_recall_at_10"),
    *("tv5_searches_in_progress", "tv5_pool_threads", "tv5_store_titles", "tv5_store_vectors"),
    *("tv5_store_live_rows", "tv5_store_bytes", "tv5_process_resident_bytes", "tv5_workers"),
    *("tv5_start_time_seconds", "tv5_limiter_used"),
)
_SHORT_S, _MINUTE_S, _RECALL_S = 10.0, 60.0, 900.0
_INTERVAL_S, _SERIES_S = 5.0, 900.0
_FINE = "tv5_request_duration_seconds"
_SEARCH = "tv5_search_duration_seconds"
_RECALL = "tv5_search_recall_at_10"
_TIERS = ("memory", "disk", "redis")


class History:
    """Keeps totals for a minute in full, and for 15 minutes as percentiles.

    Parameters
    ----------
    read : callable
        Returns the totals of a moment.
    events : callable
        Returns the latest events.
    version : str
    """

    def __init__(
        self,
        read: Callable[[float], Totals],
        events: Callable[[], tuple[Event, ...]],
        version: str,
    ) -> None:
        self._read, self._events, self._version = read, events, version
        self._lock = threading.Lock()
        self._recent: deque[Totals] = deque()
        self._series: deque[LatencyPoint] = deque(maxlen=int(_SERIES_S / _INTERVAL_S))
        self._recalls: deque[tuple[float, float, float]] = deque()
        self._last: Totals | None = None  # of the series

    def look(self, now: float) -> Totals:
        """Read the totals, and note them; for any thread."""
        with self._lock:
            totals = self._read(now)
            if self._recent and totals.time < self._recent[-1].time:
                self._recent.clear()  # the clock was set back
                self._last = None
            self._recent.append(totals)
            while self._recent[0].time < now - _MINUTE_S - _INTERVAL_S:
                self._recent.popleft()
            self._note(totals)
            return totals

    def _note(self, totals: Totals) -> None:
        """Add a point to the series where one is due."""
        if self._last is None:
            self._last = totals
        elif totals.time - self._last.time >= _INTERVAL_S:
            self._series.append(_point(self._last, totals))
            count = totals.sum(f"{_RECALL}_count")
            self._recalls.append((totals.time, totals.sum(f"{_RECALL}_sum"), count))
            while self._recalls[0][0] < totals.time - _RECALL_S:
                self._recalls.popleft()
            self._last = totals

    def _since(self, totals: Totals, seconds: float) -> Totals:
        """Return the totals of about so long ago, or the earliest."""
        start = totals.time - seconds - 0.5
        return next((one for one in self._recent if one.time >= start), totals)

    def figures(self, now: float) -> Figures:
        """Return everything the live page shows; for any thread."""
        totals = self.look(now)
        with self._lock:
            short, minute = self._since(totals, _SHORT_S), self._since(totals, _MINUTE_S)
            oldest = self._recalls[0] if self._recalls else None
            series = tuple(self._series)
        point = _point(short, totals)
        return Figures(
            time=totals.time,
            started_at=totals.sum("tv5_start_time_seconds"),
            version=self._version,
            workers=max(1, round(totals.sum("tv5_workers"))),
            qps=point.qps,
            error_share=_error_share(short, totals),
            latency=Percentiles(point.p50_ms, point.p95_ms, point.p99_ms),
            interval_s=_INTERVAL_S,
            series=series,
            kinds=_kinds(minute, totals),
            layers=_layers(minute, totals),
            providers=_providers(totals),
            search=_search(minute, totals, oldest),
            store=_store(totals),
            pool=_pool(totals),
            tiers=_tiers(minute, totals),
            events=self._events(),
        )


def _grown(before: Totals, after: Totals, name: str, **labels: str) -> float:
    return max(0.0, after.sum(name, **labels) - before.sum(name, **labels))


def _grown_by(
    before: Totals, after: Totals, name: str, label: str, **labels: str
) -> dict[str, float]:
    old = before.by(name, label, **labels)
    new = after.by(name, label, **labels)
    return {value: max(0.0, count - old.get(value, 0.0)) for value, count in new.items()}


def _percentile(before: Totals, after: Totals, name: str, share: float) -> float | None:
    seconds = quantile(before.buckets(name), after.buckets(name), share)
    return None if seconds is None else round(seconds * 1e3, 3)


def _point(before: Totals, after: Totals) -> LatencyPoint:
    passed_s = after.time - before.time
    count = _grown(before, after, f"{_FINE}_count")
    p50, p95, p99 = (_percentile(before, after, _FINE, share) for share in (0.5, 0.95, 0.99))
    return LatencyPoint(after.time, p50, p95, p99, count / passed_s if passed_s > 0 else 0.0)


def _error_share(before: Totals, after: Totals) -> float | None:
    statuses = _grown_by(before, after, "http_requests_total", "status")
    total = sum(statuses.values())
    failed = sum(count for status, count in statuses.items() if status.startswith("5"))
    return failed / total if total else None


def _kinds(before: Totals, after: Totals) -> tuple[HitRatio, ...]:
    """Return, by kind, the share of look-ups that ran no loader."""
    lookups = _grown_by(before, after, "tv5_cache_lookups_total", "kind")
    loads = _grown_by(before, after, "tv5_cache_loads_total", "kind")
    return tuple(
        HitRatio(
            kind,
            max(0.0, 1 - loads.get(kind, 0.0) / count) if count else None,
            round(count),
        )
        for kind, count in sorted(lookups.items())
    )


def _layers(before: Totals, after: Totals) -> tuple[HitRatio, ...]:
    """Return, by layer, the share of what reached it that it answered."""
    hits = _grown_by(before, after, "tv5_cache_hits_total", "tier")
    reached = _grown(before, after, "tv5_cache_lookups_total")
    found = []
    for tier in sorted(hits, key=_TIERS.index):
        found.append(HitRatio(tier, hits[tier] / reached if reached else None, round(reached)))
        reached = max(0.0, reached - hits[tier])
    return tuple(found)


def _providers(totals: Totals) -> tuple[ProviderGauge, ...]:
    states = {0.0: "closed", 0.5: "half-open", 1.0: "open"}
    return tuple(
        ProviderGauge(
            name,
            round(totals.sum("tv5_limiter_used", provider=name)),
            contract,
            1.0,
            round(totals.sum("tv5_limiter_queued", provider=name)),
            states.get(totals.sum("tv5_breaker_open", provider=name), "closed"),  # type: ignore[arg-type]
        )
        for name, contract in sorted(totals.by("tv5_limiter_contract", "provider").items())
    )


def _search(
    before: Totals, after: Totals, oldest: tuple[float, float, float] | None
) -> SearchFigures:
    passed_s = after.time - before.time
    count = _grown(before, after, f"{_SEARCH}_count")
    p50, p95, p99 = (_percentile(before, after, _SEARCH, share) for share in (0.5, 0.95, 0.99))
    # Samples are few: a quarter of an hour of them, or all there are so far.
    whole = oldest is None or after.time - oldest[0] < _RECALL_S - 2 * _INTERVAL_S
    _, old_sum, old_count = (0.0, 0.0, 0.0) if whole or oldest is None else oldest
    samples = after.sum(f"{_RECALL}_count") - old_count
    recall = (after.sum(f"{_RECALL}_sum") - old_sum) / samples if samples > 0 else None
    return SearchFigures(
        count / passed_s if passed_s > 0 else 0.0, p50, p95, p99, recall, round(max(0.0, samples))
    )


def _store(totals: Totals) -> StoreFigures:
    return StoreFigures(
        titles=round(totals.sum("tv5_store_titles")),
        vectors=round(totals.sum("tv5_store_vectors")),
        live_rows=round(totals.sum("tv5_store_live_rows")),
        disk_bytes=round(totals.sum("tv5_store_bytes")),
        cache_bytes=round(totals.sum("tv5_cache_bytes")),
        memory_bytes=round(totals.sum("tv5_process_resident_bytes")),
    )


def _pool(totals: Totals) -> PoolFigures:
    return PoolFigures(
        threads=round(totals.sum("tv5_pool_threads")),
        busy=round(totals.sum("tv5_searches_in_progress")),
        waiting=round(totals.sum("tv5_requests_waiting")),
        in_progress=round(totals.sum("tv5_requests_in_progress")),
    )


def _tiers(before: Totals, after: Totals) -> tuple[TierShare, ...]:
    counts = _grown_by(before, after, "tv5_answers_total", "tier")
    return tuple(TierShare(name, round(count)) for name, count in sorted(counts.items()))
