"""Connections whose errors are problems, also those that no middleware sees.

aiohttp answers by itself, in plain text, what it cannot parse, what its parser's limits refuse, and
what a client expects that it does not do. Here these are problems like all others, with an id, and
counted. What came is neither logged nor sent back: it may hold a query or a key.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError
from aiohttp.http_exceptions import LineTooLong

from tv5core.errors import Tv5Error
from tv5core.server.errors import (
    HeadersTooLargeError,
    MalformedRequestError,
    RequestError,
    TargetTooLongError,
)
from tv5core.server.problems import http_problem, problem_response

__all__ = ["ProblemRunner", "ended", "new_request_id"]

Note = Callable[[web.StreamResponse], None]

_TOO_MANY = "Too many"  # what aiohttp says of headers and trailers beyond its limit

log = logging.getLogger("tv5core.server.http")


class _Connection(web.RequestHandler):
    """One connection; its errors are problems."""

    __slots__ = ("_note",)

    def __init__(self, manager: web.Server, note: Note, **options: Any) -> None:
        super().__init__(manager, **options)
        self._note = note

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it may hold what was sent
    ) -> web.StreamResponse:
        """Answer what could not be parsed, or an error that no middleware caught."""
        answer = self._problem(status, exc)
        if isinstance(exc, HttpProcessingError):
            self._note(answer)
        if request.writer.output_size > 0:
            raise ConnectionError("expected no answer yet, got a part of one")
        return answer

    def _problem(self, status: int, error: BaseException | None) -> web.StreamResponse:
        made_id = new_request_id()
        details = {"request_id": made_id}
        if isinstance(error, HttpProcessingError):
            log.info("a request cannot be parsed: %s", type(error).__name__, extra=details)
            error = self._refusal(error)
        else:
            log.error("a request failed with %d", status, exc_info=error, extra=details)
        return ended(problem_response(error or Tv5Error("no answer"), made_id), made_id)

    def _refusal(self, error: HttpProcessingError) -> RequestError:
        """Return what is wrong, without the bytes."""
        if isinstance(error, LineTooLong):
            most = error.args[1]
            if most == self.max_line_size:
                return TargetTooLongError(f"expected at most {most:,} bytes of path, got more")
            return HeadersTooLargeError(f"expected at most {most:,} bytes a header, got more")
        if error.message.startswith(_TOO_MANY):
            return HeadersTooLargeError(f"expected at most {self.max_headers} headers, got more")
        return MalformedRequestError("expected a request of HTTP/1.1, got one that is malformed")

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; an error that aiohttp raised before any middleware, as a problem."""
        if isinstance(resp, web.HTTPException) and resp.status >= 400:
            made_id = new_request_id()
            resp = ended(http_problem(resp, made_id), made_id)
            self._note(resp)
        return await super().finish_response(request, resp, start_time)


def new_request_id() -> str:
    """Return an id for a request that brings none."""
    return os.urandom(8).hex()


def ended(answer: web.Response, request_id: str) -> web.Response:
    """Give an answer what middlewares give others, and end the connection with it."""
    answer.headers["X-Request-Id"] = request_id
    answer.headers[hdrs.SERVER] = "tv5core"
    answer.force_close()
    return answer


class _Server(web.Server):
    """Makes connections.

    Parameters
    ----------
    made : web.Server
        As aiohttp makes it for an application.
    note : callable
        Told of each answer that no middleware sees.
    """

    def __init__(self, made: web.Server, note: Note, **options: Any) -> None:
        super().__init__(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
        )
        self._note, self._options = note, options

    def __call__(self) -> web.RequestHandler:
        loop = asyncio.get_running_loop()
        return _Connection(self, self._note, loop=loop, **self._options)


class ProblemRunner(web.AppRunner):
    """A runner of an application whose every error is a problem.

    Parameters
    ----------
    app : web.Application
    note : callable
        Told of each answer that no middleware sees.
    **options
        As ``web.AppRunner`` takes them.
    """

    __slots__ = ("_note", "_options")

    def __init__(self, app: web.Application, note: Note, **options: Any) -> None:
        super().__init__(app, **options)
        runners = ("handle_signals", "shutdown_timeout", "handler_cancellation")
        self._note = note
        self._options = {name: each for name, each in options.items() if name not in runners}

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), self._note, **self._options)
