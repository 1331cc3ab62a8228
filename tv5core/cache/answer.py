"""What the cache answers: the value, and how far it can be trusted."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = ["Answer", "Loaded"]


class Answer(msgspec.Struct, frozen=True):
    """A value and where it comes from.

    Attributes
    ----------
    value : Any
        None where there is no such thing. Shared with other callers: do not change it.
    state : {"fresh", "stale", "fallback"}
        ``fresh``: within its lifetime. ``stale``: past it, served because a fresh one could
        not be had (in time). ``fallback``: from the static set.
    age_s : float or None
        Seconds since it was loaded; None for a fallback.
    tier : str
        ``memory``, a lower tier's name, ``loader`` or ``static``.
    """

    value: Any
    state: Literal["fresh", "stale", "fallback"]
    age_s: float | None
    tier: str


class Loaded(msgspec.Struct, frozen=True):
    """What a loader returns where it has more to say than the value.

    Attributes
    ----------
    value : Any
        None where there is no such thing.
    tags : tuple of str
        What the value can be invalidated by.
    lifetime_s : float or None
        How long it is fresh, in seconds, within what its policy allows.
    """

    value: Any
    tags: tuple[str, ...] = ()
    lifetime_s: float | None = None
