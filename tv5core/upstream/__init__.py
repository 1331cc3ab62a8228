"""Asking providers of metadata without ever breaking their limits.

A :class:`Fetcher` asks one :class:`Provider`. How often it may is decided by a
:class:`Limiter`, which knows how urgent each call is (:class:`Priority`).
"""

from __future__ import annotations

from tv5core.upstream.backoff import Backoff, RetryBudget
from tv5core.upstream.breaker import CircuitBreaker
from tv5core.upstream.fetcher import Fetcher, Response
from tv5core.upstream.limiter import (
    Limiter,
    LimitSnapshot,
    Priority,
    ProviderLimiter,
    limiter_for,
)
from tv5core.upstream.provider import Credentials, Provider, Secret

__all__ = [
    "Backoff",
    "CircuitBreaker",
    "Credentials",
    "Fetcher",
    "LimitSnapshot",
    "Limiter",
    "Priority",
    "Provider",
    "ProviderLimiter",
    "Response",
    "RetryBudget",
    "Secret",
    "limiter_for",
]
