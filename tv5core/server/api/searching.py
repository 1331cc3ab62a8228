"""``/v1/search``."""

from __future__ import annotations

from tv5core.results import SearchResult
from tv5core.server.api.answers import SearchAnswer, SearchHit, card
from tv5core.server.api.calls import Call, Reply
from tv5core.server.api.queries import SearchQuery
from tv5core.types import Hit

__all__ = ["search"]


async def search(call: Call[SearchQuery, None]) -> Reply:
    """Find titles."""
    query = call.query
    found = await call.resources.cached.search(
        query.q,
        query.k,
        mode=query.mode,
        where=query.where or None,
        sort=query.sort,
        facets=query.facets,
        group=query.group,
        cursor=query.cursor or None,
        understand=query.understand,
        explain=query.explain,
        highlight=query.highlight,
    )
    return Reply(_answer(query.q, found), kind="search", ids=[hit.id for hit in found.hits])


def _answer(text: str, found: SearchResult) -> SearchAnswer:
    return SearchAnswer(
        query=text,
        hits=tuple(map(search_hit, found.hits)),
        total=found.total,
        facets=found.facets,
        did_you_mean=found.did_you_mean,
        interpretation=found.interpretation,
        took_ms=found.took_ms,
        cursor=found.cursor,
        explanation=found.explanation,
    )


def search_hit(hit: Hit) -> SearchHit:
    """Return a hit as it is answered."""
    return SearchHit(
        hit.id, hit.score, hit.relevance, card(hit.title), hit.parts, hit.folded, hit.fragments
    )
