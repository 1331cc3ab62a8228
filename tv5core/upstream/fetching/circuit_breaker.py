"""A circuit breaker: calls to a provider that is down fail at once, until a probe succeeds."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Literal, Self

from tv5core.backoff import Backoff
from tv5core.errors import BreakerOpenError
from tv5core.observing import SILENT, Observer

__all__ = ["Admission", "CircuitBreaker"]

_JITTER = 0.2
_MIN_RETRY_AFTER_S = 0.1

State = Literal["closed", "open", "half_open"]


class CircuitBreaker:
    """Opens after many failures, admits one probe after a while, closes when the probe succeeds.

    Parameters
    ----------
    name : str
        Name of the provider, for messages and counters.
    consecutive_failures : int
        Failures without a success between them that open it.
    window : int
        Number of latest outcomes, half of which being failures opens it too: a provider that
        fails every other time. A failure rate of one in five practically never opens it.
    open_s, max_open_s : float
        Seconds it stays open at first, and at most; each failed probe doubles the time.
    clock : callable or None
        Monotonic seconds; None uses the event loop's clock.
    rng : random.Random or None
        Source of the jitter that keeps many processes from probing together.
    observer : Observer
        Counts ``upstream.breaker`` by state.
    """

    def __init__(
        self,
        name: str,
        *,
        consecutive_failures: int = 10,
        window: int = 40,
        open_s: float = 5.0,
        max_open_s: float = 60.0,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
        observer: Observer = SILENT,
    ) -> None:
        self._name, self._observer = name, observer
        self._max_failures = consecutive_failures
        self._backoff = Backoff(open_s, max_open_s, jitter=_JITTER, rng=rng)
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._outcomes: deque[bool] = deque(maxlen=window)
        self._failures = self._failed_probes = 0
        self._open_until = 0.0
        self._state: State = "closed"
        self._probe: Admission | None = None

    @property
    def state(self) -> State:
        """Whether it is closed, open, or half open."""
        return self._state

    def admit(self) -> Admission:
        """Return an admission for one call, whose outcome the caller must report.

        Raises
        ------
        BreakerOpenError
            The breaker is open, or a probe is in flight.
        """
        self.check()
        if self._state == "closed":
            return Admission(self)
        self._change_state("half_open")
        self._probe = Admission(self)
        return self._probe

    def check(self) -> None:
        """Raise where :meth:`admit` would raise.

        Raises
        ------
        BreakerOpenError
            The breaker is open, or a probe is in flight.
        """
        left_s = self._open_until - self._clock()
        if self._state != "closed" and (left_s > 0 or self._probe is not None):
            raise BreakerOpenError(
                f"expected {self._name} to work, got failures; its circuit breaker is open",
                retry_after_s=max(left_s, _MIN_RETRY_AFTER_S),
            )

    def report(self, admission: Admission, outcome: bool | None) -> None:
        """Count an outcome: True for a success, False for a failure, None for neither."""
        if admission is self._probe:
            self._probe = None
            self._report_probe(outcome)
        elif self._state == "closed" and outcome is not None:
            self._outcomes.append(outcome)
            self._failures = 0 if outcome else self._failures + 1
            if self._is_failing():
                self._open()

    def _report_probe(self, outcome: bool | None) -> None:
        if outcome is None:
            return
        if not outcome:
            self._failed_probes += 1
            self._open()
            return
        self._outcomes.clear()
        self._failures = self._failed_probes = 0
        self._change_state("closed")

    def _is_failing(self) -> bool:
        is_full = len(self._outcomes) == self._outcomes.maxlen
        is_half = is_full and self._outcomes.count(False) * 2 >= len(self._outcomes)
        return is_half or self._failures >= self._max_failures

    def _open(self) -> None:
        self._open_until = self._clock() + self._backoff.pause_s(self._failed_probes)
        self._change_state("open")

    def _change_state(self, state: State) -> None:
        self._state = state
        self._observer.count("upstream.breaker", provider=self._name, state=state)


class Admission:
    """The right to make one call; its first outcome counts.

    A ``with`` block that ends without an outcome (a cancelled call, for example) says nothing
    about the provider, and lets another probe through.
    """

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker, self._is_reported = breaker, False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._report(None)

    def succeed(self) -> None:
        """Report that the provider responded."""
        self._report(True)

    def fail(self) -> None:
        """Report that it did not."""
        self._report(False)

    def _report(self, outcome: bool | None) -> None:
        if not self._is_reported:
            self._is_reported = True
            self._breaker.report(self, outcome)
