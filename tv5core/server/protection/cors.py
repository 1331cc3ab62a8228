"""CORS: which pages of other origins may read answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import hdrs, web

__all__ = ["cors"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_EXPOSED = (
    "Age, ETag, RateLimit, RateLimit-Policy, Retry-After, Warning, X-RateLimit-Limit, "
    "X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id, X-Tv5-Tier, X-Upstream-RateLimit"
)
_ALLOWED = "Content-Type, X-Api-Key, X-Request-Id, If-None-Match, Traceparent"
_METHODS = "GET, HEAD, POST"
_FOREVER = "7200"


def cors(origins: Sequence[str]) -> Any:
    """Return the middleware; without origins it adds nothing.

    Credentials are never allowed, and routes of administrators answer no foreign page.
    """
    every, known = "*" in origins, frozenset(origins)

    @web.middleware
    async def share(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get(hdrs.ORIGIN)
        allowed = bool(origins) and request.path.startswith(("/v1/", "/openapi.json"))
        welcome = allowed and origin is not None and (every or origin in known)
        if welcome and request.method == "OPTIONS":
            answer: web.StreamResponse = _preflight(request)
        else:
            answer = await handler(request)
        if allowed and not answer.prepared:
            if not every:
                _vary(answer)
            if welcome:
                answer.headers["Access-Control-Allow-Origin"] = "*" if every else str(origin)
                answer.headers["Access-Control-Expose-Headers"] = _EXPOSED
        return answer

    return share


def _preflight(request: web.Request) -> web.Response:
    asked = request.headers.get("Access-Control-Request-Method", "")
    if asked not in _METHODS.split(", "):
        return web.Response(status=403)
    headers = {
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": _ALLOWED,
        "Access-Control-Max-Age": _FOREVER,
    }
    return web.Response(status=204, headers=headers)


def _vary(answer: web.StreamResponse) -> None:
    given = answer.headers.get(hdrs.VARY)
    answer.headers[hdrs.VARY] = "Origin" if not given else f"{given}, Origin"
