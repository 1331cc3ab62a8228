"""Calls to a provider that keep its limits and end by their deadline.

A call waits for its permit, unless the circuit breaker is open. A call that fails is retried after
a pause where it is idempotent, the deadline leaves time and the retry budget is not spent.
Identical calls in flight share one response. Keys go to the provider's own host only, and appear
in no message, counter or log line.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Self

from yarl import URL

from tv5core.backoff import Backoff
from tv5core.errors import (
    ClosedError,
    DeadlineError,
    ForbiddenTargetError,
    InvalidInputError,
    MalformedResponseError,
    UpstreamError,
)
from tv5core.observing import SILENT, Observer
from tv5core.upstream.fetching.circuit_breaker import CircuitBreaker
from tv5core.upstream.fetching.metrics import CallMetrics
from tv5core.upstream.fetching.request import Request, Response
from tv5core.upstream.fetching.response_body import iter_body
from tv5core.upstream.fetching.retries import Retrier
from tv5core.upstream.fetching.retry_bounds import RetryBudget
from tv5core.upstream.fetching.single_flight import SingleFlight
from tv5core.upstream.fetching.target_guard import TargetGuard
from tv5core.upstream.fetching.transport import TRANSPORT_ERRORS, Transport, to_upstream_error
from tv5core.upstream.limiting.limiter import Limiter
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.limiting.provider_limiter import limiter_for
from tv5core.upstream.provider import Provider

__all__ = ["Fetcher"]

_FIRST_PAUSE_S, _MAX_PAUSE_S = 1.0, 8.0


class Fetcher:
    """Calls one provider; used as ``async with Fetcher(provider) as fetcher``.

    All fetchers of a provider in a process share its limiter, unless they are given another, and
    so do by default the processes of a user on one machine.
    Counts ``upstream.request`` (by outcome), ``upstream.attempt`` (by status), ``.retry``,
    ``.shared``, ``.refused`` (by priority), ``.omitted`` (by place) and ``.breaker``; times
    ``upstream.request``, ``.wait`` and ``.connect``.

    Parameters
    ----------
    provider : Provider
    limiter : Limiter or None
        None uses the one of the process; see :func:`limiter_for`.
    per_machine : bool
        Whether all processes of this user on this machine keep the provider's limits together,
        through a file; otherwise each process keeps them alone. Has no effect with a limiter.
    observer : Observer
    breaker : CircuitBreaker or None
        None makes one.
    backoff : Backoff or None
        Pauses before retries; None uses 1, 2, 4, then 8 seconds with full jitter.
    max_retries : int
        Retries of one call.
    retry_budget : RetryBudget or None
        Retries of all calls; None makes one.
    connect_timeout_s : float
        Seconds to establish a connection, TLS included.
    read_timeout_s : float
        Seconds without a byte of the response, before an attempt counts as failed.
    max_compressed_bytes, max_bytes : int
        Largest body as sent, and decompressed.
    tls : ssl.SSLContext or None
        None verifies against the system's certificates.
    rng : random.Random or None
        Source of jitter.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        limiter: Limiter | None = None,
        per_machine: bool = True,
        observer: Observer = SILENT,
        breaker: CircuitBreaker | None = None,
        backoff: Backoff | None = None,
        max_retries: int = 3,
        retry_budget: RetryBudget | None = None,
        connect_timeout_s: float = 3.0,
        read_timeout_s: float = 5.0,
        max_compressed_bytes: int = 8 << 20,
        max_bytes: int = 32 << 20,
        tls: ssl.SSLContext | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.provider, self._limiter = provider, limiter
        self._per_machine = per_machine
        self._metrics = CallMetrics(provider.name, observer)
        self._single_flight = SingleFlight()
        self._guard = TargetGuard(provider)
        self._transport = Transport(
            provider,
            self._guard,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
            metrics=self._metrics,
            tls=tls,
        )
        self._breaker = breaker or CircuitBreaker(provider.name, rng=rng, observer=observer)
        self._retrier = Retrier(
            self._transport,
            lambda: self.limiter,
            guard=self._guard,
            breaker=self._breaker,
            backoff=backoff or Backoff(_FIRST_PAUSE_S, _MAX_PAUSE_S, rng=rng),
            max_retries=max_retries,
            budget=retry_budget or RetryBudget(),
            metrics=self._metrics,
            max_compressed_bytes=max_compressed_bytes,
            max_bytes=max_bytes,
        )

    def open(self) -> None:
        """Open the fetcher on the running event loop; connections are made as needed."""
        if self._limiter is None:
            self._limiter = limiter_for(self.provider, per_machine=self._per_machine)
        self._transport.open()

    async def close(self) -> None:
        """Cancel all calls, whose callers get a ClosedError, and close the connections."""
        await self._single_flight.close()
        await self._transport.close()

    async def __aenter__(self) -> Self:
        self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def breaker(self) -> CircuitBreaker:
        """The circuit breaker of the calls."""
        return self._breaker

    @property
    def limiter(self) -> Limiter:
        """The limiter of the provider.

        Raises
        ------
        ClosedError
            The fetcher has not been opened.
        """
        if self._limiter is None:
            raise ClosedError("expected an open fetcher, got one that is not open yet")
        return self._limiter

    def count_omissions(self, omitted: Mapping[str, int]) -> None:
        """Count values left out of responses as ``upstream.omitted``, by their places."""
        for place, number in omitted.items():
            self._metrics.count("omitted", number, place=place)

    # -- calls ---------------------------------------------------------------------------------

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        priority: Priority = Priority.USER,
        deadline_s: float = 10.0,
    ) -> Response:
        """Get a path below the provider's base URL; identical calls in flight share a response.

        Parameters
        ----------
        path : str
            Such as ``movie/603``.
        params : mapping of str to str or None
            Query parameters.
        priority : Priority
        deadline_s : float
            Seconds for the whole call: queueing, attempts and pauses.

        Returns
        -------
        Response
            With any status below 500 except 429.

        Raises
        ------
        RateLimitedError
            The call would wait longer than its class may, or the provider keeps responding 429.
        DeadlineError
            There is no response by the deadline.
        BreakerOpenError
            The circuit breaker is open after many failures.
        UnreachableError
            There is no connection, or it broke off, after retries.
        UpstreamStatusError
            The status is 500 or more, after retries.
        ResponseTooLargeError
            The body exceeds its bounds.
        MalformedResponseError
            The body cannot be decompressed.
        ForbiddenTargetError
            The provider redirects to a host or has an address that may not be reached.
        InvalidInputError
            The path leaves the base URL, or the deadline is not a positive number of seconds.
        ClosedError
            The fetcher is not open.
        """
        url = self.provider.url(path).with_query(dict(sorted((params or {}).items())))
        request = self._request("GET", url, None, priority, deadline_s, is_idempotent=True)
        return await self._send(("GET", str(url)), request)

    async def post(
        self,
        path: str,
        body: bytes,
        *,
        priority: Priority = Priority.USER,
        deadline_s: float = 10.0,
        idempotent: bool = False,
    ) -> Response:
        """Post JSON to a path below the provider's base URL; redirects are not followed.

        Parameters
        ----------
        path : str
        body : bytes
        priority : Priority
        deadline_s : float
        idempotent : bool
            Whether the request may be retried.

        Raises
        ------
        UpstreamError
            As for :meth:`get`.
        """
        url = self.provider.url(path)
        request = self._request("POST", url, body, priority, deadline_s, is_idempotent=idempotent)
        return await self._send(object(), request)

    async def stream(
        self,
        url: str,
        *,
        max_bytes: int,
        priority: Priority = Priority.BULK,
        deadline_s: float = 1800.0,
    ) -> AsyncIterator[bytes]:
        """Yield a file of an allowed host in pieces; a compressed file stays compressed.

        Failures before the first piece are retried; later ones are not.

        Parameters
        ----------
        url : str
        max_bytes : int
            Largest file.
        priority : Priority
        deadline_s : float

        Raises
        ------
        ForbiddenTargetError
            The URL is not one of the provider's hosts.
        UpstreamStatusError
            The status is 400 or more.
        UpstreamError
            As for :meth:`get`.
        """
        target = self._checked(url)
        request = self._request("GET", target, None, priority, deadline_s, is_idempotent=True)
        async with contextlib.AsyncExitStack() as stack:
            raw = await self._retrier.open_stream(request, stack)
            pieces = iter_body(raw, request.label, max_bytes, max_bytes)
            while (piece := await _next_piece(request, pieces)) is not None:
                yield piece

    # -- one call ------------------------------------------------------------------------------

    def _request(
        self,
        method: str,
        url: URL,
        body: bytes | None,
        priority: Priority,
        deadline_s: float,
        *,
        is_idempotent: bool,
    ) -> Request:
        if not 0 < deadline_s < float("inf"):
            raise InvalidInputError(f"expected a deadline in seconds, got {deadline_s}")
        return Request(
            method=method,
            url=url,
            label=f"{self.provider.name} {url.path.lstrip('/')[:120]}",
            priority=priority,
            deadline=asyncio.get_running_loop().time() + deadline_s,
            is_idempotent=is_idempotent,
            body=body,
        )

    def _checked(self, url: str) -> URL:
        """Return a URL that may be requested; one that may not counts as a forbidden call."""
        try:
            return self._guard.parse_url(url)
        except ForbiddenTargetError:
            self._metrics.count("request", outcome="forbidden")
            raise

    async def _send(self, key: object, request: Request) -> Response:
        """Send a request, or join an identical one, under this caller's own deadline."""
        # Both before the call: the flight may take over the deadline of a later caller.
        deadline, label = request.deadline, request.label
        with self._metrics.measure_call():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    send = self._retrier.send
                    response, is_shared = await self._single_flight.do(key, request, send)
                    if is_shared:
                        self._metrics.count("shared")
                    return response
            raise DeadlineError(f"{label}: expected a response by the deadline, got none")


async def _next_piece(request: Request, pieces: AsyncIterator[bytes]) -> bytes | None:
    error: UpstreamError
    try:
        async with asyncio.timeout_at(request.deadline) as timeout:
            return await anext(pieces, None)
    except (*TRANSPORT_ERRORS, MalformedResponseError) as failure:
        error = to_upstream_error(request.label, failure)
    if timeout.expired():
        error = DeadlineError(
            f"{request.label}: expected the whole file by the deadline, got a part"
        )
    raise error
