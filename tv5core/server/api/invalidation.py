"""Which keys of the cache an event of some titles touches."""

from __future__ import annotations

from collections.abc import Sequence

from tv5core.errors import Tv5Error
from tv5core.server.degradation.offers import tag_of
from tv5core.server.degradation.titles import provider_id
from tv5core.server.resources import Resources

__all__ = ["invalidate_all_titles", "invalidate_titles"]


async def invalidate_titles(resources: Resources, ids: Sequence[str], event: str) -> None:
    """Invalidate what is cached of titles, under all their ids.

    Parameters
    ----------
    resources : Resources
    ids : sequence of str
        The catalogue's, or external ones.
    event : str
        ``title.changed`` or ``availability.changed``, which touches offers alone.
    """
    cache = resources.cached.cache
    for asked in ids:
        names, details = _names(resources, asked)
        for name in names:
            await cache.invalidate_tag(tag_of(name))
        if event == "title.changed":
            namespace = resources.cached.answers.namespace
            await cache.invalidate("title", [f"{namespace}:{name}" for name in names])
            await cache.invalidate("details", details)


async def invalidate_all_titles(resources: Resources) -> None:
    """Invalidate what an event of any title would touch: some may have been missed."""
    for kind in ("availability", "details", "title"):
        await resources.cached.cache.invalidate_kind(kind)


def _names(resources: Resources, asked: str) -> tuple[list[str], list[str]]:
    """Return the ids of a title here, and at its provider."""
    try:
        title = resources.catalog.get(asked)
    except Tv5Error:
        return [asked], [asked]
    known = provider_id(asked, title)
    return list(dict.fromkeys((asked, title.id))), list(dict.fromkeys((asked, known or title.id)))
