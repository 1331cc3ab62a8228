"""Metrics: the gateway's measurements of one process, and of all of them together."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version

import msgspec
from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry

from tv5core.server.metrics.batch import RequestBatch
from tv5core.server.metrics.events import EventLog
from tv5core.server.metrics.exposition import Exemplars, expose, shared_folder, summed
from tv5core.server.metrics.figures import Figures
from tv5core.server.metrics.history import NAMES, History
from tv5core.server.metrics.instruments import FINE_BUCKETS, HTTP_BUCKETS, Instruments
from tv5core.server.metrics.observer import PrometheusObserver
from tv5core.server.metrics.recall import RecallSampler
from tv5core.server.metrics.statsd import StatsdSender
from tv5core.server.metrics.totals import Totals
from tv5core.server.settings import Settings

__all__ = ["Metrics"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
_API = "/v1/"


class _ProblemType(msgspec.Struct):
    type: str = ""


_problem = msgspec.json.Decoder(_ProblemType)


class Metrics:
    """Measures a gateway.

    Parameters
    ----------
    settings : Settings

    Attributes
    ----------
    observer : PrometheusObserver
        For cache and providers.
    events : EventLog
    on_read : callable
        Called before the metrics are read, to set what is set once a second otherwise.

    Raises
    ------
    InvalidInputError
        ``statsd_address`` is no address.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._to = Instruments(CollectorRegistry())
        self._all = summed(self._to.registry)
        self._exemplars = Exemplars()
        self.events = EventLog(shared_folder())
        self.observer = PrometheusObserver(self._to, self.events)
        self._history = History(self._totals, self.events.latest, version("tv5core"))
        self._statsd = None
        if settings.statsd_address is not None:
            self._statsd = StatsdSender(settings.statsd_address)
        self._recall: RecallSampler | None = None
        self._in_progress = 0
        self._batch = RequestBatch(self._to)
        self.on_read: Callable[[], None] = lambda: None

    # -- what is shown --------------------------------------------------------------------

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Return the metrics of all processes as text, and its content type.

        Parameters
        ----------
        accept : str
            What the scraper accepts; exemplars are in OpenMetrics only.
        """
        self.flush()
        return expose(self._all, self._exemplars, accept)

    def figures(self, now: float | None = None) -> Figures:
        """Return what the live page shows, of all processes; for any thread."""
        return self._history.figures(time.time() if now is None else now)

    def _totals(self, now: float) -> Totals:
        self.flush()
        return Totals.of(now, self._all, NAMES)

    async def scraped(self, request: web.Request) -> web.Response:
        """Answer ``/metrics``."""
        self.on_read()
        accept = request.headers.get(hdrs.ACCEPT, "")
        text, content_type = await asyncio.to_thread(self.exposition, accept)
        return web.Response(body=text, headers={hdrs.CONTENT_TYPE: content_type})

    # -- searches: what tracing.RequestStages tells -----------------------------------------

    def searching(self, change: int) -> None:
        """Note that a search began (1) or ended (-1)."""
        self._to.searching.inc(change)

    def searched(self, plan: str, seconds: float) -> None:
        """Note a search."""
        self._to.search_s.labels(plan).observe(seconds)

    def passed(self, stage: str, seconds: float) -> None:
        """Note a stage of a search."""
        self._to.stage_s.labels(stage).observe(seconds)

    # -- requests -------------------------------------------------------------------------

    def began(self, route: str) -> None:
        """Note that a request came."""
        if route.startswith(_API):
            self._in_progress += 1

    def flush(self) -> None:
        """Add what requests counted to the instruments; every second, and before they are read."""
        self._batch.flush()
        self._to.in_progress.set(self._in_progress)
        self._to.waiting.set(max(0, self._in_progress - self._settings.max_concurrency))

    def ended(
        self,
        request: web.Request,
        route: str,
        status: int,
        answer: web.StreamResponse | None,
        seconds: float,
        trace: str | None,
    ) -> None:
        """Note an answer, or that there is none because the client left (499)."""
        method = request.method if request.method in _METHODS else "OTHER"
        self._batch.request(method, route, status)
        if answer is None or answer.headers.get(hdrs.CONTENT_TYPE) != "text/event-stream":
            self._batch.duration(method, route, seconds)
            if trace is not None:
                labels = {"method": method, "route": route}
                name = "http_request_duration_seconds"
                self._exemplars.note(name, labels, HTTP_BUCKETS, seconds, trace)
        if status >= 400:
            self._to.errors.labels(method, route, error_type(status, answer)).inc()
        if route.startswith(_API):
            self._in_progress -= 1
            self._ended_api(status, answer, seconds, trace)
        recall = self._recall
        if route == "/v1/search" and status == 200 and recall is not None and recall.draws():
            recall.choose(request.query.get("q", ""), request.query.get("where", ""))

    def unparsed(self, answer: web.StreamResponse) -> None:
        """Note an answer to what is no request, or to one that no route has seen."""
        self._batch.request("OTHER", "unparsed", answer.status)
        self._to.errors.labels("OTHER", "unparsed", error_type(answer.status, answer)).inc()

    def _ended_api(
        self, status: int, answer: web.StreamResponse | None, seconds: float, trace: str | None
    ) -> None:
        tier = None
        if status < 400 and answer is not None:
            tier = answer.headers.get("X-Tv5-Tier", "full")
        elif status >= 500:
            tier = "none"
        self._batch.api(seconds, tier)
        if trace is not None:
            name = "tv5_request_duration_seconds"
            self._exemplars.note(name, {}, FINE_BUCKETS, seconds, trace)

    # -- of this process ------------------------------------------------------------------

    @property
    def instruments(self) -> Instruments:
        """What the metrics of this process are."""
        return self._to

    def sample(self, sampler: RecallSampler) -> None:
        """Offer searches to a sampler of recall from now on."""
        self._recall = sampler

    def look(self) -> None:
        """Note the totals of now for the figures; for a thread, every few seconds."""
        self._history.look(time.time())

    def send(self) -> None:
        """Add what requests counted, and send to StatsD, where there is one; every second."""
        self.flush()
        if self._statsd is not None:
            self._statsd.send(self._to.registry)

    def close(self) -> None:
        """Send what is left, and stop."""
        self._recall = None
        self.flush()
        self._to.workers.set(0)
        if self._statsd is not None:
            self._statsd.send(self._to.registry)
            self._statsd.close()


def error_type(status: int, answer: web.StreamResponse | None) -> str:
    """Return the kind of an error: the last part of its problem's type, or its status."""
    body = getattr(answer, "body", None)
    if isinstance(body, bytes) and getattr(answer, "content_type", "").endswith("problem+json"):
        with contextlib.suppress(msgspec.MsgspecError):
            name = _problem.decode(body).type.rstrip("/").rpartition("/")[2]
            if name and name != "about:blank":
                return name.rpartition(":")[2][:60]
    return str(status)
