"""What surrounds every handler: request ids, errors as problems."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from tv5core.errors import Tv5Error
from tv5core.server.errors import TargetTooLongError
from tv5core.server.problems import http_problem, problem_of, problem_response
from tv5core.server.resources import RESOURCES

__all__ = ["REQUEST_ID", "errors_as_problems", "request_ids"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUEST_ID = web.RequestKey("request_id", str)
"""Where a request keeps its id."""

_HEADER = "X-Request-Id"
_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

log = logging.getLogger("tv5core.server")


@web.middleware
async def request_ids(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every request an id: the client's own, where it is a plain one."""
    given = request.headers.get(_HEADER, "")
    request[REQUEST_ID] = given if _ID.fullmatch(given) else os.urandom(8).hex()
    answer = await handler(request)
    if not answer.prepared:
        answer.headers[_HEADER] = request[REQUEST_ID]
        answer.headers[hdrs.SERVER] = "tv5core"  # versions help none but attackers
    return answer


@web.middleware
async def errors_as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors as problems, and log those that are the gateway's own."""
    try:
        _check_target(request)
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return http_problem(error, request[REQUEST_ID])
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - a client sees a problem, never a traceback
        _note(request, error)
        return problem_response(error, request[REQUEST_ID])


def _check_target(request: web.Request) -> None:
    most = request.app[RESOURCES].settings.max_target_bytes
    if len(request.raw_path) > most:
        raise TargetTooLongError(f"expected at most {most:,} bytes of path and query, got more")


def _note(request: web.Request, error: Exception) -> None:
    if problem_of(error).status < 500:
        return
    details = {"request_id": request[REQUEST_ID]}
    if isinstance(error, Tv5Error):
        log.warning("request failed: %s: %s", type(error).__name__, error, extra=details)
    else:
        log.error("request failed", exc_info=error, extra=details)
