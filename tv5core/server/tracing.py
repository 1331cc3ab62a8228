"""Traces by OpenTelemetry: a span a request, with the stages of cache, providers and search below.

Only OpenTelemetry's API is needed, which does nothing without an SDK: then no span is made, and the
context that a client sends (W3C ``traceparent``) is still passed on to providers. An SDK comes from
the program around the gateway, or from the setting ``otlp_endpoint`` (extra ``otlp``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from importlib.metadata import version
from time import perf_counter
from types import TracebackType
from typing import Any, Protocol

from aiohttp import web
from opentelemetry import context, trace
from opentelemetry.trace import ProxyTracerProvider, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tv5core.errors import InvalidInputError
from tv5core.server.settings import Settings

__all__ = ["RequestStages", "Timings", "Tracing", "open_tracing"]

_W3C = TraceContextTextMapPropagator()
_PLANS = ("walk", "scan", "exact")
"""How segments are searched; where they differ, the first of these names the search."""
_OTHER_PLAN = "words"
_SEARCH = frozenset({*_PLANS, "search", "plan", "match", "rescore", "rank", "decode"})
_NOTHING: AbstractContextManager[Any] = nullcontext()
_NO_SPAN: AbstractContextManager[Span] = nullcontext(trace.INVALID_SPAN)
_OFF = (ProxyTracerProvider, trace.NoOpTracerProvider)

_plans: ContextVar[set[str] | None] = ContextVar("tv5core_plans", default=None)


class Timings(Protocol):
    """Takes what stages took."""

    def searching(self, change: int) -> None:
        """Note that a search began (1) or ended (-1)."""

    def searched(self, plan: str, seconds: float) -> None:
        """Note a search."""

    def passed(self, stage: str, seconds: float) -> None:
        """Note a stage of a search."""


class Tracing:
    """Makes spans.

    Parameters
    ----------
    provider : TracerProvider, optional
        Of an SDK; by default the one that the program has set, if any.
    close : callable, optional
        Called at the end, such as to send what is left.
    """

    def __init__(
        self, provider: trace.TracerProvider | None = None, close: Callable[[], None] = lambda: None
    ) -> None:
        self._provider, self._close = provider, close
        self._tracer = trace.get_tracer("tv5core", version("tv5core"), tracer_provider=provider)

    @property
    def is_on(self) -> bool:
        """Whether there is an SDK."""
        # Asked for each request; isinstance would take ten times as long, as both are abstract.
        return type(self._provider or trace.get_tracer_provider()) not in _OFF

    def request(self, request: web.Request, route: str) -> AbstractContextManager[Span]:
        """Return the span of a request, a child of the client's where it sent one."""
        if not self.is_on and "traceparent" not in request.headers:
            return _NO_SPAN
        return self._request(request, route)

    @contextmanager
    def _request(self, request: web.Request, route: str) -> Iterator[Span]:
        headers = request.headers
        parent = _W3C.extract(headers) if "traceparent" in headers else context.Context()
        token = context.attach(parent)
        try:
            if not self.is_on:
                yield trace.get_current_span()
                return
            attributes = {"http.request.method": request.method, "http.route": route}
            with self._tracer.start_as_current_span(
                f"{request.method} {route}", kind=SpanKind.SERVER, attributes=attributes
            ) as span:
                yield span
        finally:
            context.detach(token)

    def stage(self, name: str) -> AbstractContextManager[Any]:
        """Return the span of a stage; nothing where the request is not recorded."""
        if not trace.get_current_span().is_recording():
            return _NOTHING
        kind = SpanKind.CLIENT if name == "upstream" else SpanKind.INTERNAL
        return self._tracer.start_as_current_span(f"tv5.{name}", kind=kind)

    async def close(self) -> None:
        """Send what is left."""
        await asyncio.to_thread(self._close)


def end_request(span: Span, status: int) -> str | None:
    """Note how a request ended; return its trace's id where it is kept."""
    if not span.is_recording():
        return None
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))
    found = span.get_span_context()
    return f"{found.trace_id:032x}" if found.trace_flags.sampled else None


class RequestStages:
    """Listens to the stages of one request; implements ``tv5core.observing.Stages``.

    Parameters
    ----------
    tracing : Tracing
    timings : Timings
    """

    def __init__(self, tracing: Tracing, timings: Timings) -> None:
        self._tracing, self._timings = tracing, timings

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Trace a stage, and time those of searches."""
        span = self._tracing.stage(name)
        return _TimedStage(name, span, self._timings) if name in _SEARCH else span

    def headers(self) -> Mapping[str, str]:
        """Return the context for the request that is sent."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier


class _TimedStage:
    """A stage of a search."""

    __slots__ = ("_name", "_span", "_started", "_timings", "_token")

    def __init__(self, name: str, span: AbstractContextManager[Any], timings: Timings) -> None:
        self._name, self._span, self._timings = name, span, timings

    def __enter__(self) -> None:
        self._span.__enter__()
        if self._name == "search":
            self._token = _plans.set(set())
            self._timings.searching(1)
        elif self._name in _PLANS and (plans := _plans.get()) is not None:
            plans.add(self._name)
        self._started = perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        seconds = perf_counter() - self._started
        if self._name == "search":
            plans = _plans.get() or ()
            _plans.reset(self._token)
            plan = next((one for one in _PLANS if one in plans), _OTHER_PLAN)
            if error is None:
                self._timings.searched(plan, seconds)
            self._timings.searching(-1)
        else:
            self._timings.passed(self._name, seconds)
        self._span.__exit__(kind, error, traceback)


def open_tracing(settings: Settings) -> Tracing:
    """Return what traces as the settings say.

    Raises
    ------
    InvalidInputError
        There is no extra ``otlp`` to send traces by.
    """
    if settings.otlp_endpoint is None:
        return Tracing()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            f"setting otlp_endpoint needs {error.name}: pip install 'tv5core[otlp]'"
        ) from error
    provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(settings.trace_share),
        resource=Resource.create({"service.name": "tv5core"}),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=settings.otlp_endpoint, timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider, provider.shutdown)
