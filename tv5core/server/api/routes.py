"""The table of all routes."""

from __future__ import annotations

from tv5core.server.api.answers import Health, SearchAnswer, TitleAnswer
from tv5core.server.api.health import healthz, readyz
from tv5core.server.api.queries import SearchQuery, TitleQuery
from tv5core.server.api.routing import Route
from tv5core.server.api.searching import search
from tv5core.server.api.titles import title

__all__ = ["ROUTES"]

_ID = {"id": "A title's id, or an external one such as imdb:tt0133093."}

ROUTES = (
    Route("GET", "/healthz", healthz, "The process answers", Health, access="operator"),
    Route("GET", "/readyz", readyz, "The catalogue answers", Health, access="operator"),
    Route("GET", "/v1/search", search, "Find titles", SearchAnswer, SearchQuery),
    Route(
        "GET",
        "/v1/titles/{id}",
        title,
        "Show a title",
        TitleAnswer,
        TitleQuery,
        path_parameters=_ID,
    ),
)
