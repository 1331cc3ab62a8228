"""One call: attempts, redirects, back-off, and what each outcome means to limiter and breaker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from itertools import count

import aiohttp
from yarl import URL

from tv5core.backoff import Backoff
from tv5core.errors import (
    ForbiddenTargetError,
    MalformedResponseError,
    RateLimitedError,
    UnreachableError,
    UpstreamError,
    UpstreamStatusError,
)
from tv5core.upstream.fetching.circuit_breaker import CircuitBreaker, Pass
from tv5core.upstream.fetching.metrics import Watch
from tv5core.upstream.fetching.request import Call, Response
from tv5core.upstream.fetching.response_body import read_body
from tv5core.upstream.fetching.retry_bounds import RetryBudget, retry_after_s
from tv5core.upstream.fetching.transport import FAILURES, REDIRECTS, Transport, told
from tv5core.upstream.limiting.limiter import Limiter, Permit

__all__ = ["MAX_HOPS", "Attempts"]

MAX_HOPS = 5
"""Redirects that are followed."""

_PATIENCE_S = 1.0
_TOLD = (*FAILURES, MalformedResponseError, ForbiddenTargetError)
_REPEATABLE_ERRORS = (UnreachableError, MalformedResponseError)


class Attempts:
    """Makes calls, again where that may help.

    Parameters
    ----------
    transport : Transport
    limiter : callable
        Returns whom to ask for leave.
    breaker : CircuitBreaker
    backoff : Backoff
    max_retries : int
    budget : RetryBudget
    watch : Watch
    max_packed_bytes, max_bytes : int
        Of an answer as sent, and unpacked.
    """

    def __init__(
        self,
        transport: Transport,
        limiter: Callable[[], Limiter],
        *,
        breaker: CircuitBreaker,
        backoff: Backoff,
        max_retries: int,
        budget: RetryBudget,
        watch: Watch,
        max_packed_bytes: int,
        max_bytes: int,
    ) -> None:
        self._transport, self._limiter, self._breaker = transport, limiter, breaker
        self._backoff, self._max_retries = backoff, max_retries
        self._budget, self._watch = budget, watch
        self._max_packed_bytes, self._max_bytes = max_packed_bytes, max_bytes

    async def run(self, call: Call) -> Response:
        """Ask until there is an answer, or no point in asking again.

        Raises
        ------
        UpstreamError
            What happened last.
        """
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
        may = call.is_repeatable and attempt < self._max_retries and delay_s < call.left_s()
        if not may or not _is_repeatable(outcome) or not self._budget.take():
            raise _error(call, outcome)
        self._watch.count("retry", reason=_reason(outcome))
        call.permit = None
        await asyncio.sleep(delay_s)

    def _delay_s(self, attempt: int, outcome: Response | UpstreamError) -> float:
        delay_s = self._backoff.pause_s(attempt)
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
        # Once before the queue, to be told at once; once after it, since a provider may have died
        # in the meantime, and who queued for it should not go on trying.
        self._breaker.check()
        async with self._limiter().permit(call.priority, timeout_s=call.left_s()) as permit:
            self._watch.time("wait", permit.waited_s, priority=call.priority.value)
            with self._breaker.enter() as passed:
                call.permit = permit
                try:
                    async with self._transport.respond(call, url, permit) as raw:
                        self._note_status(passed, raw)
                        yield raw
                except (*FAILURES, MalformedResponseError):
                    passed.fail()
                    self._watch.count("attempt", status="broken")
                    raise
                except asyncio.CancelledError:
                    _blame_slow(passed, permit)
                    raise
                passed.succeed()

    def _note_status(self, passed: Pass, raw: aiohttp.ClientResponse) -> None:
        """Tell limiter and breaker at once: others must not wait until a body is read."""
        self._watch.count("attempt", status=str(raw.status))
        if raw.status == 429:
            self._limiter().pause(retry_after_s(raw.headers.get("Retry-After")))
        elif raw.status >= 500:
            passed.fail()

    # -- streams -------------------------------------------------------------------------------

    async def open_stream(
        self, call: Call, stack: contextlib.AsyncExitStack
    ) -> aiohttp.ClientResponse:
        """Return an answer whose body is still to be read; what it holds is on the stack.

        Raises
        ------
        UpstreamStatusError
            A status from 400.
        UpstreamError
        """
        self._budget.pay_in()
        with self._watch.outcome():
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
    if permit.sent_at is not None and now - permit.sent_at >= _PATIENCE_S:
        passed.fail()
