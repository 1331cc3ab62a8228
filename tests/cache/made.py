"""Entries, and a clock that the test advances."""

from __future__ import annotations

from tv5core.cache.entry import Entry

__all__ = ["Clock", "entry"]

EPOCH_S = 1_800_000_000.0


class Clock:
    """Unix time, advanced by hand."""

    def __init__(self) -> None:
        self.now = EPOCH_S

    def __call__(self) -> float:
        return self.now


def entry(
    value: bytes,
    *,
    at: float = EPOCH_S,
    fresh_s: float = 60.0,
    stale_s: float = 60.0,
    tags: tuple[str, ...] = (),
) -> Entry:
    """Make an entry that was stored at a time, and is fresh and then stale for so long."""
    return Entry(value, at, at + fresh_s, at + fresh_s + stale_s, tags, 0.001, False)
