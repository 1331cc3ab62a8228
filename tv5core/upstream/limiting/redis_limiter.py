"""One limit for several processes, kept in Redis; needs the extra ``redis``.

Each process owns an equal share of the rate. Those that are in touch with Redis pool their shares:
the generic cell rate algorithm runs in Lua on Redis's clock, for the sum of the shares of the
processes it heard of within ``SILENCE_S``. A process that gets no answer waits until Redis must
have dropped it from the pool, and then lives on its own share alone. So it does not matter
whether Redis is down for all or out of reach for some: the shares add up to the contract.

Tokens are given out evenly spaced, a few at a time, each for a moment shortly ahead. How far ahead
is told relative to Redis's answer, so that clocks need not agree: a token is used no earlier than
that after the answer came, and no later than ``TTL_S`` after that since the question was sent.
Wherever within these the script ran, the use falls into the token's own ``TTL_S``.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from tv5core.errors import InvalidInputError
from tv5core.observing import SILENT, Observer
from tv5core.upstream.limiting.pacing import LocalPacer, ShareGate
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.limiting.redis_scripts import LEASE, PAUSE
from tv5core.upstream.limiting.scheduler import QueuedLimiter
from tv5core.upstream.limiting.token_leases import Leases, SharedState

__all__ = ["SILENCE_S", "TTL_S", "RedisLimiter", "RedisPacer"]

SILENCE_S = 0.75
"""A process that was not heard of for so long is out of the pool."""
TTL_S = 0.03
"""How long a token may be used."""

_AHEAD_S = 0.1
_GRACE_S = 0.02
_SETTLE_S = 0.2
_HEARTBEAT_S = 0.2
_TIMEOUT_S = 0.15
_BATCH = 4
_SPREAD = 1.1
_MICRO = 1e6


def share_of(rate: float, contract: int, processes: int) -> float:
    """Return the rate a process may use on its own.

    Each may send one more than its rate times the time, so the contract's part of each must hold
    that one as well, over the second and a tenth that may arrive as one.

    Raises
    ------
    InvalidInputError
        There are too many processes for that.
    """
    own = (contract // processes - 1) / _SPREAD
    if own <= 0:
        raise InvalidInputError(
            f"expected at most half as many processes as the contract's {contract}, got {processes}"
        )
    return min(rate / processes, own)


class RedisPacer:
    """Tokens from Redis, or of the own share.

    Parameters
    ----------
    url : str
        Of Redis.
    key : str
        Names the provider's limit in Redis.
    rate : float
    contract : int
    processes : int
    bulk_share : float
    observer : Observer
    """

    burst = 1

    def __init__(
        self,
        url: str,
        key: str,
        *,
        rate: float,
        contract: int,
        processes: int,
        bulk_share: float,
        observer: Observer = SILENT,
    ) -> None:
        share = share_of(rate, contract, processes)
        self._own, self._own_rate = LocalPacer(share, 1, contract // processes), share
        self._key, self._observer = key, observer
        self._settings = (processes, rate)
        self.set_bulk_share(bulk_share)
        self._redis = Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._lease = self._redis.register_script(LEASE)
        self._pause = self._redis.register_script(PAUSE)
        self._me = secrets.token_hex(8)
        self._leases, self._state = Leases(TTL_S), SharedState(rate / processes)
        self._lock = asyncio.Lock()
        self._alone_from = 0.0
        self._is_alone, self._retry_at = False, 0.0
        self._heart: asyncio.Task[None] | None = None
        self._pauses: set[asyncio.Task[None]] = set()

    # -- what the dispatcher asks --------------------------------------------------------------

    @property
    def is_alone(self) -> bool:
        """Whether Redis is out of reach."""
        return self._is_alone

    def set_bulk_share(self, share: float) -> None:
        """Set the part of the rate that bulk work may take, of all and of the own share."""
        self._gate = ShareGate(self._settings[1], share)
        self._own_gate = ShareGate(self._own_rate, share)

    def rate(self) -> float:
        """Return the requests a second that are to be had now."""
        return self._own.rate() if self._is_alone else self._state.rate

    def factor(self) -> float:
        """Return what part of the full rate is in use."""
        return self._own.factor() if self._is_alone else self._state.factor

    def free(self) -> float:
        """Return how many tokens there are; with Redis, one where it can be asked for one."""
        if self._is_alone:
            return self._own.free() if _time() >= self._alone_from else 0.0
        return 1.0 if self._state.delay(Priority.USER, _time()) <= 0 else 0.0

    def delay(self, priority: Priority) -> float:
        """Return the seconds until it is worth asking for a token."""
        now = _time()
        if self._is_alone:
            gate_s = self._own_gate.delay(now) if priority is Priority.BULK else 0.0
            return max(self._alone_from - now, self._own.delay(priority), gate_s)
        return self._state.delay(priority, now)

    async def refresh(self) -> None:
        """Begin to stay in touch."""
        if self._heart is None:
            self._heart = asyncio.get_running_loop().create_task(self._beat())
        if self._is_alone:
            await self._own.refresh()

    async def take(self, priority: Priority) -> bool:
        """Take a token that is in hand, or ask for some; False where there are none."""
        await self.refresh()
        async with self._lock:
            if not self._is_alone:
                return await self._take_shared(priority)
        if self.delay(priority) > 0 or not await self._own.take(priority):
            return False
        if priority is Priority.BULK:
            self._own_gate.note(_time(), self._own.factor())
        return True

    async def _take_shared(self, priority: Priority) -> bool:
        is_bulk = priority is Priority.BULK and self._gate.share < 1
        # Tokens for bulk work are asked for one by one: its share is counted in Redis.
        if is_bulk and not await self._ask(1, is_bulk=True):
            return False
        if not self._leases.has_any(_time()):
            await self._ask(_BATCH, is_bulk=False)
        while (lease := self._leases.pop(_time())) is not None:
            if (wait_s := lease.due - _time()) > 0:
                await asyncio.sleep(wait_s)
            if _time() <= lease.until:
                return True
        return False

    async def depart(self, granted_at: float) -> None:
        """Have a request that took long to get its connection wait for a token anew."""
        while self._is_alone or _time() - granted_at > _GRACE_S:
            if self._is_alone:
                await self._own.depart(granted_at)
                return
            if await self.take(Priority.USER):
                return
            await asyncio.sleep(max(0.001, self.delay(Priority.USER)))

    def slow_down(self, seconds: float) -> None:
        """Pause all processes, and halve the rate for a while."""
        self._own.slow_down(seconds)
        self._leases.drop()
        task = asyncio.get_running_loop().create_task(self._tell_pause(seconds))
        self._pauses.add(task)
        task.add_done_callback(self._pauses.discard)

    async def close(self) -> None:
        """Leave the pool and close the connections."""
        tasks = [*self._pauses, *([self._heart] if self._heart else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._redis.aclose()

    # -- Redis ---------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """Stay in touch while nothing is asked for, and get in touch again when it was lost."""
        while True:
            await asyncio.sleep(_HEARTBEAT_S)
            async with self._lock:
                if self._is_alone and not await self._call(self._redis.ping()):
                    continue
                if _time() - self._state.heard_at >= _HEARTBEAT_S:
                    await self._ask(0, is_bulk=False)

    async def _ask(self, count: int, *, is_bulk: bool) -> bool:
        """Ask Redis for tokens, and return whether there are some; the lock is held."""
        asked_at = _time()
        script = self._lease(keys=self._keys(), args=self._args(count, is_bulk))
        answer = await self._call(script)
        if answer is None:
            self._lose_touch()
            return False
        return self._hear(asked_at, answer, is_bulk=is_bulk)

    async def _call(self, question: Awaitable[Any]) -> Any:
        """Return Redis's answer, None for none in time."""
        try:
            # The client's own timeouts are for each read; this one is for all of it.
            async with asyncio.timeout(_TIMEOUT_S):
                return await question
        except (RedisError, OSError, TimeoutError):
            return None

    def _keys(self) -> list[str]:
        return [f"{{{self._key}}}:limit", f"{{{self._key}}}:members"]

    def _args(self, count: int, is_bulk: bool) -> list[Any]:
        spans = (self._gate.interval_s, self._gate.tolerance_s, SILENCE_S, _AHEAD_S, _SETTLE_S)
        interval, tolerance, silence, ahead, settle = (int(s * _MICRO) for s in spans)
        return [
            *(self._me, *self._settings, count, int(is_bulk)),
            *(interval, tolerance, silence, ahead, settle),
        ]

    def _hear(self, asked_at: float, answer: list[Any], *, is_bulk: bool) -> bool:
        now = _time()
        wait, rate, factor, paused, offsets = answer
        self._state.hear(
            now, float(rate), float(factor), int(wait) / _MICRO, int(paused) / _MICRO, is_bulk
        )
        if self._is_alone:
            self._is_alone = False
            self._observer.count("upstream.limiter", 1, state="shared")
        for offset in offsets:
            self._leases.add(asked_at, now, int(offset) / _MICRO)
        return bool(offsets)

    def _lose_touch(self) -> None:
        """Go on alone, but not before Redis has dropped this process from the pool.

        A question without an answer may have been heard, so each one counts anew.
        """
        self._leases.drop()
        self._alone_from = _time() + SILENCE_S + _AHEAD_S
        if not self._is_alone:
            self._is_alone = True
            self._observer.count("upstream.limiter", 1, state="alone")

    async def _tell_pause(self, seconds: float) -> None:
        pause = self._pause(keys=self._keys(), args=[int(seconds * _MICRO)])
        if await self._call(pause) is None:
            # The own pause holds; the others will meet a 429 of their own.
            self._observer.count("upstream.limiter", 1, state="pause_untold")


