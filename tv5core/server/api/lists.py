"""``/v1/browse``, ``/v1/trending``, ``/v1/titles/{id}/similar`` and ``/v1/recommendations``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tv5core.cache.answer import Answer
from tv5core.errors import InvalidInputError
from tv5core.recommend import Recommendation
from tv5core.server.api.answers import (
    HitsAnswer,
    ListAnswer,
    Recommended,
    RecommendedAnswer,
    card,
)
from tv5core.server.api.bodies import RecommendBody
from tv5core.server.api.calls import Call, Reply
from tv5core.server.api.queries import BrowseQuery, ProfileQuery, SimilarQuery, TrendingQuery
from tv5core.server.api.searching import search_hit
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
        genre=genre, sort=query.sort, where=query.where or None, k=query.k, offset=query.offset
    )
    plain = not query.where
    found = await answered(
        ask, lambda: static_set().listed(query.k, genre, query.offset) if plain else None
    )
    answer = ListAnswer(
        titles=tuple(map(card, found.value)), stale=found.stale, fallback=found.fallback
    )
    return Reply(answer, found.tier, found.age_s, "popular", [each.id for each in found.value])


async def trending(call: Call[TrendingQuery, None]) -> Reply:
    """List what is popular now."""
    query = call.query
    genre = query.genre or None
    ask = call.resources.cached.answers.trending(
        genre=genre, where=query.where or None, k=query.k, half_life_days=query.half_life_days
    )
    plain = not query.where
    return await _hits(ask, "trending", lambda: _static_hits(query.k, genre) if plain else None)


async def similar(call: Call[SimilarQuery, None]) -> Reply:
    """List titles like one."""
    found = await title_of(call.resources, call.path["id"])
    ask = call.resources.cached.answers.similar(found.value.id, call.query.k)
    return await _hits(ask, "recommendations", lambda: None)


async def _hits(
    ask: Awaitable[Answer[tuple[Hit, ...]]], kind: str, static: Callable[[], tuple[Hit, ...] | None]
) -> Reply:
    found = await answered(ask, static)
    answer = HitsAnswer(
        hits=tuple(map(search_hit, found.value)), stale=found.stale, fallback=found.fallback
    )
    return Reply(answer, found.tier, found.age_s, kind, [hit.id for hit in found.value])


def _static_hits(k: int, genre: str | None) -> tuple[Hit, ...]:
    return tuple(Hit(title.id, 0.0, title) for title in static_set().listed(k, genre))


# -- recommendations ----------------------------------------------------------------------


async def recommend_by_profile(call: Call[ProfileQuery, None]) -> Reply:
    """Recommend titles to those who have a profile."""
    query = call.query
    _check_profile(call.resources, query.profile)
    ask = call.resources.cached.answers.recommend(
        profile=query.profile,
        where=query.where or None,
        k=query.k,
        diversity=query.diversity,
        explain=query.explain,
    )
    return await _recommended(ask, private=False)


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
    ask: Awaitable[Answer[tuple[Recommendation, ...]]], *, private: bool
) -> Reply:
    found = await answered(ask)
    recommendations = tuple(
        Recommended(each.id, each.score, card(each.title), each.reasons) for each in found.value
    )
    answer = RecommendedAnswer(
        recommendations=recommendations, stale=found.stale, fallback=found.fallback
    )
    ids = [each.id for each in found.value]
    return Reply(answer, found.tier, found.age_s, "recommended", ids, private=private)
