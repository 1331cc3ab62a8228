"""The order of answers: fresh, stale with its age, from the static set, unavailable."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from tv5core.cache.answer import Answer
from tv5core.cache.loading.search import Found
from tv5core.cache.loading.single_flight import Flight
from tv5core.cache.policy import Policy
from tv5core.cache.stats import Stats
from tv5core.errors import (
    ClosedError,
    InvalidInputError,
    TitleNotFoundError,
    UnavailableError,
    UnknownIdError,
)

__all__ = ["Fallbacks", "Settling"]

Fallbacks = Mapping[str, Mapping[str, Any] | Callable[[str], Any]]
"""By kind, what to answer when nothing else can be: values by key, or a function of the key."""

# What a loader says of the question itself.
_DEFINITE = (InvalidInputError, TitleNotFoundError, UnknownIdError)

log = logging.getLogger("tv5core")


class Settling:
    """Settle for the best there is.

    Parameters
    ----------
    stats : Stats
    clock : callable
        Unix seconds.
    fallbacks : mapping
    """

    def __init__(self, stats: Stats, clock: Callable[[], float], fallbacks: Fallbacks) -> None:
        self._stats, self._clock, self._fallbacks = stats, clock, dict(fallbacks)

    async def answer(self, kind: str, key: str, policy: Policy, flight: Flight) -> Answer:
        """Wait for a flight as long as makes sense, and answer.

        Raises
        ------
        UnavailableError
            There is nothing to serve.
        InvalidInputError, TitleNotFoundError, UnknownIdError
            As the loader raised them.
        """
        asked = asyncio.get_running_loop().time()
        soon = flight.started + policy.soft_timeout_s
        await flight.wait_until(soon, stale_will_do=policy.revalidate)
        if not flight.task.done() and self._stale(flight) is None and policy.revalidate:
            await flight.wait_until(soon)  # what was come by is past serving
        less = None if _succeeded(flight) else self._less(kind, key, flight)
        if less is None and not flight.task.done():
            await flight.wait_until(asked + policy.hard_timeout_s)
        if _succeeded(flight):
            found: Found = flight.task.result()
            return Answer(found.value, "fresh", self._age_s(found), found.tier)
        error = _failure(flight)
        if isinstance(error, _DEFINITE):
            raise error
        less = less or self._less(kind, key, flight)
        if less is None:
            raise self._unavailable(kind, policy, flight, error) from error
        self._stats.count(less.tier, kind, f"served_{less.state}")
        return less

    def _stale(self, flight: Flight) -> Found | None:
        stale: Found | None = flight.stale.result() if flight.stale.done() else None
        return stale if stale is not None and stale.stale_until > self._clock() else None

    def _less(self, kind: str, key: str, flight: Flight) -> Answer | None:
        """Return something stale, else something from the static set."""
        stale = self._stale(flight)
        if stale is not None:
            return Answer(stale.value, "stale", self._age_s(stale), stale.tier)
        value = self._fallback(kind, key)
        return None if value is None else Answer(value, "fallback", None, "static")

    def _fallback(self, kind: str, key: str) -> Any:
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
        if flight.task.cancelled():
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

    def _age_s(self, found: Found) -> float:
        return max(0.0, self._clock() - found.stored_at)


def _succeeded(flight: Flight) -> bool:
    task = flight.task
    return task.done() and not task.cancelled() and task.exception() is None


def _failure(flight: Flight) -> BaseException | None:
    task = flight.task
    return task.exception() if task.done() and not task.cancelled() else None
