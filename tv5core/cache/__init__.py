"""A tiered cache in front of anything slow: memory, disk, Redis, then a loader.

::

    async def loader(key):
        return await tmdb.title(key)

    async with TieredCache.open("cache", l1_bytes=256 << 20, l2_bytes=2 << 30) as cache:
        title = await cache.get_or_load("title", "tmdb:movie:603", loader)

The modules, in reading order:

==============  =======================================================================
``tiered``      :class:`TieredCache`, what callers use
``policy``      per kind of value: TTL, jitter, stale serving, timeouts, codec
``answer``      what the cache takes and returns: loader, loaded value, answer
``uses``        what an answer was made of, for whoever keeps what was made
``entry``       what tiers store and offer: entry, invalidation, the tier's interface
``memory``      the first tier: decoded values, bounded in bytes, S3-FIFO eviction
``disk``        the second tier: LMDB in a folder, shared by processes
``redis``       the third tier: Redis, shared by machines
``loading``     a miss: single flight, lower tiers, leases, loader, fallback
``warming``     loading values before they are requested
``stats``       counters and hit ratios
``cooldown``    leaving what failed alone for a while
``fork_locks``  locks that children of a fork may use
``clock``       one clock for lifetimes here, one that other processes share
``validation``  what may be a kind, a key or a tag, and what a cache is made with
==============  =======================================================================
"""

from __future__ import annotations

from tv5core.cache.answer import Answer, Loaded
from tv5core.cache.policy import DEFAULT_POLICIES, Policy
from tv5core.cache.tiered import TieredCache

__all__ = ["DEFAULT_POLICIES", "Answer", "Loaded", "Policy", "TieredCache"]
