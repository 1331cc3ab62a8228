"""What requests count, summed in memory and added to the instruments once a second.

With several processes a value of prometheus-client is a place in a mapped file, and each request
would write a dozen of them. So requests are summed here, and :meth:`RequestBatch.flush` adds the
sums; it is called every second, and before this process shows its figures.
"""

from __future__ import annotations

import bisect
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

from prometheus_client import Histogram

from tv5core.server.metrics.instruments import FINE_BUCKETS, HTTP_BUCKETS, Instruments

__all__ = ["RequestBatch"]


class _Durations:
    """Observations of one histogram.

    Parameters
    ----------
    bounds : sequence of float
        Upper bounds of its buckets, without infinity.
    """

    __slots__ = ("_bounds", "_counts", "_sum_s")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum_s = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect.bisect_left(self._bounds, seconds)] += 1
        self._sum_s += seconds

    def add_to(self, histogram: Histogram) -> None:
        """Add them as so many calls of ``observe`` would, which takes one observation only."""
        inner: Any = histogram
        inner._sum.inc(self._sum_s)  # noqa: SLF001
        for bucket, count in zip(inner._buckets, self._counts, strict=True):  # noqa: SLF001
            if count:
                bucket.inc(count)


class RequestBatch:
    """Requests since the last flush; for any thread.

    Parameters
    ----------
    to : Instruments
    """

    def __init__(self, to: Instruments) -> None:
        self._to = to
        self._lock = threading.Lock()
        self._empty()

    def _empty(self) -> None:
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._answers: Counter[str] = Counter()
        self._durations: dict[tuple[str, str], _Durations] = {}
        self._fine = _Durations(FINE_BUCKETS)

    def request(self, method: str, route: str, status: int) -> None:
        """Count a request."""
        with self._lock:
            self._requests[method, route, str(status)] += 1

    def duration(self, method: str, route: str, seconds: float) -> None:
        """Note how long an answer took."""
        with self._lock:
            found = self._durations.get((method, route))
            if found is None:
                found = self._durations[method, route] = _Durations(HTTP_BUCKETS)
            found.observe(seconds)

    def api(self, seconds: float, tier: str | None) -> None:
        """Note an answer of the API, and what gave it; None for the client's mistake."""
        with self._lock:
            self._fine.observe(seconds)
            if tier is not None:
                self._answers[tier] += 1

    def flush(self) -> None:
        """Add what was noted to the instruments."""
        with self._lock:
            requests, answers = self._requests, self._answers
            durations, fine = self._durations, self._fine
            self._empty()
        for (method, route, status), count in requests.items():
            self._to.requests.labels(method, route, status).inc(count)
        for tier, count in answers.items():
            self._to.answers.labels(tier).inc(count)
        for (method, route), found in durations.items():
            found.add_to(self._to.durations.labels(method, route))
        fine.add_to(self._to.fine)
