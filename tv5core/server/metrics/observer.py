"""PrometheusObserver: what the library reports under dotted names, as metrics.

The library knows nothing of Prometheus; this is the one place that knows both.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from tv5core.server.metrics.events import EventLog
from tv5core.server.metrics.instruments import Instruments

__all__ = ["PrometheusObserver"]

Labels = dict[str, str]
_LOADS = {"load": "ok", "failed": "failed"}
_SEVERITIES = {"open": "critical", "half_open": "info", "closed": "info"}


class PrometheusObserver:
    """Implements ``tv5core.observing.Observer``.

    Parameters
    ----------
    instruments : Instruments
    events : EventLog
        Told of breakers that change.

    Attributes
    ----------
    on_attempt : callable
        Called with the provider of each request that was sent.
    """

    def __init__(self, instruments: Instruments, events: EventLog) -> None:
        self._to, self._events = instruments, events
        self.on_attempt: Callable[[str], None] = lambda _: None
        self._counters: dict[str, Callable[[int, Labels], None]] = {
            "upstream.request": self._call,
            "upstream.attempt": self._attempt,
            "upstream.refused": self._refused,
            "upstream.breaker": self._breaker,
        }
        self._timers: dict[str, Callable[[float, Labels], None]] = {
            "cache.load": self._load_time,
            "upstream.request": self._call_time,
            "upstream.connect": self._connect_time,
            "upstream.wait": self._wait_time,
        }

    def count(self, name: str, value: int = 1, **labels: str) -> None:
        """Add to the counter of a dotted name; unknown ones count as events."""
        with contextlib.suppress(KeyError, ValueError):  # an observer raises nothing
            known = self._counters.get(name)
            if known is not None:
                known(value, labels)
            elif name.startswith("cache."):
                self._cache(name.removeprefix("cache."), value, labels)
            elif name.startswith("events."):
                self._to.events.labels(labels["source"], name.removeprefix("events.")).inc(value)
            elif name.startswith("upstream."):
                event = name.removeprefix("upstream.")
                event = f"{event}_{labels['state']}" if "state" in labels else event
                self._to.call_events.labels(labels.get("provider", ""), event).inc(value)

    def time(self, name: str, seconds: float, **labels: str) -> None:
        """Note a duration."""
        known = self._timers.get(name)
        if known is not None:
            with contextlib.suppress(KeyError, ValueError):
                known(seconds, labels)

    # -- the cache ------------------------------------------------------------------------

    def _cache(self, event: str, value: int, labels: Labels) -> None:
        tier, kind, to = labels["tier"], labels["kind"], self._to
        if tier == "memory" and event in ("hit", "miss"):
            to.cache_lookups.labels(kind).inc(value)
        if event == "hit":
            to.cache_hits.labels(tier, kind).inc(value)
        elif tier == "loader" and event in _LOADS:
            to.cache_loads.labels(kind, _LOADS[event]).inc(value)
        else:
            to.cache_events.labels(tier, kind, event).inc(value)

    def _load_time(self, seconds: float, labels: Labels) -> None:
        self._to.cache_load_s.labels(labels["kind"]).observe(seconds)

    # -- providers ------------------------------------------------------------------------

    def _call(self, value: int, labels: Labels) -> None:
        self._to.calls.labels(labels["provider"], labels["outcome"]).inc(value)

    def _attempt(self, value: int, labels: Labels) -> None:
        self._to.attempts.labels(labels["provider"], labels["status"]).inc(value)
        self.on_attempt(labels["provider"])

    def _refused(self, value: int, labels: Labels) -> None:
        self._to.refusals.labels(labels["provider"], labels["priority"]).inc(value)

    def _breaker(self, value: int, labels: Labels) -> None:
        provider, state = labels["provider"], labels["state"]
        self._to.call_events.labels(provider, f"breaker_{state}").inc(value)
        self._to.breaker_open.labels(provider).set({"open": 1.0, "half_open": 0.5}.get(state, 0.0))
        self._events.note(_SEVERITIES[state], f"{provider}: breaker {state.replace('_', ' ')}")

    def _call_time(self, seconds: float, labels: Labels) -> None:
        self._to.call_s.labels(labels["provider"]).observe(seconds)

    def _connect_time(self, seconds: float, labels: Labels) -> None:
        self._to.connect_s.labels(labels["provider"]).observe(seconds)

    def _wait_time(self, seconds: float, labels: Labels) -> None:
        self._to.limiter_wait_s.labels(labels["provider"], labels["priority"]).observe(seconds)
