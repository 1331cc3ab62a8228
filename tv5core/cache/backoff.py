"""Counters, and being quiet for a while after a failure; shared by the outer tiers."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable

__all__ = ["Counts", "Quiet"]

_FIRST_S = 0.5


class Counts:
    """Named counters for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, value: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name] += value

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def starting(self, prefix: str) -> dict[str, int]:
        """Return the counters whose names start so, without that start."""
        with self._lock:
            found = {n: c for n, c in self._counts.items() if n.startswith(prefix)}
        return {name.removeprefix(prefix): count for name, count in sorted(found.items())}


class Quiet:
    """Back off from what fails: exponentially from 0.5 s, with jitter.

    Parameters
    ----------
    clock : callable
        Monotonic seconds.
    longest_s : float
    """

    def __init__(self, clock: Callable[[], float], *, longest_s: float = 30.0) -> None:
        self._clock, self._longest_s = clock, longest_s
        self._failures = 0
        self._until = 0.0
        self.reason = ""

    def __bool__(self) -> bool:
        return bool(self._failures) and self._clock() < self._until

    @property
    def left_s(self) -> float:
        """Seconds it goes on."""
        return max(0.0, self._until - self._clock()) if self._failures else 0.0

    def failed(self, reason: str) -> bool:
        """Note a failure; say whether it is the first in a row."""
        longest = min(_FIRST_S * 2.0 ** min(self._failures, 32), self._longest_s)
        self._until = self._clock() + random.uniform(longest / 2, longest)  # noqa: S311
        self._failures += 1
        self.reason = reason
        return self._failures == 1

    def succeeded(self) -> bool:
        """Note a success; say whether it ends a row of failures."""
        ended = self._failures > 0
        self._failures, self.reason = 0, ""
        return ended
