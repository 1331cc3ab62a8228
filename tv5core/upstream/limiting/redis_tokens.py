"""Tokens of several processes, pooled in Redis; needs the extra ``redis``.

Each process owns an equal share of the rate. Processes that reach Redis pool their shares: the
generic cell rate algorithm runs in Lua on Redis's clock, for the sum of the shares of the
processes that reported within ``MEMBER_TTL_S``. A process that gets no reply waits until Redis
must have removed it from the pool, then uses its own share alone. So it does not matter whether
Redis is down for all or unreachable for some: the shares add up to the contract. Where the number
of processes is not known, or the contract is too small to be shared out, there are no shares: all
of the rate is in the pool, and a process that gets no reply sends nothing.

Tokens are leased evenly spaced, a few at a time, each for a moment shortly ahead. That moment is
relative to Redis's reply, so clocks need not agree: a token is used no earlier than its offset
after the reply arrived, and no later than ``TTL_S`` after its offset from the request. Whenever
between the two the script ran, the use falls into the token's own ``TTL_S``.

A leased token holds a place in Redis until a second after its answer, so that the contract holds as
the provider counts; see :mod:`.in_flight`. Answers are reported with the next request. Only while
processes leave the pool, and where Redis lost what it knew, is that bound weaker: then the contract
holds for requests that are at most ``SETTLE_TRANSIT_S`` on their way.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from tv5core.observing import SILENT, Observer
from tv5core.redis_access.address import RedisAddress
from tv5core.redis_access.opening import open_redis
from tv5core.redis_access.refusals import ERRORS, refusal_of
from tv5core.upstream.limiting.bulk_share import BulkShare
from tv5core.upstream.limiting.in_flight import COUNTED_S, SECOND_S, Place
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.limiting.redis_scripts import LEASE, PAUSE
from tv5core.upstream.limiting.token_leases import PoolState, TokenLeases
from tv5core.upstream.limiting.token_source import LocalTokenSource, Token

__all__ = [
    "MEMBER_TTL_S",
    "SETTLE_TRANSIT_S",
    "TRANSIT",
    "TTL_S",
    "RedisTokenSource",
    "process_share",
]

MEMBER_TTL_S = 0.75
"""Seconds without a request after which Redis removes a process from the pool."""
TTL_S = 0.1
"""Seconds that a token may be used: what ``TRANSIT`` has beyond one. Busy event loops are late."""
TRANSIT = 1.1
"""Requests that arrive within one second may have been sent within this many."""

SETTLE_TRANSIT_S = 0.5
"""Longest time on their way of requests that nobody knows of any more."""

_AHEAD_S = 0.1
_GRACE_S = 0.02
_SETTLE_S = _AHEAD_S + TTL_S + SECOND_S + SETTLE_TRANSIT_S
_FULL_S = 0.05  # after which a full window is looked at again
_HEARTBEAT_S = 0.2
_TIMEOUT_S = 0.15
_BATCH = 4
_NO_SHARE_S = 5.0  # longer than users wait, so that they are refused at once
_MICRO = 1e6

log = logging.getLogger("tv5core")


def process_share(rate: float, contract: int, processes: int) -> float:
    """Return the rate that a process may use on its own, in requests per second; 0 for none.

    Each may send one more than its rate times the time, so its part of the contract must hold
    that one as well, over the ``TRANSIT`` seconds that may arrive within one. More than half as
    many processes as the contract have no shares.
    """
    return max(0.0, min(rate / processes, (contract // processes - 1) / TRANSIT))


class RedisTokenSource:
    """Tokens from the pool in Redis, or of this process's own share where Redis does not reply.

    Parameters
    ----------
    url : str
        Address of Redis; see :mod:`tv5core.redis_access.address`.
    key : str
        Name of the provider's limit in Redis.
    rate : float
        Requests per second of all processes.
    contract : int
        Requests the provider allows in any second.
    processes : int or None
        Largest number of them; None where it is not known.
    bulk_share : float
    observer : Observer
    owns_share : callable
        Whether a share is this process's at present; see :mod:`.share_lock`.
    """

    burst = 1

    def __init__(
        self,
        url: str,
        key: str,
        *,
        rate: float,
        contract: int,
        processes: int | None,
        bulk_share: float,
        observer: Observer = SILENT,
        owns_share: Callable[[], bool] = lambda: True,
    ) -> None:
        share = process_share(rate, contract, processes or contract)
        self._has_share, self._owns_share = share > 0, owns_share
        shares = processes if processes and share > 0 else 1
        self._own_rate = share or rate / contract
        self._own = LocalTokenSource(self._own_rate, 1, max(2, contract // shares))
        self._key, self._observer = key, observer
        self._settings, self._contract = (shares, rate), contract
        self.set_bulk_share(bulk_share)
        self._address = RedisAddress.parse(url)
        self._redis = open_redis(self._address, timeout_s=_TIMEOUT_S)
        self._member = secrets.token_hex(8)
        self._leases, self._pool = TokenLeases(TTL_S), PoolState(rate / shares)
        self._lock = asyncio.Lock()
        self._alone_from = 0.0
        self._is_alone = self._is_joining = False
        self._first, self._answers, self._unsent = 1, list[tuple[int, float]](), list[int]()
        self._heartbeat: asyncio.Task[None] | None = None
        self._pauses: set[asyncio.Task[None]] = set()

    # -- token source --------------------------------------------------------------------------

    @property
    def is_alone(self) -> bool:
        """Whether Redis does not reply, so that only the own share is used."""
        return self._is_alone

    def set_bulk_share(self, share: float) -> None:
        """Set the part of the rate that bulk work may take, of the pool and of the own share."""
        self._bulk = BulkShare(self._settings[1], share)
        self._own_bulk = BulkShare(self._own_rate, share)

    def rate(self) -> float:
        """Return the current rate in requests per second."""
        return self._own.rate() if self._is_alone else self._pool.rate

    def factor(self) -> float:
        """Return which part of the full rate the current rate is."""
        return self._own.factor() if self._is_alone else self._pool.factor

    def available(self) -> float:
        """Return the number of tokens; with Redis, 1 where a request for one can succeed."""
        if self._is_alone:
            may = self._may_use_share() and _time() >= self._alone_from
            return self._own.available() if may else 0.0
        return 1.0 if self._pool.delay_s(Priority.USER, _time()) <= 0 else 0.0

    def delay_s(self, priority: Priority) -> float:
        """Return the seconds until :meth:`take` can succeed; 0 for now."""
        now = _time()
        if self._is_alone and not self._may_use_share():
            return _NO_SHARE_S
        if self._is_alone:
            bulk_s = self._own_bulk.delay_s(now) if priority is Priority.BULK else 0.0
            joining_s = _GRACE_S if self._is_joining else 0.0
            return max(self._alone_from - now, self._own.delay_s(priority), bulk_s, joining_s)
        return self._pool.delay_s(priority, now)

    def _may_use_share(self) -> bool:
        return self._has_share and self._owns_share()

    async def refresh(self) -> None:
        """Start the heartbeat, and apply a changed rate."""
        if self._heartbeat is None:
            self._heartbeat = asyncio.get_running_loop().create_task(self._beat())
        if self._is_alone:
            await self._own.refresh()

    async def take(self, priority: Priority) -> Token | None:
        """Use a leased token, or request some; None where there are none."""
        await self.refresh()
        async with self._lock:
            if not self._is_alone:
                return await self._take_pooled(priority)
        if self.delay_s(priority) > 0:
            return None
        token = await self._own.take(priority)
        if token is not None and self._is_joining:  # Redis does not know of this one
            self._own.give_back(token)
            return None
        if token is not None and priority is Priority.BULK:
            self._own_bulk.add(_time(), self._own.factor())
        return token

    async def _take_pooled(self, priority: Priority) -> Token | None:
        is_bulk = priority is Priority.BULK and self._bulk.share < 1
        # Tokens for bulk work are requested one by one, because Redis counts its share.
        if is_bulk and not await self._request(1, is_bulk=True):
            return None
        if not self._leases.has_any(_time()):
            await self._request(_BATCH, is_bulk=False)
        while (lease := self._leases.pop(_time())) is not None:
            if (wait_s := lease.due - _time()) > 0:
                await asyncio.sleep(wait_s)
            if _time() <= lease.until:
                return Token(Place(_time()), (lease.number, 0))
            self._unsent.append(lease.number)
        return None

    async def wait_to_send(self, token: Token) -> None:
        """Take a new token for a request that waited long for its connection, or is sent again."""
        while token.is_sent or _time() - token.place.taken_at > _GRACE_S:
            self.give_back(token)
            fresh = await self.take(Priority.USER)
            if fresh is not None:
                token.renew(fresh)
                break
            await asyncio.sleep(max(0.001, self.delay_s(Priority.USER)))
        token.is_sent = True

    def answered(self, token: Token) -> None:
        """Note that the provider has answered; Redis learns it with the next request."""
        self._own.answered(token)
        shared, token.shared = token.shared, None
        if shared is not None:
            self._answers.append((shared[0], _time()))

    def give_back(self, token: Token) -> None:
        """Take back a token with which nothing was sent."""
        self._own.give_back(token)
        if not token.is_sent and token.shared is not None:
            self._unsent.append(token.shared[0])
            token.shared = None

    def reduce_rate(self, pause_s: float) -> None:
        """Pause all processes, then halve the rate for a while."""
        self._own.reduce_rate(pause_s)
        self.extend_pause(pause_s)

    def extend_pause(self, pause_s: float) -> None:
        """Pause all processes; Redis reduces the rate only where there was no pause."""
        self._leases.clear()
        task = asyncio.get_running_loop().create_task(self._share_pause(pause_s))
        self._pauses.add(task)
        task.add_done_callback(self._pauses.discard)

    async def close(self) -> None:
        """Leave the pool and close the connections."""
        tasks = [*self._pauses, *([self._heartbeat] if self._heartbeat else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._redis.close()

    # -- Redis ---------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """Stay in the pool while no token is needed, and rejoin it when Redis replies again."""
        while True:
            await asyncio.sleep(_HEARTBEAT_S)
            async with self._lock:
                if self._is_alone and await self._reply_to(self._ping()) is None:
                    continue
                if _time() - self._pool.updated_at >= _HEARTBEAT_S:
                    self._is_joining = self._is_alone
                    await self._request(0, is_bulk=False)
                    self._is_joining = False

    async def _request(self, count: int, *, is_bulk: bool) -> bool:
        """Request tokens, and return whether any came; the lock is held."""
        requested_at, first = _time(), self._first
        script = self._redis.run(LEASE, self._keys(), self._lease_args(count, is_bulk))
        reply = await self._reply_to(script)
        if reply is None:
            self._leave_pool()
            return False
        return self._apply(requested_at, first, reply, is_bulk=is_bulk)

    async def _reply_to(self, command: Awaitable[Any]) -> Any:
        """Return Redis's reply, None where none comes in time."""
        try:
            # The client's timeouts bound each read; this one bounds the whole command.
            async with asyncio.timeout(_TIMEOUT_S):
                return await command
        except ERRORS as error:
            refusal = refusal_of(error, self._address)
            if refusal is not None and not self._is_alone:
                log.warning("upstream: the limit is not shared: %s", refusal)
            return None

    def _ping(self) -> Awaitable[Any]:
        """Ask the server of the keys for anything."""
        return self._redis.execute("EXISTS", self._keys()[0])

    def _keys(self) -> list[bytes]:
        """Return names with one hash tag: a script's keys have one slot."""
        return [f"{{{self._key}}}:{name}".encode() for name in ("limit", "members", "places")]

    def _lease_args(self, count: int, is_bulk: bool) -> list[Any]:
        spans_s = (self._bulk.interval_s, self._bulk.tolerance_s, MEMBER_TTL_S, _AHEAD_S)
        counted_s = (COUNTED_S + TTL_S, SECOND_S, _FULL_S)
        first, self._first = self._first, self._first + count
        return [
            *(self._member, *self._settings, count, int(is_bulk)),
            *(int(span_s * _MICRO) for span_s in (*spans_s, _SETTLE_S)),
            *(self._contract, *(int(span_s * _MICRO) for span_s in counted_s), first),
            *(int(not self._has_share or self._owns_share()), int(self._redis.fails_over)),
            *self._outcomes(),
        ]

    def _outcomes(self) -> list[int]:
        """Return what became of leased tokens, and what this process sent of its own share.

        What is lost with an answer of Redis is free again after ``COUNTED_S`` by itself.
        """
        now, answers = _time(), self._answers
        unused = self._unsent + self._leases.pop_unused()
        self._answers, self._unsent = [], []
        ages = [value for number, at in answers for value in (number, int((now - at) * _MICRO))]
        own = [int(held_s * _MICRO) for held_s in self._own.held_s()] if self._is_alone else []
        return [len(answers), *ages, len(unused), *unused, *own]

    def _apply(self, requested_at: float, first: int, reply: list[Any], *, is_bulk: bool) -> bool:
        now = _time()
        wait, rate, factor, paused, offsets = reply
        self._pool.update(
            now, float(rate), float(factor), int(wait) / _MICRO, int(paused) / _MICRO, is_bulk
        )
        if self._is_alone:
            self._is_alone = False
            self._observer.count("upstream.limiter", 1, state="shared")
        for number, offset in enumerate(offsets, first):
            self._leases.add(number, requested_at, now, int(offset) / _MICRO)
        return bool(offsets)

    def _leave_pool(self) -> None:
        """Use the own share, but not before Redis has removed this process from the pool.

        Redis may have received a request that got no reply, so each one restarts the wait.
        """
        self._leases.clear()
        self._alone_from = _time() + MEMBER_TTL_S + _SETTLE_S
        if not self._is_alone:
            self._is_alone = True
            self._observer.count("upstream.limiter", 1, state="alone")

    async def _share_pause(self, duration_s: float) -> None:
        script = self._redis.run(PAUSE, self._keys(), [int(duration_s * _MICRO)])
        if await self._reply_to(script) is None:
            # This process pauses anyway; the others will get a 429 of their own.
            self._observer.count("upstream.limiter", 1, state="pause_not_shared")


def _time() -> float:
    return asyncio.get_running_loop().time()
