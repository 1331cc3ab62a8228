"""Calls to a provider that keep its limits, and end one way or another by their deadline.

A call waits for its turn (:mod:`.limiter`), unless the provider is known to be down
(:mod:`.breaker`). What fails is asked again after a while (:mod:`.backoff`), if asking twice does
no harm, the deadline allows and the budget for retries is not used up. What is asked already is
not asked twice (:mod:`.sharing`). Keys go to the provider's own host only, and appear in no
message, counter or log line.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import count
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from tv5core.errors import (
    BreakerOpenError,
    ClosedError,
    DeadlineError,
    ForbiddenTargetError,
    InvalidInputError,
    MalformedResponseError,
    RateLimitedError,
    UnreachableError,
    UpstreamError,
    UpstreamStatusError,
)
from tv5core.observing import SILENT, Observer
from tv5core.upstream.backoff import Backoff, RetryBudget, retry_after_s
from tv5core.upstream.bodies import chunks, read_body
from tv5core.upstream.breaker import CircuitBreaker, Pass
from tv5core.upstream.calls import Call, Response
from tv5core.upstream.classes import Priority
from tv5core.upstream.dispatcher import Permit
from tv5core.upstream.limiter import Limiter, limiter_for
from tv5core.upstream.provider import Provider
from tv5core.upstream.sharing import Sharing
from tv5core.upstream.transport import FAILURES, REDIRECTS, Transport, told

__all__ = ["MAX_HOPS", "Fetcher", "Response"]

MAX_HOPS = 5
"""Redirects that are followed."""

_PATIENCE_S = 1.0
_REPEATABLE_ERRORS = (UnreachableError, MalformedResponseError)
_OUTCOMES: dict[type[BaseException], str] = {
    RateLimitedError: "rate_limited",
    DeadlineError: "deadline",
    BreakerOpenError: "breaker_open",
    UnreachableError: "unreachable",
    ForbiddenTargetError: "forbidden",
    UpstreamStatusError: "failed",
    MalformedResponseError: "malformed",
    asyncio.CancelledError: "cancelled",
}


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
        budget: RetryBudget | None = None,
        connect_timeout_s: float = 3.0,
        answer_timeout_s: float = 5.0,
        max_packed_bytes: int = 8 << 20,
        max_bytes: int = 32 << 20,
        tls: ssl.SSLContext | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.provider, self._observer, self._limiter = provider, observer, limiter
        self._breaker = breaker or CircuitBreaker(provider.name, rng=rng, observer=observer)
        self._backoff, self._budget = backoff or Backoff(rng=rng), budget or RetryBudget()
        self._max_packed_bytes, self._max_bytes = max_packed_bytes, max_bytes
        self._transport = Transport(
            provider,
            connect_timeout_s=connect_timeout_s,
            answer_timeout_s=answer_timeout_s,
            tls=tls,
        )
        self._sharing = Sharing()

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
            raw = await self._open_stream(call, stack)
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
        with self._watched():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    response, joined = await self._sharing.share(key, call, self._run)
                    if joined:
                        self._count("shared")
                    return response
            raise DeadlineError(f"{where}: expected an answer by the deadline, got none")

    async def _run(self, call: Call) -> Response:
        """Ask until there is an answer, or no point in asking again."""
        self._budget.pay_in()
        for attempt in count():
            outcome = await self._attempt(call)
            if isinstance(outcome, Response) and not _is_failed(outcome.status):
                return outcome
            await self._before_retry(call, attempt, outcome)
        raise AssertionError("unreachable: count() does not end")

    async def _before_retry(
        self, call: Call, attempt: int, outcome: Response | UpstreamError
    ) -> None:
        """Wait until it is time to ask again, or raise what happened."""
        delay_s = self._delay_s(attempt, outcome)
        may = call.is_repeatable and attempt < self._backoff.retries and delay_s < call.left_s()
        if not may or not _is_repeatable(outcome) or not self._budget.take():
            raise _error(call, outcome)
        self._count("retry", reason=_reason(outcome))
        call.permit = None
        await asyncio.sleep(delay_s)

    def _delay_s(self, attempt: int, outcome: Response | UpstreamError) -> float:
        delay_s = self._backoff.delay(attempt)
        if isinstance(outcome, Response):
            header = outcome.headers.get("Retry-After")
            if header is not None or outcome.status == 429:
                return max(delay_s, retry_after_s(header))
        return delay_s

    async def _attempt(self, call: Call) -> Response | UpstreamError:
        """Ask once; what went wrong with provider or connection is returned, not raised."""
        try:
            async with self._exchange(call) as raw:
                body = await read_body(raw, call.where, self._max_packed_bytes, self._max_bytes)
                return Response(raw.status, raw.headers, body, str(call.url))
        except (*FAILURES, MalformedResponseError, ForbiddenTargetError) as error:
            return told(call.where, error)

    @contextlib.asynccontextmanager
    async def _exchange(self, call: Call) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask, and ask again where it is redirected to; each hop is a request like any other."""
        url = call.url
        for _ in range(MAX_HOPS + 1):
            async with self._hop(call, url) as raw:
                if raw.status not in REDIRECTS:
                    yield raw
                    return
                url = self._redirected(call, url, raw.headers.get("Location", ""))
        raise ForbiddenTargetError(f"{call.where}: expected at most {MAX_HOPS} redirects, got more")

    def _redirected(self, call: Call, url: URL, location: str) -> URL:
        if call.method != "GET":
            raise ForbiddenTargetError(f"{call.where}: expected an answer, got a redirect")
        try:
            target = url.join(URL(location)).without_query_params("api_key")
        except ValueError:
            target = URL()
        return self._transport.guard.check(target)

    @contextlib.asynccontextmanager
    async def _hop(self, call: Call, url: URL) -> AsyncIterator[aiohttp.ClientResponse]:
        with self._breaker.enter() as passed:
            async with self.limiter.permit(call.priority, timeout_s=call.left_s()) as permit:
                call.permit = permit
                self._time("wait", permit.waited_s, priority=call.priority.value)
                try:
                    async with self._transport.respond(call, url, permit) as raw:
                        self._note_status(passed, raw)
                        yield raw
                except (*FAILURES, MalformedResponseError):
                    passed.fail()
                    self._count("attempt", status="broken")
                    raise
                except asyncio.CancelledError:
                    _blame_slow(passed, permit)
                    raise
                passed.succeed()

    def _note_status(self, passed: Pass, raw: aiohttp.ClientResponse) -> None:
        """Tell limiter and breaker at once: others must not wait until a body is read."""
        self._count("attempt", status=str(raw.status))
        if raw.status == 429:
            self.limiter.pause(retry_after_s(raw.headers.get("Retry-After")))
        elif raw.status >= 500:
            passed.fail()

    # -- streams -------------------------------------------------------------------------------

    async def _open_stream(
        self, call: Call, stack: contextlib.AsyncExitStack
    ) -> aiohttp.ClientResponse:
        self._budget.pay_in()
        with self._watched():
            for attempt in count():
                outcome = await self._try_stream(call, stack)
                if not isinstance(outcome, Response | UpstreamError):
                    return outcome
                await self._before_retry(call, attempt, outcome)
        raise AssertionError("unreachable: count() does not end")

    async def _try_stream(
        self, call: Call, stack: contextlib.AsyncExitStack
    ) -> aiohttp.ClientResponse | Response | UpstreamError:
        inner = contextlib.AsyncExitStack()
        try:
            async with asyncio.timeout_at(call.deadline), inner:
                raw = await inner.enter_async_context(self._exchange(call))
                if raw.status < 400:
                    await stack.enter_async_context(inner.pop_all())
                    return raw
                return Response(raw.status, raw.headers, b"", str(call.url))
        except (*FAILURES, MalformedResponseError, ForbiddenTargetError) as error:
            return told(call.where, error)

    # -- watching ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Count and time the end of a call, whatever it is."""
        started, outcome = asyncio.get_running_loop().time(), "ok"
        try:
            yield
        except BaseException as error:
            outcome = _OUTCOMES.get(type(error), "error")
            raise
        finally:
            self._count("request", outcome=outcome)
            self._time("request", asyncio.get_running_loop().time() - started, outcome=outcome)

    def _count(self, what: str, **labels: str) -> None:
        self._observer.count(f"upstream.{what}", 1, provider=self.provider.name, **labels)

    def _time(self, what: str, seconds: float, **labels: str) -> None:
        self._observer.time(f"upstream.{what}", seconds, provider=self.provider.name, **labels)


def _is_failed(status: int) -> bool:
    return status == 429 or status >= 500


def _is_repeatable(outcome: Response | UpstreamError) -> bool:
    if isinstance(outcome, Response):
        return _is_failed(outcome.status)
    return isinstance(outcome, _REPEATABLE_ERRORS)


def _reason(outcome: Response | UpstreamError) -> str:
    return str(outcome.status) if isinstance(outcome, Response) else "broken"


def _error(call: Call, outcome: Response | UpstreamError) -> UpstreamError:
    if not isinstance(outcome, Response):
        return outcome
    if outcome.status != 429:
        return UpstreamStatusError(outcome.status, where=call.where)
    wait_s = retry_after_s(outcome.headers.get("Retry-After"))
    return RateLimitedError(
        f"{call.where}: expected an answer, got 429: asked too often", retry_after_s=wait_s
    )


def _blame_slow(passed: Pass, permit: Permit) -> None:
    """Count a call that was given up as a failure if the provider had time to answer."""
    now = asyncio.get_running_loop().time()
    if permit.departed_at is not None and now - permit.departed_at >= _PATIENCE_S:
        passed.fail()


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
