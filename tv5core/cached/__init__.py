"""A catalogue behind a cache, for services.

::

    catalog = Catalog.open("films", read_only=True)
    async with CachedCatalog.open(catalog, "cache") as films:
        title = await films.get("tmdb:movie:603")
        hits = await films.search("a shark at the beach")

The modules, in reading order:

===================  ================================================================
``catalog``          :class:`CachedCatalog`: look-ups, searches and writes through the cache
``answers``          the same questions, answered with how current each answer is
``recommendations``  recommendations and lists among them
``last_answers``     what was answered last, for when it cannot be answered anew
``policies``         what is cached of a catalogue, and for how long
``keys``             cache keys: namespaces, normalised queries, digests
``warming``          which titles and queries to load before they are requested
===================  ================================================================
"""

from __future__ import annotations

from tv5core.cached.catalog import CachedCatalog
from tv5core.cached.policies import CATALOG_POLICIES, CachedTitle

__all__ = ["CATALOG_POLICIES", "CachedCatalog", "CachedTitle"]
