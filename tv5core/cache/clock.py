"""The clocks of the cache: one for lifetimes in this process, one shared with others.

A wall clock is set back by an operator, by NTP, or when a virtual machine resumes: what was to be
fresh for a minute would then be fresh for an hour and a minute. So lifetimes in this process are
counted on a clock that nobody sets. Other processes do not know it, so the lower tiers store Unix
times; an entry that was stored later than now by the wall clock is stale (:func:`to_local`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from tv5core.cache.entry import Entry

__all__ = ["MAX_SKEW_S", "lifetime_clock", "to_local", "to_wall"]

MAX_SKEW_S = 1.0
"""How far the wall clocks of two machines may be apart, in seconds; NTP keeps milliseconds."""

lifetime_clock: Callable[[], float] = (
    # It advances while the machine sleeps, which CLOCK_MONOTONIC does not.
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)
"""Seconds since the machine's start; never set."""


def to_local(entry: Entry, now: float, wall_now: float) -> Entry:
    """Return an entry of a lower tier in this process's time.

    No entry lives longer from now than its whole lifetime. One from the future (the wall clock
    was set back after it was stored) is stale from now on.

    Parameters
    ----------
    entry : Entry
        Its times are Unix seconds.
    now, wall_now : float
        The same moment by the clock for lifetimes, and in Unix seconds.
    """
    ahead_s = max(0.0, entry.stored_at - wall_now)
    local = _shifted(entry, now - wall_now - ahead_s)
    if ahead_s <= MAX_SKEW_S:
        return local
    stale_until = now + entry.stale_until - entry.fresh_until
    return _with_times(local, now, now, stale_until)


def to_wall(entry: Entry, now: float, wall_now: float) -> Entry:
    """Return an entry of this process's time with Unix times; as :func:`to_local`, reversed."""
    return _shifted(entry, wall_now - now)


def _shifted(entry: Entry, by_s: float) -> Entry:
    if not by_s:
        return entry
    return _with_times(
        entry, entry.stored_at + by_s, entry.fresh_until + by_s, entry.stale_until + by_s
    )


def _with_times(entry: Entry, stored_at: float, fresh_until: float, stale_until: float) -> Entry:
    return Entry(
        entry.value,
        stored_at,
        fresh_until,
        stale_until,
        entry.tags,
        entry.load_s,
        entry.negative,
    )
