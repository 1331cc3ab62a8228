"""A lower tier as the cache uses it: with a time limit, and skipped while it cannot be trusted.

The tiers of this package neither raise nor hang, but the cache does not depend on that: a tier
that is too slow or fails is skipped for a while, and one that has not yet applied an
invalidation is not read until it has. An item that a tier refuses (a ValueError
or a TypeError) fails alone: the tier stays in use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from tv5core.cache.cooldown import Cooldown
from tv5core.cache.entry import Entry, Tier
from tv5core.cache.loading.tier_invalidations import TierInvalidations
from tv5core.cache.stats import Stats

__all__ = ["GuardedTier"]

_REFUSALS = (ValueError, TypeError, OverflowError)
_CLOSE_S = 15.0  # a disk commits what is queued for up to 10 s


class GuardedTier:
    """One tier, with a time limit for each call.

    Parameters
    ----------
    tier : Tier
    stats : Stats
    timeout_s : float
        What one call may take.

    Attributes
    ----------
    invalidations : TierInvalidations
    """

    def __init__(self, tier: Tier, stats: Stats, timeout_s: float) -> None:
        self.tier, self.name = tier, tier.name
        self._stats, self._timeout_s = stats, timeout_s
        self._loop: asyncio.AbstractEventLoop | None = None  # of the last failure
        self._cooldown = Cooldown(lambda: self._loop.time() if self._loop else 0.0)
        self.invalidations = TierInvalidations(tier, stats)
        self.invalidate = self.invalidations.start

    @property
    def available(self) -> bool:
        """Whether it may be read and written now."""
        return self.invalidations.applied and not self._cooldown.active

    async def _call(self, kind: str, work: Awaitable[Any], default: Any) -> Any:
        try:
            async with asyncio.timeout(self._timeout_s):
                result = await work
        except TimeoutError:
            self._failed(kind, "timeout", "too slow")
            return default
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            self._failed(kind, "error", type(error).__name__)  # something inside was cancelled
            return default
        except _REFUSALS:
            self._stats.count(self.name, kind, "refused")
            return default
        except Exception as error:  # noqa: BLE001 - a tier must not fail a caller
            self._failed(kind, "error", type(error).__name__)
            return default
        self._cooldown.record_success()
        return result

    def _failed(self, kind: str, event: str, reason: str) -> None:
        self._stats.count(self.name, kind, event)
        self._loop = asyncio.get_running_loop()
        self._cooldown.record_failure(reason)

    def token(self) -> Any:
        """Return a token for what has been invalidated so far; None where that is unknown."""
        if not self.available:
            return None
        try:
            return self.tier.token()
        except Exception as error:  # noqa: BLE001 - see _call
            self._failed("", "error", type(error).__name__)
            return None

    async def get(self, kind: str, key: str) -> Entry | None:
        """Return an entry, unless an invalidation that may cover it is not yet applied."""
        if not self.available:
            return None
        entry: Entry | None = await self._call(kind, self.tier.get(kind, key), None)
        return entry if self.available else None

    async def put(self, kind: str, key: str, entry: Entry, token: Any) -> None:
        """Store an entry; only with a token, which proves that it is not outdated.

        An invalidation on its way does not stop it: either the tier applies that first, and then
        rejects the token where it covers the entry, or it deletes the entry afterwards.
        """
        if token is not None and not self._cooldown.active:
            await self._call(kind, self.tier.put(kind, key, entry, token), None)

    async def acquire_lease(self, kind: str, key: str, owner: bytes, ttl_s: float) -> bool:
        """Acquire the lease on loading a key; true where the tier cannot store any."""
        if not self.available:
            return True
        acquiring = self.tier.acquire_lease(kind, key, owner, ttl_s)
        return bool(await self._call(kind, acquiring, True))

    async def release_lease(self, kind: str, key: str, owner: bytes) -> None:
        """Release a lease; where that fails, it expires."""
        await self._call(kind, self.tier.release_lease(kind, key, owner), None)

    def stats(self) -> dict[str, Any]:
        """Return the tier's statistics, whether it is in use, and if not the reason."""
        own = self.tier.stats()
        reason = self.invalidations.reason or (self._cooldown.active and self._cooldown.reason)
        reason = reason or own.get("reason") or ""
        return {**own, "available": not reason, "reason": reason}

    async def close(self) -> bool:
        """Close the tier; return whether it ended in time."""
        self.invalidations.close()
        closing = asyncio.create_task(self.tier.close())
        await asyncio.wait({closing}, timeout=_CLOSE_S)
        if not closing.done():
            closing.cancel()
            return False
        if closing.cancelled() or closing.exception() is not None:
            self._stats.count(self.name, "", "error")  # the others must be closed, too
        return True


def _is_cancelled() -> bool:
    """Return whether the running task is cancelled, rather than something it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
