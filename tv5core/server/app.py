"""make_app: the application of one process: middlewares around routes.

A request passes the middlewares from the first to the last, its answer in reverse. Metrics and
traces stand first, so that they see every answer, those of other middlewares too.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import hdrs, web

from tv5core.server.api.routes import ROUTES
from tv5core.server.api.routing import add_routes, route_of
from tv5core.server.client_limits.buckets import MemoryBuckets
from tv5core.server.client_limits.clients import Clients
from tv5core.server.client_limits.gcra import RedisBuckets
from tv5core.server.client_limits.limiting import client_limits, tell_limits
from tv5core.server.client_limits.quota import Bucket
from tv5core.server.client_limits.shared import CLIENTS_FILE, SharedBuckets
from tv5core.server.event_sources import listening
from tv5core.server.measuring import running
from tv5core.server.metrics import Metrics
from tv5core.server.middlewares import errors_as_problems, request_ids
from tv5core.server.observing import observing
from tv5core.server.pages import add_pages
from tv5core.server.protection.access import check_token
from tv5core.server.protection.admission import Admission, admitting
from tv5core.server.protection.compression import compressing
from tv5core.server.protection.connections import ProblemRunner
from tv5core.server.protection.cors import cors
from tv5core.server.protection.turns import Turns, in_turn
from tv5core.server.resources import RESOURCES, Resources
from tv5core.server.reuse import reusing
from tv5core.server.settings import Settings

__all__ = ["ADMISSION", "make_app", "make_runner"]

ADMISSION = web.AppKey("admission", Admission)
"""Where an application keeps how many requests it answers and how many wait."""


_LINE_BYTES = 64 << 10


def make_app(settings: Settings, resources: Resources) -> web.Application:
    """Make the application.

    Parameters
    ----------
    settings : Settings
    resources : Resources
        Open; the caller closes them after the application.
    """
    buckets = _buckets(settings, resources.shared)
    admission = Admission(settings.max_concurrency, settings.max_queue, settings.queue_timeout_s)
    app = web.Application(
        middlewares=[
            observing(resources.metrics, resources.tracing),
            request_ids,
            cors(settings.cors_origins),
            compressing(),
            tell_limits,
            errors_as_problems,
            client_limits(Clients(settings), buckets, _is_limited),
            in_turn(Turns(settings.max_concurrency + settings.max_queue), _is_admitted),
            reusing(settings.rendered_bytes, _is_admitted),
            admitting(admission, settings.request_timeout_s, _is_admitted),
        ],
        client_max_size=settings.max_body_bytes,
    )
    app[RESOURCES], app[ADMISSION] = resources, admission
    app.on_cleanup.append(lambda _: buckets.close())
    app.cleanup_ctx.append(partial(listening, resources))
    add_routes(app, ROUTES)
    _add_metrics(app, settings, resources.metrics)
    if settings.live_page:
        _add_pages(app, settings, resources)
    return app


def _buckets(settings: Settings, shared: Path | None) -> Bucket:
    """Return the buckets of this process, of the gateway's, or of all gateways with one Redis."""
    ours = MemoryBuckets() if shared is None else SharedBuckets(shared / CLIENTS_FILE)
    return ours if settings.redis_url is None else RedisBuckets(settings.redis_url, ours)


def _is_limited(request: web.Request) -> bool:
    """Whether a request counts for its client: also one with a wrong token."""
    route = route_of(request)
    return route is not None and route.access != "operator"


def _is_admitted(request: web.Request) -> bool:
    """Whether a request needs a place: health and administrators have theirs under any load."""
    route = route_of(request)
    return route is not None and route.access == "public"


def make_runner(app: web.Application, settings: Settings, **options: Any) -> web.AppRunner:
    """Return what serves an application: limits of what is read, every error a problem.

    Parameters
    ----------
    app : web.Application
    settings : Settings
    **options
        As ``web.AppRunner`` takes them.
    """
    # A longer target than is accepted is read as far as this, to be answered as a problem. Beyond,
    # the parser tells lines and headers apart by their limits.
    line = max(_LINE_BYTES, settings.max_target_bytes + 16)
    header = settings.max_header_bytes
    ours = {
        "access_log": None,
        "max_line_size": line + (line == header),
        "max_field_size": header,
        "keepalive_timeout": settings.idle_timeout_s,
        "handler_cancellation": True,
        "auto_decompress": False,
        "lingering_time": 2.0,
    }
    return ProblemRunner(app, app[RESOURCES].metrics.unparsed, **{**ours, **options})


# -- where others join --------------------------------------------------------------------


def _add_metrics(app: web.Application, settings: Settings, metrics: Metrics) -> None:
    """Serve ``/metrics``, and keep what it shows current.

    Without a token it is open. A check of addresses would be none: behind a proxy on the same
    machine every client is at loopback.
    """

    async def scraped(request: web.Request) -> web.Response:
        if settings.metrics_token is not None:
            check_token(settings.metrics_token, request.headers.get(hdrs.AUTHORIZATION))
        return await metrics.scraped(request)

    app.router.add_get("/metrics", scraped)
    app.cleanup_ctx.append(running(metrics))


def _add_pages(app: web.Application, settings: Settings, resources: Resources) -> None:
    """Serve ``/`` and ``/live`` with their files."""
    add_pages(
        app,
        resources.metrics.figures,
        image_origins=settings.image_origins,
        most_clients=settings.live_clients,
    )