class RedisLimiter(QueuedLimiter):
    """The limiter of one of several processes that share a provider's contract.

    Parameters
    ----------
    url : str
        Of Redis, such as ``redis://localhost:6379/0``.
    key : str
        Names the limit in Redis; the same in all processes.
    processes : int
        How many processes there are, at most. Each owns ``rate / processes``, those in touch with
        Redis pool it.
    rate : float
        Requests a second of all together.
    contract : int
        Requests the provider allows in any second; above ``rate``.
    bulk_share : float
        Part of the rate that bulk work may take over any minute, of all together.
    max_connections : int
        Of this process.
    now : callable or None
        The time of day, for off-peak hours.
    observer : Observer
        Counts ``upstream.limiter`` with state ``alone`` and ``shared`` as it changes.

    Raises
    ------
    InvalidInputError
        The numbers do not keep the contract.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        processes: int,
        rate: float = 45,
        contract: int = 50,
        bulk_share: float = 0.2,
        max_connections: int = 20,
        now: Callable[[], datetime] | None = None,
        observer: Observer = SILENT,
    ) -> None:
        if processes < 1 or not 0 < rate * _SPREAD + 1 < contract + 1:
            raise InvalidInputError(
                f"expected 1 or more processes and a rate below {contract / _SPREAD:.4g}, "
                f"got {processes} and {rate}"
            )
        self._shared = RedisPacer(
            url,
            key,
            rate=rate,
            contract=contract,
            processes=processes,
            bulk_share=bulk_share,
            observer=observer,
        )
        super().__init__(
            self._shared, rate=rate, bulk_share=bulk_share, max_connections=max_connections, now=now
        )

    @property
    def bulk_share(self) -> float:
        """Part of the rate that bulk work may take over any minute; may be set."""
        return self._gate.share

    @bulk_share.setter
    def bulk_share(self, share: float) -> None:
        self._gate = ShareGate(self._rate, share)
        self._shared.set_bulk_share(share)

    @property
    def is_alone(self) -> bool:
        """Whether Redis is out of reach, so that only the own share is used."""
        return self._shared.is_alone


def _time() -> float:
    return asyncio.get_running_loop().time()
