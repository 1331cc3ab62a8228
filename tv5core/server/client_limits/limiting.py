"""The middleware that limits clients, and tells them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tv5core.server.client_limits.clients import Clients
from tv5core.server.client_limits.fields import limit_fields
from tv5core.server.client_limits.quota import Bucket
from tv5core.server.errors import ClientLimitError

__all__ = ["client_limits", "tell_limits"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_FIELDS = web.RequestKey("limit_fields", dict[str, str])
"""Where a request keeps the fields of its answer; an error's answer has them, too."""


@web.middleware
async def tell_limits(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell clients what they may still ask, in errors too."""
    answer = await handler(request)
    fields = request.get(_FIELDS)
    if fields is not None and not answer.prepared:
        answer.headers.update(fields)
    return answer


def client_limits(
    clients: Clients, buckets: Bucket, is_limited: Callable[[web.Request], bool]
) -> Any:
    """Return the middleware.

    Parameters
    ----------
    clients : Clients
    buckets : Bucket
    is_limited : callable
        Whether a request counts.
    """

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_limited(request):
            client, quota = clients.of(request)
            if quota.rate > 0:
                verdict = await buckets.take(client, quota)
                request[_FIELDS] = limit_fields(quota, verdict)
                if not verdict.allowed:
                    raise ClientLimitError(
                        f"expected at most {quota.burst} requests at once and {quota.rate:g} a "
                        "second in the long run, got more",
                        retry_after_s=verdict.retry_after_s,
                        policy=quota.name,
                    )
        return await handler(request)

    return limit
