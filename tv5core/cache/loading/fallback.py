"""The answer to a caller: fresh, else stale with its age, else static, else unavailable."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from tv5core.arguments import check_type
from tv5core.cache.answer import Answer, CachedValue
from tv5core.cache.loading.single_flight import Flight
from tv5core.cache.memory.tier import MemoryEntry
from tv5core.cache.policy import Policy
from tv5core.cache.stats import Stats
from tv5core.errors import (
    ClosedError,
    InvalidInputError,
    TitleNotFoundError,
    UnavailableError,
    UnknownIdError,
)

__all__ = ["FallbackChain", "Fallbacks", "value_in_memory"]

Fallbacks = Mapping[str, Mapping[str, Any] | Callable[[str], Any]]
"""By kind, what to answer when nothing else is available: values by key, or a function of it."""

# Errors about the request itself, which no other answer replaces.
_DEFINITE = (InvalidInputError, TitleNotFoundError, UnknownIdError)

log = logging.getLogger("tv5core")


class FallbackChain:
    """Wait for a flight, and answer with the best value there is.

    Parameters
    ----------
    stats : Stats
    clock : callable
        Seconds, as the cache's.
    fallbacks : mapping
    """

    def __init__(self, stats: Stats, clock: Callable[[], float], fallbacks: Fallbacks) -> None:
        check_type("fallbacks", fallbacks, Mapping)
        self._stats, self._clock, self._fallbacks = stats, clock, dict(fallbacks)

    async def answer(self, kind: str, key: str, policy: Policy, flight: Flight) -> Answer[Any]:
        """Wait for a flight within the policy's timeouts, and answer.

        Raises
        ------
        UnavailableError
            There is nothing to serve.
        InvalidInputError, TitleNotFoundError, UnknownIdError
            Raised by the loader.
        """
        started = asyncio.get_running_loop().time()
        soft_deadline = flight.started + policy.soft_timeout_s
        await flight.wait_until(soft_deadline, accept_stale=policy.stale_while_revalidate)
        expired = policy.stale_while_revalidate and self._stale(flight) is None
        if not flight.task.done() and expired:
            await flight.wait_until(soft_deadline)  # the stale value is too old to be served
        fallback = None if _succeeded(flight) else self._best_fallback(kind, key, flight)
        if fallback is None and not flight.task.done() and not flight.ended.done():
            await flight.wait_until(started + policy.hard_timeout_s)
        if _succeeded(flight):
            return self._fresh(flight)
        error = _failure(flight)
        if isinstance(error, _DEFINITE):
            raise error
        fallback = fallback or self._best_fallback(kind, key, flight)
        if fallback is None:
            raise self._unavailable(kind, policy, flight, error) from error
        self._stats.count(fallback.tier, kind, f"served_{fallback.state}")
        return fallback

    def _fresh(self, flight: Flight) -> Answer[Any]:
        found = flight.task.result()
        if found is None:  # only a flight without a loader, which nobody waits for here
            raise TypeError("expected a flight with a loader, got one without")
        return Answer(found.value, "fresh", self._age_s(found), found.tier)

    def _stale(self, flight: Flight) -> CachedValue | None:
        stale = flight.stale.result() if flight.stale.done() else None
        return stale if stale is not None and stale.stale_until > self._clock() else None

    def _best_fallback(self, kind: str, key: str, flight: Flight) -> Answer[Any] | None:
        """Return a stale value, else a static one."""
        stale = self._stale(flight)
        if stale is not None:
            return Answer(stale.value, "stale", self._age_s(stale), stale.tier)
        value = self._static(kind, key)
        return None if value is None else Answer(value, "fallback", None, "static")

    def _static(self, kind: str, key: str) -> Any:
        static = self._fallbacks.get(kind)
        if static is None:
            return None
        try:
            return static(key) if callable(static) else static.get(key)
        except Exception:
            log.exception("cache: the fallback of %s failed", kind)
            return None

    def _unavailable(
        self, kind: str, policy: Policy, flight: Flight, error: BaseException | None
    ) -> Exception:
        if flight.ended.done():
            return ClosedError("expected an open cache, got close() during a load")
        self._stats.count("loader", kind, "unavailable")
        retry_after_s = getattr(error, "retry_after_s", None) or policy.retry_after_s
        # The loader's message stays with its error: it may hold addresses.
        got = "no answer in time" if error is None else type(error).__name__
        return UnavailableError(
            f"expected a value of kind {kind} from its loader or the cache, got {got}; "
            f"retry after {retry_after_s:g} s",
            retry_after_s=retry_after_s,
        )

    def _age_s(self, found: CachedValue) -> float:
        return max(0.0, self._clock() - found.stored_at)


def value_in_memory(entry: MemoryEntry) -> CachedValue:
    """Return what memory has, as a flight announces it."""
    return CachedValue(entry.value, entry.stored_at, entry.fresh_until, entry.stale_until, "memory")


def _succeeded(flight: Flight) -> bool:
    task = flight.task
    return task.done() and not task.cancelled() and task.exception() is None


def _failure(flight: Flight) -> BaseException | None:
    """Return why a flight failed; a loader may also be cancelled, by itself or from within."""
    if not flight.task.done():
        return None
    try:
        return flight.task.exception()
    except asyncio.CancelledError as error:
        return error
