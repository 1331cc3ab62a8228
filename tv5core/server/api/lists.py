"""``/v1/browse``, ``/v1/trending``, ``/v1/titles/{id}/similar`` and ``/v1/recommendations``."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import date
from typing import Any

from tv5core.cache.answer import Answer
from tv5core.errors import InvalidInputError
from tv5core.recommend import Recommendation
from tv5core.results import BrowseResult
from tv5core.server.api.answers import (
    HitsAnswer,
    ListAnswer,
    Recommended,
    RecommendedAnswer,
    card,
)
from tv5core.server.api.bodies import RecommendBody
from tv5core.server.api.calls import Call, Guard, Reply
from tv5core.server.api.queries import BrowseQuery, ProfileQuery, SimilarQuery, TrendingQuery
from tv5core.server.api.searching import search_hit
from tv5core.server.degradation.found import Found
from tv5core.server.degradation.lists import answered
from tv5core.server.degradation.static_set import static_set
from tv5core.server.degradation.titles import title_of
from tv5core.server.errors import ParameterError
from tv5core.server.resources import Resources
from tv5core.types import Hit

__all__ = ["browse", "recommend_by_profile", "recommend_by_taste", "similar", "trending"]


async def browse(call: Call[BrowseQuery, None]) -> Reply:
    """List titles in an order."""
    query = call.query
    genre = query.genre or None
    ask = call.resources.cached.answers.browse(
        genre=genre,
        sort=query.sort,
        where=query.where or None,
        k=query.k,
        offset=query.offset,
        cursor=query.cursor or None,
        facets=query.facets,
        explain=query.explain,
    )
    # What ships has neither columns to filter by nor pages.
    plain = not (query.where or query.cursor or query.facets)
    found = await answered(
        ask, lambda: static_set().browse(query.k, genre, query.offset) if plain else None
    )
    return Reply(_list(found), found.tier, found.age_s, "browse", [each.id for each in found.value])


def _list(found: Found[BrowseResult]) -> ListAnswer:
    result = found.value
    return ListAnswer(
        titles=tuple(map(card, result)),
        total=result.total,
        facets=result.facets,
        cursor=result.cursor,
        explanation=result.explanation,
        stale=found.stale,
        fallback=found.fallback,
    )


async def trending(call: Call[TrendingQuery, None]) -> Reply:
    """List what is popular now."""
    query, guard = call.query, Guard(date.today)
    genre = query.genre or None
    ask = call.resources.cached.answers.trending(
        genre=genre, where=query.where or None, k=query.k, half_life_days=query.half_life_days
    )
    plain = not query.where
    found = await answered(ask, lambda: _static_hits(query.k, genre) if plain else None)
    return _hits(found, found.value, "trending", guard=guard)


async def similar(call: Call[SimilarQuery, None]) -> Reply:
    """List titles like one."""
    found = await title_of(call.resources, call.path["id"])
    ask = call.resources.cached.answers.similar(
        found.value.id, call.query.k, cursor=call.query.cursor
    )
    near = await answered(ask)
    return _hits(near, near.value.hits, "recommendations", near.value.cursor)


def _hits(
    found: Found[Any],
    some: Sequence[Hit],
    kind: str,
    cursor: str = "",
    guard: Guard | None = None,
) -> Reply:
    answer = HitsAnswer(
        hits=tuple(map(search_hit, some)),
        cursor=cursor,
        stale=found.stale,
        fallback=found.fallback,
    )
    return Reply(answer, found.tier, found.age_s, kind, [hit.id for hit in some], guard=guard)


def _static_hits(k: int, genre: str | None) -> tuple[Hit, ...]:
    return tuple(Hit(title.id, 0.0, title) for title in static_set().browse(k, genre))


# -- recommendations ----------------------------------------------------------------------


async def recommend_by_profile(call: Call[ProfileQuery, None]) -> Reply:
    """Recommend titles to those who have a profile."""
    query, catalog = call.query, call.resources.catalog
    _check_profile(call.resources, query.profile)
    guard = Guard(lambda: (catalog.learnt_version(), catalog.profile(query.profile)))
    ask = call.resources.cached.answers.recommend(
        profile=query.profile,
        where=query.where or None,
        k=query.k,
        diversity=query.diversity,
        explain=query.explain,
    )
    return await _recommended(ask, guard=guard)


async def recommend_by_taste(call: Call[object, RecommendBody]) -> Reply:
    """Recommend titles to someone who likes some."""
    body = call.body
    if body.profile is not None:
        _check_profile(call.resources, body.profile)
    if not body.likes and body.profile is None:
        raise ParameterError("likes", "ids of titles, or a profile", "neither")
    ask = call.resources.cached.answers.recommend(
        body.likes,
        dislike=body.dislikes,
        seen=body.seen,
        profile=body.profile,
        where=body.where or None,
        k=body.k,
        diversity=body.diversity,
        explain=body.explain,
    )
    return await _recommended(ask, private=True)


def _check_profile(resources: Resources, name: str) -> None:
    try:
        resources.catalog.profile(name)
    except InvalidInputError as error:
        raise ParameterError("profile", "the name of a profile", f"{name!r}") from error


async def _recommended(
    ask: Awaitable[Answer[tuple[Recommendation, ...]]],
    *,
    private: bool = False,
    guard: Guard | None = None,
) -> Reply:
    found = await answered(ask)
    recommendations = tuple(
        Recommended(each.id, each.score, card(each.title), each.reasons) for each in found.value
    )
    answer = RecommendedAnswer(
        recommendations=recommendations, stale=found.stale, fallback=found.fallback
    )
    ids = [each.id for each in found.value]
    return Reply(answer, found.tier, found.age_s, "recommended", ids, private=private, guard=guard)
