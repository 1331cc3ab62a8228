"""A tier below memory as the cache uses it: bounded in time, and never read while it is behind.

The tiers of this package raise nothing and hang on nothing, but the cache does not depend on it:
a tier that is too slow or fails is left alone for a while, and one that has not yet been told of
an invalidation is neither read nor written to until it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from tv5core.cache.backoff import Quiet
from tv5core.cache.entry import Entry, Invalidation, Tier
from tv5core.cache.stats import Stats

__all__ = ["Below"]

_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.1, 5.0


class Below:
    """One tier, with a time limit a call.

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
        self._quiet = Quiet(lambda: asyncio.get_running_loop().time())
        self._telling: set[asyncio.Task[None]] = set()

    @property
    def in_use(self) -> bool:
        """Whether it may be read and written to now."""
        return not self._telling and not self._quiet

    async def _call(self, kind: str, work: Awaitable[Any], default: Any) -> Any:
        try:
            async with asyncio.timeout(self._timeout_s):
                done = await work
        except TimeoutError:
            self._stats.count(self.name, kind, "timeout")
            self._quiet.failed("too slow")
            return default
        except Exception as error:  # noqa: BLE001 - a tier must not fail a caller
            self._stats.count(self.name, kind, "error")
            self._quiet.failed(type(error).__name__)
            return default
        self._quiet.succeeded()
        return done

    def token(self) -> Any:
        """Note what has been invalidated so far; None where that is not known."""
        if not self.in_use:
            return None
        try:
            return self.tier.token()
        except Exception as error:  # noqa: BLE001 - see _call
            self._quiet.failed(type(error).__name__)
            return None

    async def get(self, kind: str, key: str) -> Entry | None:
        """Return an entry, unless something may have been invalidated that it knows not of."""
        if not self.in_use:
            return None
        entry: Entry | None = await self._call(kind, self.tier.get(kind, key), None)
        return entry if self.in_use else None

    async def put(self, kind: str, key: str, entry: Entry, token: Any) -> None:
        """Store an entry; only with a token, since nothing else tells that it is not outdated."""
        if self.in_use and token is not None:
            await self._call(kind, self.tier.put(kind, key, entry, token), None)

    async def take_lease(self, kind: str, key: str, owner: bytes, lasting_s: float) -> bool:
        """Take the lease on loading a key; true where the tier cannot keep any."""
        if not self.in_use:
            return True
        taking = self.tier.take_lease(kind, key, owner, lasting_s)
        return bool(await self._call(kind, taking, True))

    async def release_lease(self, kind: str, key: str, owner: bytes) -> None:
        """Give a lease back; where that fails, it ends by itself."""
        await self._call(kind, self.tier.release_lease(kind, key, owner), None)

    # -- invalidation ---------------------------------------------------------------------

    def tell(self, what: Invalidation) -> asyncio.Task[None]:
        """Begin to invalidate; until that has succeeded, the tier is not used."""
        task = asyncio.get_running_loop().create_task(self._tell(what))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
        return task

    async def _tell(self, what: Invalidation) -> None:
        pause_s = _FIRST_RETRY_S
        while True:
            try:
                await self._invalidate(what)
            except Exception:  # noqa: BLE001 - tried until it succeeds or the cache closes
                self._stats.count(self.name, what.kind, "error")
            else:
                return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_RETRY_S)

    async def _invalidate(self, what: Invalidation) -> None:
        if what.scope == "key":
            await self.tier.delete(what.kind, what.keys)
        elif what.scope == "kind":
            await self.tier.delete_kind(what.kind)
        elif what.scope == "tag":
            await self.tier.delete_tag(what.tag)
        else:
            await self.tier.clear()

    async def close(self) -> None:
        """Let go of the tier."""
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)
        try:
            await self.tier.close()
        except Exception:  # noqa: BLE001 - the others must be closed, too
            self._stats.count(self.name, "", "error")
