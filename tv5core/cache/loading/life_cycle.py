"""What a cache does beside its callers: sweep while it is open, and close within limits."""

from __future__ import annotations

import asyncio
import logging

from tv5core.cache.loading.invalidation import Invalidator
from tv5core.cache.loading.single_flight import SingleFlight
from tv5core.cache.loading.tier_stack import TierStack

__all__ = ["LifeCycle"]

_SWEEP_EVERY_S, _SWEEP_ENTRIES = 0.05, 500
_PUBLISH_EVERY = 20  # sweeps
_CANCEL_S, _DRAIN_S = 2.0, 2.0
_MAX_NAMED = 5

log = logging.getLogger("tv5core")


class LifeCycle:
    """The sweeping and the closing of one cache.

    Parameters
    ----------
    stack : TierStack
    single_flight : SingleFlight
    invalidator : Invalidator
    """

    def __init__(
        self, stack: TierStack, single_flight: SingleFlight, invalidator: Invalidator
    ) -> None:
        self._stack, self._single_flight, self._invalidator = stack, single_flight, invalidator
        self._sweeping: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    @property
    def closed(self) -> bool:
        """Whether closing has begun."""
        return self._closing is not None

    def start(self) -> None:
        """Start to sweep, where that is not done yet."""
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    async def _sweep(self) -> None:
        """Remove expired values, a few at a time, so that the loop never stalls."""
        rounds = 0
        while True:
            await asyncio.sleep(_SWEEP_EVERY_S)
            rounds += 1
            try:
                self._invalidator.apply_received()
                self._stack.memory.sweep(_SWEEP_ENTRIES)
                if not rounds % _PUBLISH_EVERY:
                    self._stack.stats.publish_hits()
            except Exception:
                log.exception("cache: sweeping failed")

    async def close(self) -> None:
        """Close everything once; another call waits for that, and giving up does not end it."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
        loads = await self._single_flight.cancel(_CANCEL_S)
        writes = await self._stack.background.close(_DRAIN_S)
        self._stack.closed = True
        tiers = [tier.name for tier in self._stack.tiers if not await tier.close()]
        self._stack.memory.clear()
        if loads or writes or tiers:
            named = ", ".join(f"{kind} {key!r}" for kind, key in loads[:_MAX_NAMED])
            log.warning(
                "cache: close() left running: %d loads that ignore their cancellation (%s), "
                "%d writes, and the closing of %d tiers (%s)",
                *(len(loads), named, writes, len(tiers), ", ".join(tiers)),
            )
