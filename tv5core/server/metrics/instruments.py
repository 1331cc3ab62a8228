"""Instruments: every metric of the gateway, made once, in a registry of its own.

Names and labels follow Prometheus' conventions: base units, ``_total`` on counters, few values a
label. Routes are templates; no label holds an id, a query or a URL.

Several processes keep their values in files of one folder (``PROMETHEUS_MULTIPROC_DIR``), which
add up. Gauges say how: ``livesum`` adds the processes that live, ``livemax`` and ``livemin`` take
the largest and the smallest, where all look at the same thing.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

__all__ = ["FINE_BUCKETS", "HTTP_BUCKETS", "RECALL_BUCKETS", "SEARCH_BUCKETS", "Instruments"]

HTTP_BUCKETS = (0.01, 0.05, 0.1, 0.3, 0.5, 1.0, 3.0, 5.0)
FINE_BUCKETS = tuple(round(0.0002 * 1.25**step, 7) for step in range(54))
"""0.2 ms to 27 s in steps of a quarter: percentiles within 12 % of the truth."""
SEARCH_BUCKETS = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05),
    *(0.1, 0.15, 0.25, 0.5, 1.0),
)
RECALL_BUCKETS = (0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.99, 1.0)
_CONNECT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0)
_UPSTREAM_BUCKETS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0)
_DELAY_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0)
_STAGE_BUCKETS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


class Instruments:
    """All metrics, registered in ``registry``.

    Parameters
    ----------
    registry : CollectorRegistry
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry
        self._make_http()
        self._make_cache()
        self._make_upstream()
        self._make_search()
        self._make_machine()

    # -- makers ---------------------------------------------------------------------------

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)

    def _sum(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode="livesum")

    def _most(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode="livemax")

    def _least(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry, multiprocess_mode="livemin")

    # -- what there is --------------------------------------------------------------------

    def _make_http(self) -> None:
        self.requests = self._counter(
            "http_requests_total", "Requests answered.", "method", "route", "status"
        )
        self.durations = self._histogram(
            "http_request_duration_seconds",
            "Time to an answer; streams of events are not timed.",
            HTTP_BUCKETS,
            "method",
            "route",
        )
        self.errors = self._counter(
            "http_request_errors_total",
            "Answers of 400 and above.",
            "method",
            "route",
            "error_type",
        )
        self.fine = self._histogram(
            "tv5_request_duration_seconds", "Time to an answer below /v1, finely.", FINE_BUCKETS
        )
        self.answers = self._counter("tv5_answers_total", "Answers by what gave them.", "tier")
        self.in_progress = self._sum("tv5_requests_in_progress", "Requests being answered.")
        self.waiting = self._sum("tv5_requests_waiting", "Requests that wait for their turn.")

    def _make_cache(self) -> None:
        self.cache_hits = self._counter(
            "tv5_cache_hits_total", "Fresh values found.", "tier", "kind"
        )
        self.cache_lookups = self._counter("tv5_cache_lookups_total", "Values asked for.", "kind")
        self.cache_loads = self._counter(
            "tv5_cache_loads_total", "Runs of loaders.", "kind", "outcome"
        )
        self.cache_events = self._counter(
            "tv5_cache_events_total", "Everything else in the cache.", "tier", "kind", "event"
        )
        self.cache_evictions = self._counter(
            "tv5_cache_evictions_total", "Values evicted.", "tier", "reason"
        )
        self.cache_load_s = self._histogram(
            "tv5_cache_load_duration_seconds", "Time of loaders.", _UPSTREAM_BUCKETS, "kind"
        )
        self.cache_bytes = self._sum("tv5_cache_bytes", "Bytes in use.", "tier")
        self.cache_capacity = self._sum("tv5_cache_capacity_bytes", "Bytes there may be.", "tier")
        self.cache_entries = self._sum("tv5_cache_entries", "Values in memory.", "kind")
        self.cache_available = self._most("tv5_cache_available", "1 while in use.", "tier")
        self.server_hit_ratio = self._most(
            "tv5_cache_server_hit_ratio", "Share of the keys asked of Redis that it had.", "tier"
        )
        self.cache_partitions_away = self._most(
            "tv5_cache_partitions_unavailable", "Partitions of the tier that are away.", "tier"
        )
        self.events = self._counter(
            "tv5_events_total", "Events that say what has changed.", "source", "outcome"
        )

    def _make_upstream(self) -> None:
        self.calls = self._counter(
            "tv5_upstream_requests_total", "Calls to providers.", "provider", "outcome"
        )
        self.call_s = self._histogram(
            "tv5_upstream_request_duration_seconds",
            "Time of calls, waits and retries included.",
            _UPSTREAM_BUCKETS,
            "provider",
        )
        self.attempts = self._counter(
            "tv5_upstream_attempts_total", "Requests sent to providers.", "provider", "status"
        )
        self.call_events = self._counter(
            "tv5_upstream_events_total", "Retries, shared calls and others.", "provider", "event"
        )
        self.connect_s = self._histogram(
            "tv5_upstream_connect_duration_seconds",
            "Time to a new connection, TLS included.",
            _CONNECT_BUCKETS,
            "provider",
        )
        self.limiter_wait_s = self._histogram(
            "tv5_limiter_wait_seconds",
            "Time that calls waited for a permit.",
            (0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0),
            "provider",
            "class",
        )
        self.refusals = self._counter(
            "tv5_limiter_refusals_total", "Calls that would wait too long.", "provider", "class"
        )
        self.limiter_queue = self._sum(
            "tv5_limiter_queued", "Calls that wait for a permit.", "provider", "class"
        )
        self.limiter_used = self._sum(
            "tv5_limiter_used", "Requests sent in the last second.", "provider"
        )
        self.limiter_rate = self._most(
            "tv5_limiter_rate", "Requests a second we allow ourselves.", "provider"
        )
        self.limiter_contract = self._most(
            "tv5_limiter_contract", "Requests that the provider allows in any second.", "provider"
        )
        self.breaker_open = self._most(
            "tv5_breaker_open", "0 closed, 0.5 half open, 1 open.", "provider"
        )

    def _make_search(self) -> None:
        self.search_s = self._histogram(
            "tv5_search_duration_seconds", "Time of searches, by plan.", SEARCH_BUCKETS, "plan"
        )
        self.stage_s = self._histogram(
            "tv5_search_stage_duration_seconds", "Time of a stage.", _STAGE_BUCKETS, "stage"
        )
        self.recall = self._histogram(
            "tv5_search_recall_at_10",
            "Share of the ten true neighbours found, of a sample of real queries.",
            RECALL_BUCKETS,
        )
        self.searching = self._sum("tv5_searches_in_progress", "Searches being made.")
        self.threads = self._sum("tv5_pool_threads", "Threads that search.")
        self.titles = self._most("tv5_store_titles", "Titles.")
        self.vectors = self._most("tv5_store_vectors", "Vectors.")
        self.live_rows = self._most("tv5_store_live_rows", "Rows since the last sealing.")
        self.vectors_waiting = self._most(
            "tv5_store_vectors_waiting", "Vectors that a vector database does not have yet."
        )
        self.vectors_lag = self._most(
            "tv5_store_vectors_lag_changes",
            "Journal entries that a vector database is behind; -1 before all was sent once.",
        )
        self.vectors_reachable = self._least(
            "tv5_store_vectors_reachable", "0 where a vector database cannot be used, else 1."
        )
        self.store_bytes = self._most("tv5_store_bytes", "Bytes of the catalogue on disk.")

    def _make_machine(self) -> None:
        self.build = self._most("tv5_build_info", "1, by version.", "version", "python", "kernels")
        self.started = self._least("tv5_start_time_seconds", "When the oldest process started.")
        self.heartbeat = self._least(
            "tv5_heartbeat_timestamp_seconds", "When the event loop last turned; the oldest."
        )
        self.workers = self._sum("tv5_workers", "Processes that answer.")
        self.resident = self._sum("tv5_process_resident_bytes", "Memory of the processes.")
        self.files = self._sum("tv5_process_open_files", "Open descriptors.")
        self.cpu_s = self._counter("tv5_process_cpu_seconds_total", "Processor time.")
        self.lag = self._most(
            "tv5_event_loop_lag_seconds", "How late the loop was in the last second, at most."
        )
        self.delay = self._histogram(
            "tv5_event_loop_delay_seconds",
            "How late the loop woke what slept; 20 samples a second.",
            _DELAY_BUCKETS,
        )
        self.tasks = self._sum("tv5_event_loop_tasks", "Tasks that have not ended.")
        self.machine_cpu = self._most("tv5_machine_cpu_ratio", "Share of the processors in use.")
        self.machine_memory = self._most(
            "tv5_machine_memory_ratio", "Share in use of the memory of machine or container."
        )
        self.machine_disk = self._most(
            "tv5_machine_disk_ratio", "Share of the time that the busiest disk worked."
        )
