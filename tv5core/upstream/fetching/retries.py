"""One call: attempts, redirects and retries, and what each outcome means to limiter and breaker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from itertools import count

import aiohttp
from yarl import URL

from tv5core.backoff import Backoff
from tv5core.errors import (
    BreakerOpenError,
    ForbiddenTargetError,
    MalformedResponseError,
    RateLimitedError,
    UnreachableError,
    UpstreamError,
    UpstreamStatusError,
)
from tv5core.observing import stage
from tv5core.upstream.fetching.circuit_breaker import Admission, CircuitBreaker
from tv5core.upstream.fetching.metrics import CallMetrics
from tv5core.upstream.fetching.request import Request, Response
from tv5core.upstream.fetching.response_body import read_body
from tv5core.upstream.fetching.retry_bounds import RetryBudget, response_retry_after_s
from tv5core.upstream.fetching.target_guard import TargetGuard
from tv5core.upstream.fetching.transport import (
    REDIRECT_STATUSES,
    TRANSPORT_ERRORS,
    Transport,
    to_upstream_error,
)
from tv5core.upstream.limiting.limiter import Limiter, Permit

__all__ = ["MAX_REDIRECTS", "Retrier"]

MAX_REDIRECTS = 5
"""Redirects that one attempt follows."""

_SLOW_S = 1.0  # without a response, after which a cancelled call counts as a failure
_FIRST_ERROR_STATUS, _TOO_MANY_REQUESTS, _FIRST_SERVER_ERROR = 400, 429, 500
_ATTEMPT_ERRORS = (*TRANSPORT_ERRORS, MalformedResponseError, ForbiddenTargetError)
_RETRYABLE_ERRORS = (UnreachableError, MalformedResponseError)


class Retrier:
    """Sends requests, and sends them again where that may help.

    Parameters
    ----------
    transport : Transport
    limiter : callable
        Returns the limiter of the provider.
    guard : TargetGuard
        Checks the targets of redirects.
    breaker : CircuitBreaker
    backoff : Backoff
        Pauses before retries.
    max_retries : int
        Retries of one call.
    budget : RetryBudget
        Retries of all calls.
    metrics : CallMetrics
    max_compressed_bytes, max_bytes : int
        Largest body as sent, and decompressed.
    """

    def __init__(
        self,
        transport: Transport,
        limiter: Callable[[], Limiter],
        *,
        guard: TargetGuard,
        breaker: CircuitBreaker,
        backoff: Backoff,
        max_retries: int,
        budget: RetryBudget,
        metrics: CallMetrics,
        max_compressed_bytes: int,
        max_bytes: int,
    ) -> None:
        self._transport, self._limiter = transport, limiter
        self._guard, self._breaker = guard, breaker
        self._backoff, self._max_retries = backoff, max_retries
        self._budget, self._metrics = budget, metrics
        self._max_compressed_bytes, self._max_bytes = max_compressed_bytes, max_bytes

    # -- retries -------------------------------------------------------------------------------

    async def send(self, request: Request) -> Response:
        """Send a request until it has a response, or another attempt will not help.

        Raises
        ------
        UpstreamError
            The outcome of the last attempt.
        """
        self._budget.deposit()
        outcome: Response | UpstreamError | None = None
        for attempt in count():
            try:
                outcome = await self._attempt(request)
            except BreakerOpenError:
                if outcome is None:
                    raise
                # What this call met says more than that others met the like.
                raise _to_error(request, outcome) from None
            if isinstance(outcome, Response) and not _is_failure(outcome.status):
                return outcome
            await self._pause_or_raise(request, attempt, outcome)
        raise AssertionError("unreachable: count() does not end")

    async def open_stream(
        self, request: Request, stack: contextlib.AsyncExitStack
    ) -> aiohttp.ClientResponse:
        """Return a response whose body is not read yet; the stack holds its resources.

        Raises
        ------
        UpstreamStatusError
            The status is 400 or more.
        UpstreamError
            The outcome of the last attempt.
        """
        self._budget.deposit()
        with self._metrics.measure_call():
            for attempt in count():
                outcome = await self._attempt_stream(request, stack)
                if not isinstance(outcome, Response | UpstreamError):
                    return outcome
                await self._pause_or_raise(request, attempt, outcome)
        raise AssertionError("unreachable: count() does not end")

    async def _pause_or_raise(
        self, request: Request, attempt: int, outcome: Response | UpstreamError
    ) -> None:
        """Pause before the next attempt, or raise the outcome where there is none."""
        pause_s = self._pause_s(attempt, outcome)
        is_allowed = attempt < self._max_retries and pause_s < request.remaining_s()
        may_retry = request.is_idempotent and is_allowed and _is_retryable(outcome)
        if not may_retry or not self._budget.withdraw():
            raise _to_error(request, outcome)
        self._metrics.count("retry", reason=_reason(outcome))
        request.permit = None
        await asyncio.sleep(pause_s)

    def _pause_s(self, attempt: int, outcome: Response | UpstreamError) -> float:
        pause_s = self._backoff.pause_s(attempt)
        if not isinstance(outcome, Response):
            return pause_s
        if "Retry-After" not in outcome.headers and outcome.status != _TOO_MANY_REQUESTS:
            return pause_s
        return max(pause_s, response_retry_after_s(outcome.headers))

    # -- one attempt ---------------------------------------------------------------------------

    async def _attempt(self, request: Request) -> Response | UpstreamError:
        """Send a request once; failures of provider and connection are returned, not raised."""
        try:
            async with self._follow_redirects(request) as raw:
                body = await read_body(
                    raw, request.label, self._max_compressed_bytes, self._max_bytes
                )
                return Response(raw.status, raw.headers, body, str(request.url))
        except _ATTEMPT_ERRORS as error:
            return to_upstream_error(request.label, error)

    async def _attempt_stream(
        self, request: Request, stack: contextlib.AsyncExitStack
    ) -> aiohttp.ClientResponse | Response | UpstreamError:
        inner = contextlib.AsyncExitStack()
        try:
            async with asyncio.timeout_at(request.deadline), inner:
                raw = await inner.enter_async_context(self._follow_redirects(request))
                if raw.status < _FIRST_ERROR_STATUS:
                    await stack.enter_async_context(inner.pop_all())
                    return raw
                return Response(raw.status, raw.headers, b"", str(request.url))
        except _ATTEMPT_ERRORS as error:
            return to_upstream_error(request.label, error)

    @contextlib.asynccontextmanager
    async def _follow_redirects(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and follow redirects; each hop needs a permit of its own."""
        url = request.url
        for _ in range(MAX_REDIRECTS + 1):
            async with self._send_once(request, url) as raw:
                if raw.status not in REDIRECT_STATUSES:
                    yield raw
                    return
                url = self._redirect_target(request, url, raw.headers.get("Location", ""))
        raise ForbiddenTargetError(
            f"{request.label}: expected at most {MAX_REDIRECTS} redirects, got more"
        )

    def _redirect_target(self, request: Request, url: URL, location: str) -> URL:
        if request.method != "GET":
            raise ForbiddenTargetError(f"{request.label}: expected a response, got a redirect")
        try:
            target = url.join(URL(location)).without_query_params("api_key")
        except ValueError:
            target = URL()
        return self._guard.check_url(target)

    @contextlib.asynccontextmanager
    async def _send_once(self, request: Request, url: URL) -> AsyncIterator[aiohttp.ClientResponse]:
        # Checked before the queue to fail at once, and by admit() after it, since the provider may
        # have died while the request was queued.
        self._breaker.check()
        limiter, timeout_s = self._limiter(), request.remaining_s()
        async with contextlib.AsyncExitStack() as held:
            permitted = limiter.permit(request.priority, timeout_s=timeout_s)
            permit = await self._permit(held, request, permitted)
            with self._breaker.admit() as admission, stage("upstream"):
                request.permit = permit
                try:
                    async with self._transport.send(request, url, permit) as raw:
                        self._report_status(admission, raw)
                        yield raw
                except (*TRANSPORT_ERRORS, MalformedResponseError):
                    admission.fail()
                    self._metrics.count("attempt", status="broken")
                    raise
                except asyncio.CancelledError:
                    _report_slow(admission, permit)
                    raise
                admission.succeed()

    async def _permit(
        self,
        held: contextlib.AsyncExitStack,
        request: Request,
        permitted: contextlib.AbstractAsyncContextManager[Permit],
    ) -> Permit:
        """Wait for a permit, which is held as long as the stack is open."""
        priority = request.priority.value
        try:
            with stage("limiter"):
                permit = await held.enter_async_context(permitted)
        except RateLimitedError:
            self._metrics.count("refused", priority=priority)
            raise
        self._metrics.time("wait", permit.waited_s, priority=priority)
        return permit

    def _report_status(self, admission: Admission, raw: aiohttp.ClientResponse) -> None:
        """Report a status before the body is read, so that other calls see it at once."""
        self._metrics.count("attempt", status=str(raw.status))
        if raw.status == _TOO_MANY_REQUESTS:
            self._limiter().pause(response_retry_after_s(raw.headers))
        elif raw.status >= _FIRST_SERVER_ERROR:
            admission.fail()


def _is_failure(status: int) -> bool:
    return status == _TOO_MANY_REQUESTS or status >= _FIRST_SERVER_ERROR


def _is_retryable(outcome: Response | UpstreamError) -> bool:
    if isinstance(outcome, Response):
        return _is_failure(outcome.status)
    return isinstance(outcome, _RETRYABLE_ERRORS)


def _reason(outcome: Response | UpstreamError) -> str:
    return str(outcome.status) if isinstance(outcome, Response) else "broken"


def _to_error(request: Request, outcome: Response | UpstreamError) -> UpstreamError:
    if not isinstance(outcome, Response):
        return outcome
    if outcome.status != _TOO_MANY_REQUESTS:
        return UpstreamStatusError(outcome.status, where=request.label)
    return RateLimitedError(
        f"{request.label}: expected a response, got 429: too many requests",
        retry_after_s=response_retry_after_s(outcome.headers),
    )


def _report_slow(admission: Admission, permit: Permit) -> None:
    """Report a cancelled call as a failure if the provider had enough time to respond."""
    now = asyncio.get_running_loop().time()
    if permit.sent_at is not None and now - permit.sent_at >= _SLOW_S:
        admission.fail()
