"""Asking providers of metadata without ever breaking their limits.

A :class:`Fetcher` asks one :class:`Provider`. How often it may is decided by a
:class:`Limiter`, which knows how urgent each call is (:class:`Priority`). :class:`Tmdb` and
:class:`JustWatch` speak through one; :func:`sync_tmdb` and :func:`refresh_tmdb` keep a catalogue
in step with TMDB, and :func:`find_availability` asks both where a title can be watched.
"""

from __future__ import annotations

from tv5core.backoff import Backoff
from tv5core.upstream.availability import Availability, find_availability
from tv5core.upstream.fetching.circuit_breaker import CircuitBreaker
from tv5core.upstream.fetching.fetcher import Fetcher, Response
from tv5core.upstream.fetching.retry_bounds import RetryBudget
from tv5core.upstream.justwatch.client import JustWatch
from tv5core.upstream.justwatch.provider import justwatch_provider
from tv5core.upstream.limiting.limiter import Limiter
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.limiting.provider_limiter import ProviderLimiter, limiter_for
from tv5core.upstream.limiting.snapshot import LimitSnapshot
from tv5core.upstream.provider import Credentials, Provider, Secret
from tv5core.upstream.sync.catalog_sync import SyncReport, refresh_tmdb, sync_tmdb
from tv5core.upstream.tmdb.client import Tmdb
from tv5core.upstream.tmdb.mapping import WATCH_ATTRIBUTION
from tv5core.upstream.tmdb.provider import tmdb_provider

__all__ = [
    "WATCH_ATTRIBUTION",
    "Availability",
    "Backoff",
    "CircuitBreaker",
    "Credentials",
    "Fetcher",
    "JustWatch",
    "LimitSnapshot",
    "Limiter",
    "Priority",
    "Provider",
    "ProviderLimiter",
    "Response",
    "RetryBudget",
    "Secret",
    "SyncReport",
    "Tmdb",
    "find_availability",
    "justwatch_provider",
    "limiter_for",
    "refresh_tmdb",
    "sync_tmdb",
    "tmdb_provider",
]
