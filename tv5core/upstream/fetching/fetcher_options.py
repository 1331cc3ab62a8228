"""The keyword arguments of a fetcher that a client's ``open`` passes on."""

from __future__ import annotations

import random
import ssl
from typing import TypedDict

from tv5core.backoff import Backoff
from tv5core.observing import Observer
from tv5core.upstream.fetching.circuit_breaker import CircuitBreaker
from tv5core.upstream.fetching.retry_bounds import RetryBudget
from tv5core.upstream.limiting.limiter import Limiter

__all__ = ["FetcherOptions"]


class FetcherOptions(TypedDict, total=False):
    """Options of :class:`~tv5core.upstream.fetching.fetcher.Fetcher`, which documents them."""

    limiter: Limiter | None
    per_machine: bool
    observer: Observer
    breaker: CircuitBreaker | None
    backoff: Backoff | None
    max_retries: int
    retry_budget: RetryBudget | None
    connect_timeout_s: float
    read_timeout_s: float
    max_compressed_bytes: int
    max_bytes: int
    tls: ssl.SSLContext | None
    rng: random.Random | None
