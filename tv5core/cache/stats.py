"""Counters and hit ratios of a cache, by tier and kind."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any

from tv5core.cache.fork_locks import renew_in_children
from tv5core.observing import SILENT, Observer

__all__ = ["Counters", "HitWindow", "Stats"]

_BUCKETS = 12


class Counters:
    """Named counters, for any thread."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        renew_in_children(self)

    def renew_lock(self) -> None:
        """Replace the lock in a forked child."""
        self._lock = threading.Lock()

    def add(self, name: str, value: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name] += value

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def with_prefix(self, prefix: str) -> dict[str, int]:
        """Return the counters whose names start with a prefix, without the prefix."""
        with self._lock:
            found = {n: c for n, c in self._counts.items() if n.startswith(prefix)}
        return {name.removeprefix(prefix): count for name, count in sorted(found.items())}


class HitWindow:
    """Hits and misses over a sliding window of twelve buckets.

    Parameters
    ----------
    length_s : float
        Length of the window, in seconds.
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, length_s: float, clock: Callable[[], float]) -> None:
        self._step_s, self._clock = length_s / _BUCKETS, clock
        self._ends_at = clock() + self._step_s
        self._past: deque[tuple[int, int]] = deque(maxlen=_BUCKETS - 1)
        self._hits = self._misses = 0

    def record(self, *, hit: bool) -> None:
        """Count a look-up."""
        if self._clock() >= self._ends_at:
            self._advance()
        if hit:
            self._hits += 1
        else:
            self._misses += 1

    def _advance(self) -> None:
        steps = int((self._clock() - self._ends_at) // self._step_s) + 1
        self._ends_at += steps * self._step_s
        self._past.append((self._hits, self._misses))
        self._past.extend([(0, 0)] * min(steps - 1, _BUCKETS - 1))
        self._hits = self._misses = 0

    def ratio(self) -> float | None:
        """Return the share of hits; None without any look-up."""
        if self._clock() >= self._ends_at:
            self._advance()
        hits = self._hits + sum(hits for hits, _ in self._past)
        total = hits + self._misses + sum(misses for _, misses in self._past)
        return hits / total if total else None


class Stats:
    """The statistics of one cache.

    Parameters
    ----------
    window_s : float
        Window of the hit ratios, in seconds.
    clock : callable
        Monotonic seconds.
    observer : Observer
        Receives every event as it happens, except hits in memory: those are too frequent, and
        are published together by :meth:`publish_hits`.
    """

    def __init__(self, window_s: float, clock: Callable[[], float], observer: Observer) -> None:
        self._window_s, self._clock, self._observer = window_s, clock, observer
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._windows: dict[str, HitWindow] = {}
        self._hits: Counter[str] = Counter()
        self._published: Counter[str] = Counter()
        self._load_s: defaultdict[str, float] = defaultdict(float)

    def hit(self, kind: str) -> None:
        """Count a fresh answer from memory; on the hottest path."""
        self._hits[kind] += 1
        self._window(kind).record(hit=True)

    def miss(self, kind: str) -> None:
        """Count a look-up for which memory has no fresh value."""
        self.count("memory", kind, "miss")
        self._window(kind).record(hit=False)

    def _window(self, kind: str) -> HitWindow:
        window = self._windows.get(kind)
        if window is None:
            window = self._windows[kind] = HitWindow(self._window_s, self._clock)
        return window

    def count(self, tier: str, kind: str, what: str, value: int = 1) -> None:
        """Count any other event."""
        if value:
            self._counts[tier, kind, what] += value
            if self._observer is not SILENT:
                self._observer.count(f"cache.{what}", value, tier=tier, kind=kind)

    def load(self, kind: str, seconds: float, *, failed: bool) -> None:
        """Count a load and its duration."""
        self.count("loader", kind, "failed" if failed else "load")
        self._load_s[kind] += seconds
        self._observer.time("cache.load", seconds, kind=kind)

    def publish_hits(self) -> None:
        """Publish the hits in memory since the last call."""
        for kind, hits in self._hits.items():
            if new := hits - self._published[kind]:
                self._observer.count("cache.hit", new, tier="memory", kind=kind)
                self._published[kind] = hits

    def report(self) -> dict[str, Any]:
        """Return all counters by kind and tier."""
        self.publish_hits()
        kinds: dict[str, Any] = {}
        for kind, hits in self._hits.items():
            kinds.setdefault(kind, {}).setdefault("memory", {})["hit"] = hits
        for (tier, kind, what), value in sorted(self._counts.items()):
            kinds.setdefault(kind, {}).setdefault(tier, {})[what] = value
        for kind, window in self._windows.items():
            kinds.setdefault(kind, {})["hit_ratio"] = window.ratio()
        for kind, seconds in self._load_s.items():
            kinds.setdefault(kind, {})["load_s"] = seconds
        return kinds
