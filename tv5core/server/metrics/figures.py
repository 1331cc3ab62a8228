"""Figures: what ``/live`` shows, as one value for all workers together.

Shares are 0 to 1, durations milliseconds, times Unix seconds. What is not known, such as a
percentile of no requests, is None: the page shows a dash, not a zero.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "Event",
    "Figures",
    "HitRatio",
    "LatencyPoint",
    "Percentiles",
    "PoolFigures",
    "ProviderGauge",
    "SearchFigures",
    "StoreFigures",
    "TierShare",
]


class Percentiles(msgspec.Struct, frozen=True):
    """Percentiles of durations."""

    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


class LatencyPoint(msgspec.Struct, frozen=True):
    """One interval of the last 15 minutes; ``time`` is its end."""

    time: float
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    qps: float = 0.0


class HitRatio(msgspec.Struct, frozen=True):
    """Hits of the cache among ``requests``, of one kind (``title``) or layer (``memory``)."""

    name: str
    ratio: float | None
    requests: int = 0


class ProviderGauge(msgspec.Struct, frozen=True):
    """What a provider was asked in its window, of what it allows: 23 of 50 in one second."""

    name: str
    used: float
    limit: float
    window_s: float = 1.0
    waiting: int = 0
    breaker: Literal["closed", "half-open", "open"] = "closed"


class SearchFigures(msgspec.Struct, frozen=True):
    """Searches of the last minute; ``recall`` at 10 of ``recall_samples`` that were checked."""

    qps: float = 0.0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    recall: float | None = None
    recall_samples: int = 0


class StoreFigures(msgspec.Struct, frozen=True):
    """What is stored."""

    titles: int = 0
    vectors: int = 0
    live_rows: int = 0
    disk_bytes: int = 0
    cache_bytes: int = 0
    memory_bytes: int = 0


class PoolFigures(msgspec.Struct, frozen=True):
    """The pool that answers: searching threads, requests in progress and waiting."""

    threads: int = 0
    busy: int = 0
    waiting: int = 0
    in_progress: int = 0


class TierShare(msgspec.Struct, frozen=True):
    """Answers of the last minute by what gave them: ``full``, ``cached``, ``static``, ``none``."""

    name: str
    count: int


class Event(msgspec.Struct, frozen=True):
    """Something an operator should know, such as a breaker that opened."""

    time: float
    severity: Literal["info", "warning", "critical"]
    text: str


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the live page shows.

    Attributes
    ----------
    time : float
        When they were read.
    started_at : float
        When the gateway started; another one tells the page that it restarted.
    workers : int
        Processes whose figures are added up.
    qps, error_share : float
        Requests a second and the share of server errors, over the last 10 seconds; None for none.
    latency : Percentiles
        Of all requests of the last 10 seconds.
    series : tuple of LatencyPoint
        The last 15 minutes, oldest first, every ``interval_s``.
    kinds, layers : tuple of HitRatio
        Of the last minute.
    events : tuple of Event
        The latest first.
    """

    time: float
    started_at: float
    version: str = ""
    workers: int = 1
    qps: float = 0.0
    error_share: float | None = None
    latency: Percentiles = Percentiles()
    interval_s: float = 5.0
    series: tuple[LatencyPoint, ...] = ()
    kinds: tuple[HitRatio, ...] = ()
    layers: tuple[HitRatio, ...] = ()
    providers: tuple[ProviderGauge, ...] = ()
    search: SearchFigures = SearchFigures()
    store: StoreFigures = StoreFigures()
    pool: PoolFigures = PoolFigures()
    tiers: tuple[TierShare, ...] = ()
    events: tuple[Event, ...] = ()
