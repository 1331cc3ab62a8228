"""Calls to a provider that keep its limits, and end one way or another by their deadline.

A call waits for its turn with the limiter, unless the circuit breaker is open. What fails is
retried after a pause where a repetition does no harm, the deadline allows one and the retry
budget is not spent. Identical calls under way share one response. Keys go to the provider's own
host only, and appear in no message, counter or log line.
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
    InvalidInputError,
    MalformedResponseError,
    UpstreamError,
)
from tv5core.observing import SILENT, Observer
from tv5core.upstream.fetching.circuit_breaker import CircuitBreaker
from tv5core.upstream.fetching.metrics import Watch
from tv5core.upstream.fetching.request import Call, Response
from tv5core.upstream.fetching.response_body import chunks
from tv5core.upstream.fetching.retries import Attempts
from tv5core.upstream.fetching.retry_bounds import RetryBudget
from tv5core.upstream.fetching.single_flight import Sharing
from tv5core.upstream.fetching.transport import FAILURES, Transport, told
from tv5core.upstream.limiting.limiter import Limiter
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.limiting.provider_limiter import limiter_for
from tv5core.upstream.provider import Provider

__all__ = ["Fetcher", "Response"]

_FIRST_PAUSE_S, _MAX_PAUSE_S = 1.0, 8.0


class Fetcher:
    """Asks one provider; used as ``async with Fetcher(provider) as fetcher``.

    All fetchers of a provider in a process share its limiter, unless they are given another.
    Counts ``upstream.request`` (by outcome), ``upstream.attempt`` (by status), ``.retry``,
    ``.shared`` and ``.breaker``; times ``upstream.request`` and ``upstream.wait``.

    Parameters
    ----------
    provider : Provider
    limiter : Limiter or None
        None shares the process's own; see :func:`limiter_for`.
    observer : Observer
    breaker : CircuitBreaker or None
    backoff : Backoff or None
        Pauses before retries; None draws from 1, 2, 4, then 8 seconds with full jitter.
    max_retries : int
        Retries of one call.
    budget : RetryBudget or None
    connect_timeout_s : float
        To have a connection, TLS included.
    answer_timeout_s : float
        Without a byte of the answer, before an attempt counts as failed.
    max_packed_bytes, max_bytes : int
        Of an answer as sent, and unpacked.
    tls : ssl.SSLContext or None
        None verifies against the system's certificates.
    rng : random.Random or None
        For jitter.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        limiter: Limiter | None = None,
        observer: Observer = SILENT,
        breaker: CircuitBreaker | None = None,
        backoff: Backoff | None = None,
        max_retries: int = 3,
        budget: RetryBudget | None = None,
        connect_timeout_s: float = 3.0,
        answer_timeout_s: float = 5.0,
        max_packed_bytes: int = 8 << 20,
        max_bytes: int = 32 << 20,
        tls: ssl.SSLContext | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.provider, self._limiter = provider, limiter
        self._watch, self._sharing = Watch(provider.name, observer), Sharing()
        self._transport = Transport(
            provider,
            connect_timeout_s=connect_timeout_s,
            answer_timeout_s=answer_timeout_s,
            tls=tls,
        )
        self._attempts = Attempts(
            self._transport,
            lambda: self.limiter,
            breaker=breaker or CircuitBreaker(provider.name, rng=rng, observer=observer),
            backoff=backoff or Backoff(_FIRST_PAUSE_S, _MAX_PAUSE_S, rng=rng),
            max_retries=max_retries,
            budget=budget or RetryBudget(),
            watch=self._watch,
            max_packed_bytes=max_packed_bytes,
            max_bytes=max_bytes,
        )

    async def __aenter__(self) -> Self:
        if self._limiter is None:
            self._limiter = limiter_for(self.provider)
        self._transport.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all calls, whose callers get a ClosedError, and close the connections."""
        await self._sharing.close()
        await self._transport.close()

    @property
    def limiter(self) -> Limiter:
        """Whom it asks for leave.

        Raises
        ------
        ClosedError
            The fetcher has not been opened.
        """
        if self._limiter is None:
            raise ClosedError("expected an open fetcher, got one that is not open yet")
        return self._limiter

    # -- asking --------------------------------------------------------------------------------

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        priority: Priority = Priority.USER,
        deadline_s: float = 10.0,
    ) -> Response:
        """Ask for what is at a path below the provider's base; identical calls share an answer.

        Parameters
        ----------
        path : str
            Such as ``movie/603``.
        params : mapping of str to str or None
            Of the query.
        priority : Priority
        deadline_s : float
            Seconds for all of it: waiting, asking, asking again.

        Returns
        -------
        Response
            Of any status below 500 but 429.

        Raises
        ------
        RateLimitedError
            It would wait longer than its class may, or the provider goes on answering 429.
        DeadlineError
            No answer came in time.
        BreakerOpenError
            The provider is left alone after many failures.
        UnreachableError
            No connection, or one that broke off, after retries.
        UpstreamStatusError
            A status from 500, after retries.
        ResponseTooLargeError
        MalformedResponseError
            The body cannot be unpacked.
        ForbiddenTargetError
            The provider redirects to a host or has an address that may not be asked.
        InvalidInputError
            The path leads elsewhere, or the deadline is no time.
        ClosedError
            The fetcher is not open.
        """
        url = self.provider.url(path).with_query(dict(sorted((params or {}).items())))
        call = self._call("GET", url, None, priority, deadline_s, is_repeatable=True)
        return await self._answer(("GET", str(url)), call)

    async def post(
        self,
        path: str,
        body: bytes,
        *,
        priority: Priority = Priority.USER,
        deadline_s: float = 10.0,
        idempotent: bool = False,
    ) -> Response:
        """Send JSON to a path below the provider's base; parameters and errors as for ``get``.

        Parameters
        ----------
        path : str
        body : bytes
        priority : Priority
        deadline_s : float
        idempotent : bool
            Whether it may be sent again when it failed; redirects are not followed.
        """
        url = self.provider.url(path)
        call = self._call("POST", url, body, priority, deadline_s, is_repeatable=idempotent)
        return await self._answer(object(), call)

    async def stream(
        self,
        url: str,
        *,
        max_bytes: int,
        priority: Priority = Priority.BULK,
        deadline_s: float = 1800.0,
    ) -> AsyncIterator[bytes]:
        """Give a file of an allowed host piece by piece; a packed file stays packed.

        What fails before the first piece is asked again; what breaks off later is not.

        Parameters
        ----------
        url : str
        max_bytes : int
            The most that is accepted.
        priority : Priority
        deadline_s : float

        Raises
        ------
        UpstreamStatusError
            A status from 400.
        UpstreamError
            As for ``get``.
        """
        call = self._call("GET", URL(url), None, priority, deadline_s, is_repeatable=True)
        async with contextlib.AsyncExitStack() as stack:
            raw = await self._attempts.open_stream(call, stack)
            pieces = chunks(raw, call.where, max_bytes, max_bytes)
            while (piece := await _next_piece(call, pieces)) is not None:
                yield piece

    # -- one call ------------------------------------------------------------------------------

    def _call(
        self,
        method: str,
        url: URL,
        body: bytes | None,
        priority: Priority,
        deadline_s: float,
        *,
        is_repeatable: bool,
    ) -> Call:
        if not 0 < deadline_s < float("inf"):
            raise InvalidInputError(f"expected a deadline in seconds, got {deadline_s}")
        return Call(
            method=method,
            url=self._transport.guard.check(url),
            where=f"{self.provider.name} {url.path.lstrip('/')[:120]}",
            priority=priority,
            deadline=asyncio.get_running_loop().time() + deadline_s,
            is_repeatable=is_repeatable,
            body=body,
        )

    async def _answer(self, key: object, call: Call) -> Response:
        """Make a call, or join one, under this caller's deadline."""
        deadline, where = call.deadline, call.where
        with self._watch.outcome():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    response, joined = await self._sharing.share(key, call, self._attempts.run)
                    if joined:
                        self._watch.count("shared")
                    return response
            raise DeadlineError(f"{where}: expected an answer by the deadline, got none")


async def _next_piece(call: Call, pieces: AsyncIterator[bytes]) -> bytes | None:
    error: UpstreamError
    try:
        async with asyncio.timeout_at(call.deadline) as timeout:
            return await anext(pieces, None)
    except (*FAILURES, MalformedResponseError) as failure:
        error = told(call.where, failure)
    if timeout.expired():
        error = DeadlineError(f"{call.where}: expected the whole file by the deadline, got a part")
    raise error
