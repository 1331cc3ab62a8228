"""Metadata from providers, within their limits.

A :class:`Fetcher` calls one :class:`Provider`. A :class:`Limiter` decides when each call goes, by
its :class:`Priority`. :class:`Tmdb` and :class:`JustWatch` are clients over a fetcher;
:func:`sync_tmdb` and :func:`refresh_tmdb` copy TMDB into a catalogue, and
:func:`find_availability` looks up where a title can be watched.

Each part imports only those after it in this list:

- :mod:`.sync`: copies TMDB into a catalogue.
- :mod:`.availability`: where a title can be watched, from all sources at once.
- :mod:`.tmdb` and :mod:`.justwatch`: the clients; neither imports the other.
- :mod:`.fetching`: calls over HTTP: sharing, retries, circuit breaker, transport, decoding.
- :mod:`.limiting`: queues and rates.
- :mod:`.provider`: a provider's addresses, limits and keys.

To follow one request, start at :mod:`.tmdb.client`, then read :mod:`.fetching` in the order its
own docstring gives; it enters :mod:`.limiting` at :mod:`.limiting.scheduler`.
"""

from __future__ import annotations

try:
    import aiohttp  # noqa: F401
    import aiolimiter  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"tv5core.upstream needs {error.name}: pip install 'tv5core[upstream]'", name=error.name
    ) from error

from tv5core.backoff import Backoff
from tv5core.upstream.availability import Availability, find_availability
from tv5core.upstream.fetching.circuit_breaker import CircuitBreaker
from tv5core.upstream.fetching.fetcher import Fetcher
from tv5core.upstream.fetching.omissions import record_omissions
from tv5core.upstream.fetching.request import Response
from tv5core.upstream.fetching.retry_bounds import RetryBudget
from tv5core.upstream.justwatch.client import JustWatch
from tv5core.upstream.justwatch.provider import justwatch_provider
from tv5core.upstream.limiting.limiter import Limiter
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.limiting.provider_limiter import ProviderLimiter, limiter_for
from tv5core.upstream.limiting.snapshot import LimitSnapshot
from tv5core.upstream.provider import Credentials, Provider, Secret
from tv5core.upstream.sync.full_sync import sync_tmdb
from tv5core.upstream.sync.refresh import refresh_tmdb
from tv5core.upstream.sync.report import SyncReport
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
    "record_omissions",
    "refresh_tmdb",
    "sync_tmdb",
    "tmdb_provider",
]
