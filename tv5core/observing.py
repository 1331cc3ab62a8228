"""Counters and timings of upstream calls and caches, for any metrics library.

The packages ``upstream`` and ``cache`` report every outcome to an :class:`Observer`. :class:`Tally`
keeps the figures in memory; an adapter to a metrics library is a class of two methods.

Searches, the cache and calls to providers also say which *stage* of their work they are at, to
whoever listens in the present context (:func:`listening`), such as traces. Where nobody listens, a
stage costs one look at a context variable.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import defaultdict
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

__all__ = [
    "SILENT",
    "Observer",
    "Stages",
    "Tally",
    "Timing",
    "listening",
    "outgoing_headers",
    "stage",
]

Labels = tuple[tuple[str, str], ...]


class Observer(Protocol):
    """Receives events; returns at once, raises nothing, and may be called from any thread.

    Names are dotted (``upstream.request``); labels have few values each, never ids or URLs.
    """

    def count(self, name: str, value: int = 1, **labels: str) -> None:
        """Add to a counter."""

    def time(self, name: str, seconds: float, **labels: str) -> None:
        """Note how long something took, in seconds."""


class Stages(Protocol):
    """Listens to the stages of work; returns at once, raises nothing, in any thread."""

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Return what is entered when a stage begins, and left when it ends."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers that a request to a provider carries, such as ``traceparent``."""


_LISTENER: ContextVar[Stages | None] = ContextVar("tv5core_stages", default=None)
_UNHEARD: AbstractContextManager[object] = nullcontext()


def stage(name: str) -> AbstractContextManager[object]:
    """Say that a stage of the work begins; the block is the stage.

    Parameters
    ----------
    name : str
        One of few: of a search ``search``, ``plan``, ``match``, ``walk``, ``scan``, ``exact``,
        ``rescore``, ``rank``, ``decode``; of a cache ``cache``, ``cache.TIER``, ``cache.load``; of
        a provider ``limiter``, ``upstream``.
    """
    listener = _LISTENER.get()
    return _UNHEARD if listener is None else listener.stage(name)


def outgoing_headers() -> Mapping[str, str]:
    """Return what the listener adds to a request to a provider."""
    listener = _LISTENER.get()
    return {} if listener is None else listener.headers()


class listening:  # noqa: N801 - used as a function; a class enters in a third of the time
    """Let somebody listen to the stages of what the block does, and of the tasks it starts."""

    __slots__ = ("_listener", "_token")

    def __init__(self, listener: Stages) -> None:
        self._listener = listener

    def __enter__(self) -> None:
        self._token = _LISTENER.set(self._listener)

    def __exit__(self, *_: object) -> None:
        _LISTENER.reset(self._token)


class _Silent:
    def count(self, name: str, value: int = 1, **labels: str) -> None:
        """Do nothing."""

    def time(self, name: str, seconds: float, **labels: str) -> None:
        """Do nothing."""


SILENT: Observer = _Silent()
"""Ignores all events; the default."""


@dataclass
class Timing:
    """Durations of one series.

    Attributes
    ----------
    count : int
    total_s, longest_s : float
        Seconds.
    """

    count: int = 0
    total_s: float = 0.0
    longest_s: float = 0.0


_TALLIES: weakref.WeakSet[Tally] = weakref.WeakSet()


class Tally:
    """An observer that keeps counters and timings in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _TALLIES.add(self)
        self._counts: defaultdict[tuple[str, Labels], int] = defaultdict(int)
        self._timings: defaultdict[tuple[str, Labels], Timing] = defaultdict(Timing)

    def count(self, name: str, value: int = 1, **labels: str) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name, _sorted(labels)] += value

    def time(self, name: str, seconds: float, **labels: str) -> None:
        """Note how long something took, in seconds."""
        with self._lock:
            timing = self._timings[name, _sorted(labels)]
            timing.count += 1
            timing.total_s += seconds
            timing.longest_s = max(timing.longest_s, seconds)

    def counted(self, name: str, **labels: str) -> int:
        """Return the sum of a counter over all series that carry these labels."""
        want = labels.items()
        with self._lock:
            found = [n for (of, have), n in self._counts.items() if of == name and want <= {*have}]
        return sum(found)

    def timed(self, name: str, **labels: str) -> Timing:
        """Return the timing of one series, as it is now."""
        with self._lock:
            found = self._timings.get((name, _sorted(labels)), Timing())
            return Timing(found.count, found.total_s, found.longest_s)


def _sorted(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _after_fork_in_child() -> None:
    for tally in list(_TALLIES):
        tally._lock = threading.Lock()  # noqa: SLF001 - another thread may have held it


os.register_at_fork(after_in_child=_after_fork_in_child)
