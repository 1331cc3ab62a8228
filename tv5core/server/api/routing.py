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
from tv5core.server.api.replies import Rendered, render, respond
from tv5core.server.api.upstream import headroom_header
from tv5core.server.errors import BodyTooLargeError, MalformedBodyError, MediaTypeError
from tv5core.server.protection.access import SIGNATURE_HEADER, check_signature, check_token
from tv5core.server.resources import RESOURCES

__all__ = ["RENDERED", "Access", "Handler", "Route", "add_routes", "route_of"]

RENDERED = web.RequestKey("rendered", Rendered)
"""Where a request keeps what its answer was made of."""

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
    status : int
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
    status: int = 200


_Handled = Callable[[web.Request], Awaitable[web.StreamResponse]]
_ROUTES = web.AppKey("routes", dict[_Handled, Route])


def add_routes(app: web.Application, routes: Iterable[Route]) -> None:
    """Serve routes; those that answer GET answer HEAD, too."""
    known = app.setdefault(_ROUTES, {})
    for route in routes:
        handler = _handler(route)
        known[handler] = route
        resource = app.router.add_resource(route.path.replace("{id}", "{id:[^/]{1,300}}"))
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            resource.add_route(method, handler)


def route_of(request: web.Request) -> Route | None:
    """Return the route of a request; None for what is no route of the table."""
    handler: Any = request.match_info.handler
    return request.app[_ROUTES].get(handler)


def _handler(route: Route) -> _Handled:
    async def handle(request: web.Request) -> web.StreamResponse:
        resources = request.app[RESOURCES]
        if route.access == "admin":
            token = request.headers.get(hdrs.AUTHORIZATION)
            check_token(resources.settings.admin_token, token)
        body = await _body(route, request)
        query = read_query(route.query, request.query)
        reply = await route.handler(Call(resources, query, body, request.match_info, request))
        rendered = render(reply, resources.cached.cache.policies)
        if route.method != "GET":
            return respond(rendered, None)
        request[RENDERED] = rendered
        extra = headroom_header(resources) if reply.upstream else {}
        return respond(rendered, request.headers.get(hdrs.IF_NONE_MATCH), extra=extra)

    return handle


async def _body(route: Route, request: web.Request) -> Any:
    if route.body is None:
        return None
    raw = await _raw(request, request.app[RESOURCES].settings.max_body_bytes)
    if route.access == "hook":
        secret = request.app[RESOURCES].settings.hook_secret
        check_signature(secret, request.headers.get(SIGNATURE_HEADER), raw)
    if request.content_type != "application/json":
        raise MediaTypeError(f"expected application/json, got {request.content_type[:80]}")
    return decode_body(route.body, raw)


async def _raw(request: web.Request, most: int) -> bytes:
    """Read a body; one that announces too many bytes is not read at all, and none is unpacked."""
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise MediaTypeError("expected a body without Content-Encoding, got one with it")
    if (request.content_length or 0) <= most:
        try:
            return await request.read()
        except web.HTTPRequestEntityTooLarge:
            pass
        except web.RequestPayloadError:
            raise MalformedBodyError("expected a whole body, got a part") from None
    raise BodyTooLargeError(f"expected a body of at most {most:,} bytes, got more")
