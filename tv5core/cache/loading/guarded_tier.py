"""A lower tier as the cache uses it: with a time limit, and skipped while it cannot be trusted.

The tiers of this package neither raise nor hang, but the cache does not depend on that: a tier
that is too slow or fails is skipped for a while, and one that has not yet applied an
invalidation is neither read nor written until it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from tv5core.backoff import Backoff
from tv5core.cache.cooldown import Cooldown
from tv5core.cache.entry import Entry, Invalidation, Tier
from tv5core.cache.stats import Stats

__all__ = ["GuardedTier"]

_RETRIES = Backoff(0.1, 5.0, jitter=0.0)


class GuardedTier:
    """One tier, with a time limit for each call.

    Parameters
    ----------
    tier : Tier
    stats : Stats
    timeout_s : float
        What one call may take.
    """

    def __init__(self, tier: Tier, stats: Stats, timeout_s: float) -> None:
        self.tier, self.name = tier, tier.name
        self._stats, self._timeout_s = stats, timeout_s
        self._cooldown = Cooldown(lambda: asyncio.get_running_loop().time())
        self._invalidating: set[asyncio.Task[None]] = set()

    @property
    def available(self) -> bool:
        """Whether it may be read and written now."""
        return not self._invalidating and not self._cooldown.active

    async def _call(self, kind: str, work: Awaitable[Any], default: Any) -> Any:
        try:
            async with asyncio.timeout(self._timeout_s):
                result = await work
        except TimeoutError:
            self._stats.count(self.name, kind, "timeout")
            self._cooldown.record_failure("too slow")
            return default
        except Exception as error:  # noqa: BLE001 - a tier must not fail a caller
            self._stats.count(self.name, kind, "error")
            self._cooldown.record_failure(type(error).__name__)
            return default
        self._cooldown.record_success()
        return result

    def token(self) -> Any:
        """Return a token for what has been invalidated so far; None where that is unknown."""
        if not self.available:
            return None
        try:
            return self.tier.token()
        except Exception as error:  # noqa: BLE001 - see _call
            self._cooldown.record_failure(type(error).__name__)
            return None

    async def get(self, kind: str, key: str) -> Entry | None:
        """Return an entry, unless an invalidation that may cover it is not yet applied."""
        if not self.available:
            return None
        entry: Entry | None = await self._call(kind, self.tier.get(kind, key), None)
        return entry if self.available else None

    async def put(self, kind: str, key: str, entry: Entry, token: Any) -> None:
        """Store an entry; only with a token, which proves that it is not outdated."""
        if self.available and token is not None:
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

    # -- invalidation ---------------------------------------------------------------------

    def invalidate(self, invalidation: Invalidation) -> asyncio.Task[None]:
        """Start an invalidation; the tier is not used until it has succeeded."""
        task = asyncio.get_running_loop().create_task(self._invalidate_until_done(invalidation))
        self._invalidating.add(task)
        task.add_done_callback(self._invalidating.discard)
        return task

    async def _invalidate_until_done(self, invalidation: Invalidation) -> None:
        for pause_s in _RETRIES.pauses():
            try:
                await self._invalidate(invalidation)
            except Exception:  # noqa: BLE001 - retried until it succeeds or the cache closes
                self._stats.count(self.name, invalidation.kind, "error")
            else:
                return
            await asyncio.sleep(pause_s)

    async def _invalidate(self, invalidation: Invalidation) -> None:
        if invalidation.scope == "key":
            await self.tier.delete(invalidation.kind, invalidation.keys)
        elif invalidation.scope == "kind":
            await self.tier.delete_kind(invalidation.kind)
        elif invalidation.scope == "tag":
            await self.tier.delete_tag(invalidation.tag)
        else:
            await self.tier.clear()

    async def close(self) -> None:
        """Close the tier."""
        for task in self._invalidating:
            task.cancel()
        await asyncio.gather(*self._invalidating, return_exceptions=True)
        try:
            await self.tier.close()
        except Exception:  # noqa: BLE001 - the others must be closed, too
            self._stats.count(self.name, "", "error")
