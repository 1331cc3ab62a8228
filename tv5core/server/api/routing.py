"""Routes: one row of the table each, from which the application and its description are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from aiohttp import hdrs, web

from tv5core.server.api.calls import Call, Reply
from tv5core.server.api.parameters import decode_body, read_query
from tv5core.server.api.queries import NoQuery
from tv5core.server.api.replies import response
from tv5core.server.errors import BodyTooLargeError, MediaTypeError
from tv5core.server.resources import RESOURCES

__all__ = ["ROUTE", "Access", "Handler", "Route", "add_routes"]

Handler = Callable[[Call[Any, Any]], Awaitable[Reply]]
Access = Literal["public", "operator", "admin", "hook"]
"""Who may call a route: anybody under a limit; anybody, unlimited; with the token; signed."""


@dataclass(frozen=True)
class Route:
    """One route.

    Attributes
    ----------
    method, path : str
        As aiohttp writes it, ``/v1/titles/{id}``.
    handler : callable
    summary : str
        One line.
    answer : type
        What it answers.
    query, body : type
        Structs of what it takes; no body for None.
    access : {"public", "operator", "admin", "hook"}
    content_type : str
        Of its answers.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    answer: Any
    query: type[msgspec.Struct] = NoQuery
    body: Any = None
    access: Access = "public"
    content_type: str = "application/json"


ROUTE = web.AppKey("routes", dict[int, Route])
"""Routes by the identity of aiohttp's handler."""


def add_routes(app: web.Application, routes: Iterable[Route]) -> None:
    """Serve routes."""
    for route in routes:
        path = route.path.replace("{id}", "{id:[^/]+}")
        app.router.add_route(route.method, path, _handler(route), name=_name(route))


def _name(route: Route) -> str:
    parts = [part for part in route.path.split("/") if part]
    return f"{route.method}-" + "-".join(part.strip("{}").replace(".", "_") for part in parts)


def _handler(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        resources = request.app[RESOURCES]
        query = read_query(route.query, request.query)
        body = None if route.body is None else await _body(route, request)
        call = Call(resources, query, body, request.match_info, request)
        reply = await route.handler(call)
        asked = request.headers.get(hdrs.IF_NONE_MATCH) if request.method == "GET" else None
        return response(reply, resources.cached.cache.policies, asked)

    return handle


async def _body(route: Route, request: web.Request) -> Any:
    if request.content_type != "application/json":
        raise MediaTypeError(f"expected application/json, got {request.content_type[:80]}")
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        most = request.app[RESOURCES].settings.max_body_bytes
        raise BodyTooLargeError(f"expected a body of at most {most:,} bytes, got more") from None
    return decode_body(route.body, raw)
