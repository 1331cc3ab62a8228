"""The cache between a service and everything slow: memory, disk, Redis, then a loader.

::

    async def loader(key):
        return await tmdb.title(key)

    async with TieredCache.open("cache", l1_bytes=256 << 20, l2_bytes=2 << 30) as cache:
        title = await cache.get_or_load("title", "tmdb:movie:603", loader)

``tiered`` is what callers meet, ``policy`` what applies to each kind of value. ``flight`` and
``loading`` look for a value once however many ask; ``degrade`` is the order of answers when it
cannot be had. ``memory``, ``disk`` and ``shared`` are the tiers, ``below`` how the last two are
used without depending on them.
"""

from __future__ import annotations

from tv5core.cache.answer import Answer, Loaded
from tv5core.cache.policy import DEFAULT_POLICIES, Policy
from tv5core.cache.tiered import TieredCache

__all__ = ["DEFAULT_POLICIES", "Answer", "Loaded", "Policy", "TieredCache"]
