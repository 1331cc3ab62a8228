"""The middleware around everything: metrics and traces see every answer, of errors too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter

from aiohttp import web

from tv5core.observing import listening
from tv5core.server.metrics.service import Metrics
from tv5core.server.tracing import RequestStages, Tracing, end_request

__all__ = ["observing"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_CLIENT_LEFT = 499


def _template_of(request: web.Request) -> str:
    """Return the template of a request's route, such as ``/v1/titles/{id}``."""
    resource = request.match_info.route.resource
    return "unmatched" if resource is None else resource.canonical


def observing(metrics: Metrics, tracing: Tracing) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Return the middleware that measures and traces."""
    stages = RequestStages(tracing, metrics)

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        route, started = _template_of(request), perf_counter()
        status, answer = _CLIENT_LEFT, None
        metrics.began(route)
        with tracing.request(request, route) as span, listening(stages):
            try:
                answer = await handler(request)
                status = answer.status
            except web.HTTPException as error:
                status = error.status
                raise
            except Exception:
                status = 500
                raise
            finally:
                trace = end_request(span, status)
                metrics.ended(request, route, status, answer, perf_counter() - started, trace)
        return answer

    return observe
