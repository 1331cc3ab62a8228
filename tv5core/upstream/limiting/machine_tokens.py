"""Tokens that processes of one user on one machine share, without a server: through a file.

All processes take from one bucket, by the generic cell rate algorithm, and their requests hold
places in one window; see :mod:`.limit_file` and :mod:`.in_flight`. Where the file cannot be used,
as on a machine without a writable folder, a process uses its own tokens, and the limit holds for it
alone.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tv5core.backoff import Backoff
from tv5core.upstream.limiting.in_flight import SECOND_S
from tv5core.upstream.limiting.limit_file import MAX_CAPACITY, LimitFile, LimitState, LockedLimit
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.limiting.token_source import (
    MIN_FACTOR,
    REDUCED_FOR_S,
    LocalTokenSource,
    Token,
)

__all__ = ["MachineTokenSource"]

_Taken = float | tuple[int, int]
"""Seconds to wait, or a place."""
_Result = TypeVar("_Result")

_RETRY_S, _MAX_RETRY_S = 0.0005, 0.02
_LOCK_BACKOFF = Backoff(_RETRY_S, _MAX_RETRY_S)
_PAUSE_TRIES, _ANSWER_TRIES = 50, 4
_MAX_AGE_S = 0.05  # of the state that predictions are made from


class MachineTokenSource:
    """Tokens from a file that all processes of a user on a machine share.

    Parameters
    ----------
    own : LocalTokenSource
        This process's own tokens, with the same limits.
    rate : float
        Requests per second in the long run, of all processes together.
    burst : int
        Requests that may go at once after an idle time.
    contract : int
        Requests the provider allows in any second; ``rate + burst`` at least.
    path : Path
        See :func:`~.limit_file.limit_path`.

    Attributes
    ----------
    is_alone : bool
        Whether the file cannot be used.
    """

    def __init__(
        self, own: LocalTokenSource, rate: float, burst: int, contract: int, path: Path
    ) -> None:
        self._own = own
        self.burst, self._full_rate, self._contract = burst, rate, contract
        self._file = LimitFile(path)
        self._seen, self._seen_at = LimitState(), -math.inf
        self.is_alone = contract > MAX_CAPACITY
        try:
            self._file.prepare()
        except OSError:
            self.is_alone = True

    # -- token source --------------------------------------------------------------------------

    def rate(self) -> float:
        """Return the current rate in requests per second."""
        return self._own.rate() if self.is_alone else self._full_rate * self.factor()

    def factor(self) -> float:
        """Return which part of the full rate the current rate is."""
        state = self._recent()
        return self._own.factor() if self.is_alone else _factor(state, time.monotonic())

    def available(self) -> float:
        """Return the number of tokens, including the part of one that is still accruing."""
        state = self._recent()
        if self.is_alone:
            return self._own.available()
        taken = max(0.0, state.due - time.monotonic()) * self.rate()
        return max(0.0, self.burst - taken)

    def delay_s(self, priority: Priority) -> float:
        """Return the seconds until :meth:`take` can succeed; 0 for now."""
        state = self._recent()
        return self._own.delay_s(priority) if self.is_alone else self._delay_s(state)

    def _delay_s(self, state: LimitState) -> float:
        now = time.monotonic()
        tolerance_s = (self.burst - 1) / (self._full_rate * _factor(state, now))
        place_s = state.place_delay_s(now, self._contract)
        return max(0.0, state.paused_until - now, state.due - tolerance_s - now, place_s)

    async def refresh(self) -> None:
        """Read what other processes changed."""
        self._recent(0.0)
        if self.is_alone:
            await self._own.refresh()

    async def take(self, priority: Priority) -> Token | None:
        """Take a token; None where there is none now."""
        taken = await self._change(self._take)
        if taken is None:
            return await self._own.take(priority)
        return None if isinstance(taken, float) else self._token(taken)

    async def wait_to_send(self, token: Token) -> None:
        """Wait for another place where the token was used before, is too old, or all pause."""
        while not self.is_alone and (self._own.is_too_old(token) or self._pause_s() > 0):
            self.give_back(token)
            taken = await self._change(self._take_place)
            if isinstance(taken, float):
                await asyncio.sleep(taken)
            elif taken is not None:
                token.renew(self._token(taken))
        await self._own.wait_to_send(token)

    def answered(self, token: Token) -> None:
        """Note that the provider has answered the request."""
        self._own.answered(token)
        self._free(token, time.monotonic() + SECOND_S)

    def give_back(self, token: Token) -> None:
        """Free the place of a request that was not sent."""
        self._own.give_back(token)
        if not token.is_sent:
            self._free(token, 0.0)

    def _token(self, taken: tuple[int, int]) -> Token:
        # It holds a place of this process as well, in case the file becomes unusable.
        token = self._own.take_unchecked()
        token.shared = taken
        return token

    def _pause_s(self) -> float:
        return self._recent(0.0).paused_until - time.monotonic()

    def reduce_rate(self, pause_s: float) -> None:
        """Pause all processes, then halve the rate for a while, once for all of them."""
        self._own.reduce_rate(pause_s)
        self._pause(pause_s)

    def extend_pause(self, pause_s: float) -> None:
        """Pause all processes for longer."""
        self._pause(pause_s)

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""

    # -- the file ------------------------------------------------------------------------------

    def _recent(self, max_age_s: float = _MAX_AGE_S) -> LimitState:
        """Return the state, with what other processes changed until lately."""
        now = time.monotonic()
        if not self.is_alone and now - self._seen_at >= max_age_s:
            try:
                self._see(self._file.peek())
            except FileNotFoundError:
                self._see(LimitState())
            except OSError:
                self.is_alone = True
        return self._seen

    def _see(self, state: LimitState) -> None:
        self._seen, self._seen_at = state, time.monotonic()

    async def _change(self, change: Callable[[LockedLimit], _Taken]) -> _Taken | None:
        """Change the limit while it is locked; None where the file cannot be used."""
        pauses_s = _LOCK_BACKOFF.pauses()
        while not self.is_alone:
            try:
                return self._change_now(change)
            except BlockingIOError:
                await asyncio.sleep(next(pauses_s))
            except OSError:
                self.is_alone = True
        return None

    def _change_now(self, change: Callable[[LockedLimit], _Result]) -> _Result:
        with self._file.locked() as limit:
            result = change(limit)
        self._see(limit.state)
        return result

    def _change_soon(self, change: Callable[[LockedLimit], None], tries: int) -> None:
        """Change the limit without giving way to other tasks, if the lock is free soon."""
        for _ in range(0 if self.is_alone else tries):
            try:
                return self._change_now(change)
            except BlockingIOError:
                time.sleep(_RETRY_S)  # the lock is held for microseconds
            except OSError:
                self.is_alone = True
                return None
        return None

    def _take(self, limit: LockedLimit) -> _Taken:
        state = limit.state
        if (delay_s := self._delay_s(state)) > 0:
            return delay_s
        now = time.monotonic()
        interval_s = 1 / (self._full_rate * _factor(state, now))
        state.due = max(state.due, now) + interval_s
        return limit.take_place(now)

    def _take_place(self, limit: LockedLimit) -> _Taken:
        now = time.monotonic()
        place_s = limit.state.place_delay_s(now, self._contract)
        if (delay_s := max(limit.state.paused_until - now, place_s)) > 0:
            return delay_s
        return limit.take_place(now)

    def _free(self, token: Token, at: float) -> None:
        """Free a place; one that is not freed so is free in some seconds by itself."""
        shared, token.shared = token.shared, None
        if shared is not None:
            self._change_soon(lambda limit: limit.free_place(*shared, at), _ANSWER_TRIES)

    def _pause(self, pause_s: float) -> None:
        self._change_soon(lambda limit: _pause(limit.state, pause_s), _PAUSE_TRIES)


def _factor(state: LimitState, now: float) -> float:
    """Return the part of the rate in use: doubled every 30 s since the last 429."""
    if state.factor >= 1 or now < state.raise_at:
        return state.factor
    steps = 1 + int((now - state.raise_at) / REDUCED_FOR_S)
    return min(1.0, state.factor * 2.0 ** min(steps, 10))


def _pause(state: LimitState, pause_s: float) -> None:
    """Extend the pause; a 429 during one belongs to a request that was already sent."""
    now = time.monotonic()
    if now >= state.paused_until:
        state.factor = max(MIN_FACTOR, _factor(state, now) / 2)
    state.paused_until = max(state.paused_until, now + pause_s)
    state.raise_at = state.paused_until + REDUCED_FOR_S
