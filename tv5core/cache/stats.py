"""Count what the cache does, by tier and kind."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any

from tv5core.observing import SILENT, Observer

__all__ = ["Stats", "Window"]

_BUCKETS = 12


class Window:
    """Hits and misses over the last while, in twelve steps.

    Parameters
    ----------
    length_s : float
        How long a while, in seconds.
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, length_s: float, clock: Callable[[], float]) -> None:
        self._step_s, self._clock = length_s / _BUCKETS, clock
        self._ends_at = clock() + self._step_s
        self._past: deque[tuple[int, int]] = deque(maxlen=_BUCKETS - 1)
        self._hits = self._misses = 0

    def note(self, *, hit: bool) -> None:
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
        """Return the share of hits; None where nothing was looked up."""
        if self._clock() >= self._ends_at:
            self._advance()
        hits = self._hits + sum(hits for hits, _ in self._past)
        total = hits + self._misses + sum(misses for _, misses in self._past)
        return hits / total if total else None


class Stats:
    """The figures of one cache.

    Parameters
    ----------
    window_s : float
        Over how many seconds hit ratios are taken.
    clock : callable
        Monotonic seconds.
    observer : Observer
        Told of everything as it happens, but of hits in memory, which are too many, now and
        then.
    """

    def __init__(self, window_s: float, clock: Callable[[], float], observer: Observer) -> None:
        self._window_s, self._clock, self._observer = window_s, clock, observer
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._windows: dict[str, Window] = {}
        self._hits: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._load_s: defaultdict[str, float] = defaultdict(float)

    def hit(self, kind: str) -> None:
        """Count a fresh answer from memory; the one thing that must cost next to nothing."""
        self._hits[kind] += 1
        self._window(kind).note(hit=True)

    def miss(self, kind: str) -> None:
        """Count a look-up that memory could not answer with a fresh value."""
        self.count("memory", kind, "miss")
        self._window(kind).note(hit=False)

    def _window(self, kind: str) -> Window:
        window = self._windows.get(kind)
        if window is None:
            window = self._windows[kind] = Window(self._window_s, self._clock)
        return window

    def count(self, tier: str, kind: str, what: str, value: int = 1) -> None:
        """Count something else."""
        if value:
            self._counts[tier, kind, what] += value
            if self._observer is not SILENT:
                self._observer.count(f"cache.{what}", value, tier=tier, kind=kind)

    def load(self, kind: str, seconds: float, *, failed: bool) -> None:
        """Count a load and how long it took."""
        self.count("loader", kind, "failed" if failed else "load")
        self._load_s[kind] += seconds
        self._observer.time("cache.load", seconds, kind=kind)

    def tell_hits(self) -> None:
        """Tell the observer of the hits in memory since the last time."""
        for kind, hits in self._hits.items():
            if new := hits - self._told[kind]:
                self._observer.count("cache.hit", new, tier="memory", kind=kind)
                self._told[kind] = hits

    def report(self) -> dict[str, Any]:
        """Return all counters by kind and tier."""
        self.tell_hits()
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
