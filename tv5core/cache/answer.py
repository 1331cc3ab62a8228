"""What the cache takes and returns: a loader, what it loaded, and an answer to a caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, Literal, TypeVar

import msgspec

T = TypeVar("T")

__all__ = ["Answer", "CachedValue", "Loaded", "Loader"]

Loader = Callable[[str], Awaitable[Any]]
"""``async def loader(key)``: returns the value, None where there is none, or :class:`Loaded`."""


class Answer(msgspec.Struct, Generic[T], frozen=True):
    """A value and how current it is.

    Attributes
    ----------
    value : T
        None where there is no such value. Shared with other callers: do not modify it.
    state : {"fresh", "stale", "fallback"}
        ``fresh``: within its TTL. ``stale``: past its TTL, served because no fresh value was
        available in time. ``fallback``: from the static fallbacks.
    age_s : float or None
        Seconds since it was loaded; None for a fallback.
    tier : str
        ``memory``, a lower tier's name, ``loader`` or ``static``.
    """

    value: T
    state: Literal["fresh", "stale", "fallback"]
    age_s: float | None
    tier: str


class Loaded(msgspec.Struct, frozen=True):
    """What a loader returns to set more than the value.

    Attributes
    ----------
    value : Any
        None where there is no such value.
    tags : tuple of str
        Tags the value can be invalidated by.
    ttl_s : float or None
        Seconds for which it is fresh, clamped to the range its policy allows.
    """

    value: Any
    tags: tuple[str, ...] = ()
    ttl_s: float | None = None


class CachedValue(msgspec.Struct, frozen=True):
    """A decoded value, its times by the cache's clock, and the tier it came from."""

    value: Any
    stored_at: float
    fresh_until: float
    stale_until: float
    tier: str
