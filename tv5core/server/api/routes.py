"""The table of all routes."""

from __future__ import annotations

from tv5core.server.api.admin import invalidate, statistics, warm, warm_progress
from tv5core.server.api.answers import (
    AvailabilityAnswer,
    Health,
    HitsAnswer,
    Invalidated,
    ListAnswer,
    RecommendedAnswer,
    SearchAnswer,
    Statistics,
    SuggestAnswer,
    TitleAnswer,
)
from tv5core.server.api.bodies import EventBody, InvalidateBody, RecommendBody, WarmBody
from tv5core.server.api.describing import describing
from tv5core.server.api.health import healthz, readyz
from tv5core.server.api.hooks import availability_changed
from tv5core.server.api.lists import (
    browse,
    recommend_by_profile,
    recommend_by_taste,
    similar,
    trending,
)
from tv5core.server.api.queries import (
    AvailabilityQuery,
    BrowseQuery,
    ProfileQuery,
    SearchQuery,
    SimilarQuery,
    SuggestQuery,
    TitleQuery,
    TrendingQuery,
)
from tv5core.server.api.routing import Route
from tv5core.server.api.searching import search, suggest
from tv5core.server.api.titles import title, where_to_watch
from tv5core.server.jobs import Job

__all__ = ["ROUTES"]

_TITLE = "/v1/titles/{id}"
_TASTE = "/v1/recommendations"

_CACHE = "/api/admin/cache"

_DESCRIBED = (
    Route("GET", "/v1/search", search, "Find titles", SearchAnswer, SearchQuery),
    Route("GET", "/v1/suggest", suggest, "Complete a name", SuggestAnswer, SuggestQuery),
    Route("GET", "/v1/browse", browse, "List titles", ListAnswer, BrowseQuery),
    Route("GET", "/v1/trending", trending, "What is popular now", HitsAnswer, TrendingQuery),
    Route("GET", _TITLE, title, "Show a title", TitleAnswer, TitleQuery),
    Route("GET", f"{_TITLE}/similar", similar, "Titles like one", HitsAnswer, SimilarQuery),
    Route(
        "GET",
        f"{_TITLE}/availability",
        where_to_watch,
        "Where to watch a title",
        AvailabilityAnswer,
        AvailabilityQuery,
    ),
    Route("GET", _TASTE, recommend_by_profile, "By a profile", RecommendedAnswer, ProfileQuery),
    Route("POST", _TASTE, recommend_by_taste, "By a taste", RecommendedAnswer, body=RecommendBody),
    Route(
        "POST",
        f"{_CACHE}/warm",
        warm,
        "Load what is to be requested",
        Job,
        body=WarmBody,
        access="admin",
        status=202,
    ),
    Route("GET", f"{_CACHE}/warm", warm_progress, "How far it is", Job, access="admin"),
    Route("GET", f"{_CACHE}/stats", statistics, "Statistics", Statistics, access="admin"),
    Route(
        "POST",
        f"{_CACHE}/invalidate",
        invalidate,
        "Declare answers old",
        Invalidated,
        body=InvalidateBody,
        access="admin",
    ),
    Route(
        "POST",
        "/api/hooks/availability",
        availability_changed,
        "Tell of a change at a provider",
        Invalidated,
        body=EventBody,
        access="hook",
    ),
    Route("GET", "/healthz", healthz, "The process answers", Health, access="operator"),
    Route("GET", "/readyz", readyz, "The catalogue answers", Health, access="operator"),
)

ROUTES = (*_DESCRIBED, *describing(_DESCRIBED))
"""Every route, with those that describe them."""
