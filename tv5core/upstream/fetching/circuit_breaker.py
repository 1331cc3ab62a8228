"""A circuit breaker: a provider that fails is left alone, then tried by one request."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Literal, Self

from tv5core.backoff import Backoff
from tv5core.errors import BreakerOpenError
from tv5core.observing import SILENT, Observer

__all__ = ["CircuitBreaker", "Pass"]

_JITTER = 0.2

State = Literal["closed", "open", "half_open"]


class CircuitBreaker:
    """Opens after many failures, lets one probe through after a while, closes when it succeeds.

    Parameters
    ----------
    name : str
        Whose breaker it is, for messages and counters.
    in_a_row : int
        Failures without a success between them that open it.
    last : int
        It opens, too, where half of so many last outcomes are failures: a provider that fails
        every other time. A fifth of failures practically never makes half of forty.
    open_s, max_open_s : float
        Seconds it stays open at first, and at most: doubled by each probe that fails.
    clock : callable or None
        Monotonic seconds; the event loop's where None.
    rng : random.Random or None
        Spreads the end of the open time, so that many processes do not probe together.
    observer : Observer
    """

    def __init__(
        self,
        name: str,
        *,
        in_a_row: int = 10,
        last: int = 40,
        open_s: float = 5.0,
        max_open_s: float = 60.0,
        clock: Callable[[], float] | None = None,
        rng: random.Random | None = None,
        observer: Observer = SILENT,
    ) -> None:
        self._name, self._in_a_row, self._observer = name, in_a_row, observer
        self._backoff = Backoff(open_s, max_open_s, jitter=_JITTER, rng=rng)
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._outcomes: deque[bool] = deque(maxlen=last)
        self._failures = self._failed_probes = 0
        self._open_until = 0.0
        self._state: State = "closed"
        self._probe: Pass | None = None

    @property
    def state(self) -> State:
        """How it stands."""
        return self._state

    def enter(self) -> Pass:
        """Return leave to make one call, whose outcome the caller owes.

        Raises
        ------
        BreakerOpenError
            The provider is left alone, or a probe is under way.
        """
        self.check()
        if self._state == "closed":
            return Pass(self)
        self._become("half_open")
        self._probe = Pass(self)
        return self._probe

    def check(self) -> None:
        """Do nothing if a call could be made now.

        Raises
        ------
        BreakerOpenError
            As for ``enter``.
        """
        left_s = self._open_until - self._clock()
        if self._state != "closed" and (left_s > 0 or self._probe is not None):
            raise BreakerOpenError(
                f"expected {self._name} to work, got failures; it is left alone for a while",
                retry_after_s=max(left_s, 0.1),
            )

    def settle(self, entered: Pass, outcome: bool | None) -> None:
        """Note the outcome of a call: True, False, or None for one that says nothing."""
        if entered is self._probe:
            self._probe = None
            self._settle_probe(outcome)
        elif self._state == "closed" and outcome is not None:
            self._outcomes.append(outcome)
            self._failures = 0 if outcome else self._failures + 1
            if self._is_failing():
                self._open()

    def _settle_probe(self, outcome: bool | None) -> None:
        if outcome is None:
            return
        if not outcome:
            self._failed_probes += 1
            self._open()
            return
        self._outcomes.clear()
        self._failures = self._failed_probes = 0
        self._become("closed")

    def _is_failing(self) -> bool:
        is_full = len(self._outcomes) == self._outcomes.maxlen
        many = is_full and self._outcomes.count(False) * 2 >= len(self._outcomes)
        return many or self._failures >= self._in_a_row

    def _open(self) -> None:
        self._open_until = self._clock() + self._backoff.pause_s(self._failed_probes)
        self._become("open")

    def _become(self, state: State) -> None:
        self._state = state
        self._observer.count("upstream.breaker", provider=self._name, state=state)


class Pass:
    """Leave to make one call; settled once, at the latest when its ``with`` block ends.

    An outcome that is not told (the caller was cancelled, say) says nothing of the provider, and
    frees the place of a probe.
    """

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker, self._is_settled = breaker, False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._settle(None)

    def succeed(self) -> None:
        """Tell that the provider answered."""
        self._settle(True)

    def fail(self) -> None:
        """Tell that it did not."""
        self._settle(False)

    def _settle(self, outcome: bool | None) -> None:
        if not self._is_settled:
            self._is_settled = True
            self._breaker.settle(self, outcome)
