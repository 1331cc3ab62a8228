"""``/v1/search`` and ``/v1/suggest``."""

from __future__ import annotations

from tv5core.results import SearchResult
from tv5core.server.api.answers import SearchAnswer, SearchHit, SuggestAnswer, card
from tv5core.server.api.calls import Call, Reply
from tv5core.server.api.queries import SearchQuery, SuggestQuery
from tv5core.server.degradation.found import Found
from tv5core.server.degradation.lists import answered
from tv5core.server.degradation.static_set import static_set
from tv5core.types import Hit

__all__ = ["search", "search_hit", "suggest"]


async def search(call: Call[SearchQuery, None]) -> Reply:
    """Find titles."""
    query = call.query
    ask = call.resources.cached.answers.search(
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
    # What ships has neither columns to filter by nor pages.
    plain = not (query.where or query.cursor or query.facets)
    found = await answered(ask, lambda: static_set().search(query.q, query.k) if plain else None)
    ids = [hit.id for hit in found.value.hits]
    return Reply(_answer(query.q, found), found.tier, found.age_s, "search", ids)


def _answer(text: str, found: Found[SearchResult]) -> SearchAnswer:
    result = found.value
    return SearchAnswer(
        query=text,
        hits=tuple(map(search_hit, result.hits)),
        total=result.total,
        facets=result.facets,
        did_you_mean=result.did_you_mean,
        interpretation=result.interpretation,
        took_ms=result.took_ms,
        cursor=result.cursor,
        explanation=result.explanation,
        degraded=result.degraded,
        stale=found.stale,
        fallback=found.fallback,
    )


def search_hit(hit: Hit) -> SearchHit:
    """Return a hit as it is answered."""
    return SearchHit(
        hit.id, hit.score, hit.relevance, card(hit.title), hit.parts, hit.folded, hit.fragments
    )


async def suggest(call: Call[SuggestQuery, None]) -> Reply:
    """Complete what is being typed."""
    query = call.query
    found = await answered(
        call.resources.cached.answers.suggest(query.q, query.k),
        lambda: static_set().suggest(query.q, query.k),
    )
    answer = SuggestAnswer(
        query=query.q, suggestions=found.value, stale=found.stale, fallback=found.fallback
    )
    ids = [each.id for each in found.value]
    return Reply(answer, found.tier, found.age_s, "suggestions", ids)
