"""The table of all routes."""

from __future__ import annotations

from tv5core.server.api.answers import (
    AvailabilityAnswer,
    Health,
    HitsAnswer,
    ListAnswer,
    RecommendedAnswer,
    SearchAnswer,
    SuggestAnswer,
    TitleAnswer,
)
from tv5core.server.api.bodies import RecommendBody
from tv5core.server.api.health import healthz, readyz
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

__all__ = ["ROUTES"]

_TITLE = "/v1/titles/{id}"
_TASTE = "/v1/recommendations"

ROUTES = (
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
    Route("GET", "/healthz", healthz, "The process answers", Health, access="operator"),
    Route("GET", "/readyz", readyz, "The catalogue answers", Health, access="operator"),
)
