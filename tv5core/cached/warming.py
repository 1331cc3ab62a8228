"""Which titles, recommendations and searches of a catalogue to load before they are requested."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from tv5core.arguments import as_list, as_texts
from tv5core.cache.warming.id_sources import Source
from tv5core.cache.warming.warm import Item, plan
from tv5core.catalog import Catalog
from tv5core.data import demo_titles

__all__ = ["COMMON_QUERIES", "plan_catalog"]

COMMON_QUERIES = (
    "action adventure",
    "romantic comedy",
    "science fiction in space",
    "crime thriller detective",
    "family animation",
    "horror haunted house",
    "war drama",
    "documentary about nature",
    "superhero saves the world",
    "coming of age",
)
"""The searches of the preset ``demo``."""


def plan_catalog(
    catalog: Catalog,
    *,
    strategy: str | None,
    limit: int,
    preset: str | None,
    source: Source | None,
    queries: Iterable[str],
    profiles: Iterable[Sequence[str]],
    id_of: Callable[[str], str | None] | None,
) -> Iterator[Item]:
    """Iterate over the items to load, each once; parameters as for ``CachedCatalog.warm``.

    Raises
    ------
    InvalidInputError
    """
    return plan(
        strategy=strategy,
        limit=limit,
        preset=preset,
        source=source,
        queries=queries,
        profiles=[
            name
            for profile in as_list("profiles", profiles)
            for name in as_texts("profiles", profile)
        ],
        strategies={"popular": partial(_popular, catalog)},
        presets={"demo": partial(_demo, catalog)},
        id_of=id_of,
    )


def _popular(catalog: Catalog, limit: int) -> Iterator[Item]:
    yield from (Item("title", title.id) for title in catalog.popular(limit))


def _demo(catalog: Catalog) -> Iterator[Item]:
    known = [title.id for title in demo_titles() if title.id in catalog]
    yield from (Item("title", name) for name in known)
    yield from (Item("recommendations", name) for name in known)
    yield from (Item("search", query) for query in COMMON_QUERIES)
