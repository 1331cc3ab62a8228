"""The tools: each asks the catalogue once, within a deadline, and gives a short fenced answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from tv5core.catalog.async_catalog import AsyncCatalog
from tv5core.errors import Tv5Error
from tv5core.integrations.mcp.answers import count_items, offer_items, title_item
from tv5core.integrations.mcp.fencing import cleaned, fenced
from tv5core.types import Hit

__all__ = ["Tools"]

T = TypeVar("T")

_DEADLINE_S = 10.0
_MOST_VALUES = 30

Query = Annotated[
    str,
    Field(max_length=500, description="A name, people, a plot, or such as: french heist movies"),
]
Id = Annotated[
    str, Field(min_length=1, max_length=256, description="Of a title, as find_titles gave it")
]
Ids = Annotated[list[Id], Field(max_length=20)]
Limit = Annotated[int, Field(ge=1, le=20, description="Most titles of the answer")]
Where = Annotated[
    str,
    Field(
        max_length=500,
        description="Filters, such as: genre:drama year:1990..1999 runtime:<=100 on:netflix@US",
    ),
]
Region = Annotated[
    str, Field(pattern="^([A-Za-z]{2})?$", description="Country such as US; empty for all")
]
Names = Annotated[
    list[Annotated[str, Field(max_length=60)]],
    Field(min_length=1, max_length=5, description="Such as genre, year, language, on, director"),
]


class Tools:
    """What agents may call; everything only reads.

    Parameters
    ----------
    catalog : AsyncCatalog
    """

    def __init__(self, catalog: AsyncCatalog) -> None:
        self._catalog = catalog.within(_DEADLINE_S)

    def all(self) -> list[Callable[..., Awaitable[str]]]:
        """Return the tools."""
        return [
            self.find_titles,
            self.similar_titles,
            self.where_to_watch,
            self.recommend_titles,
            self.count_titles,
        ]

    async def find_titles(self, query: Query = "", where: Where = "", limit: Limit = 10) -> str:
        """Find films and series by name, people, plot or description, best first."""
        if not query.strip() and not where.strip():
            raise ToolError("InvalidInputError: expected query, where or both, got neither")
        found = await _asked(self._catalog.search(query, limit, where=where or None))
        read = found.interpretation.where if found.interpretation else ""
        facts = {
            "matches": str(found.total),
            "did_you_mean": cleaned(found.did_you_mean),
            "read_as_filter": cleaned(read),
        }
        return fenced({k: v for k, v in facts.items() if v}, _hits(found.hits))

    async def similar_titles(self, id: Id, limit: Limit = 10) -> str:
        """Find titles most like one."""
        found = await _asked(self._catalog.similar(id, limit))
        return fenced({"like": cleaned(id)}, _hits(found))

    async def where_to_watch(self, id: Id, region: Region = "") -> str:
        """Say where a title can be watched, as the catalogue last knew it."""
        title = await _asked(self._catalog.get(id))
        offers = offer_items(title.offers, region.upper())
        return fenced({"title": title_item(title)}, offers)

    async def recommend_titles(
        self,
        like: Ids,
        dislike: Ids = [],  # noqa: B006 - of a schema, never changed
        where: Where = "",
        limit: Limit = 10,
    ) -> str:
        """Recommend titles to someone who likes some; ids come from find_titles."""
        asked = self._catalog.recommend(like, dislike=dislike, where=where or None, k=limit)
        return fenced({}, [title_item(one.title) for one in await _asked(asked)])

    async def count_titles(self, fields: Names, query: Query = "", where: Where = "") -> str:
        """Count the titles that match by the values of fields, the most frequent values first."""
        limits = dict.fromkeys(fields, _MOST_VALUES)
        found = await _asked(self._catalog.facets(limits, query=query, where=where or None))
        return fenced({}, count_items(found))


def _hits(hits: Iterable[Hit]) -> list[dict[str, Any]]:
    return [title_item(hit.title, relevance=round(float(hit.relevance), 2)) for hit in hits]


async def _asked(answer: Awaitable[T]) -> T:
    """Await an answer; what tv5core foresees becomes an error that the model can read."""
    try:
        return await answer
    except Tv5Error as error:
        raise ToolError(f"{type(error).__name__}: {cleaned(str(error))}") from error
