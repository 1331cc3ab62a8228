"""Every alert: what is compared, from when on, and what to do about it.

Ratios are 0 to 1, durations seconds. Where the requirements name two thresholds, ``why`` says which
was taken. ``demo`` is the threshold for a demonstration, where one machine does everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ALERTS", "BURN_RATES", "Alert", "Burn"]

Severity = Literal["critical", "warning", "info"]

_API = 'route=~"/v1/.*"'


@dataclass(frozen=True)
class Alert:
    """One alert.

    Attributes
    ----------
    name : str
    severity : {"critical", "warning", "info"}
    value : str
        What is compared, in PromQL.
    sign : str
        ``>`` or ``<``.
    threshold, demo : float
    holds : str
        For how long it must be so; ``0s`` for at once.
    summary : str
    action : str
        What to do, for the runbook.
    why : str
        Which of two thresholds was taken.
    given : str
        A further condition, in PromQL.
    """

    name: str
    severity: Severity
    value: str
    sign: str
    threshold: float
    demo: float
    holds: str
    summary: str
    action: str
    why: str = ""
    given: str = ""

    def expression(self, *, demo: bool = False) -> str:
        """Return the condition in PromQL."""
        found = f"{self.value} {self.sign} {self.demo if demo else self.threshold:g}"
        return f"({found}) and {self.given}" if self.given else found


@dataclass(frozen=True)
class Burn:
    """How fast the error budget may be spent: ``factor`` times what lasts for 30 days."""

    severity: Severity
    factor: float
    long: str
    short: str
    spent: str


BURN_RATES = (
    Burn("critical", 14.4, "1h", "5m", "2 % of the budget in an hour"),
    Burn("critical", 6.0, "6h", "30m", "5 % of the budget in six hours"),
    Burn("warning", 3.0, "1d", "2h", "10 % of the budget in a day"),
    Burn("info", 1.0, "3d", "6h", "10 % of the budget in three days"),
)
"""Two windows each, so that an alert comes early and ends soon after its cause: chapter 5 of "The
Site Reliability Workbook" (Google, 2018)."""


def _quantile(share: float) -> str:
    return (
        f"histogram_quantile({share}, sum by (le) "
        f"(rate(http_request_duration_seconds_bucket{{{_API}}}[1m])))"
    )


_P95, _P99 = _quantile(0.95), _quantile(0.99)
_RATE = f"sum(rate(http_requests_total{{{_API}}}[5m]))"
_BEFORE = f"sum(rate(http_requests_total{{{_API}}}[5m] offset 1h))"
_EVICTED = 'sum(rate(tv5_cache_evictions_total{reason="capacity"}[10m]))'
_EVICTED_BEFORE = 'sum(rate(tv5_cache_evictions_total{reason="capacity"}[10m] offset 1h))'
_HITS = "1 - sum(rate(tv5_cache_loads_total[5m])) / (sum(rate(tv5_cache_lookups_total[5m])) > 0)"
_LIMITER = (
    "sum by (provider) (avg_over_time(tv5_limiter_used[1m])) "
    "/ on (provider) max by (provider) (tv5_limiter_rate)"
)
_CONNECT = (
    "histogram_quantile(0.5, sum by (le, provider) "
    "(rate(tv5_upstream_connect_duration_seconds_bucket[5m])))"
)
_SLOW = (
    "histogram_quantile(0.95, sum by (le, provider) "
    "(rate(tv5_upstream_request_duration_seconds_bucket[5m])))"
)

ALERTS = (
    Alert(
        "Tv5LatencyCritical", "critical", _P95, ">", 0.5, 1.5, "2m",
        "95 % of the answers take longer than {threshold} s",
        "See which route and which stage is slow on the dashboard. Processors full: add workers "
        "or shed load (max_concurrency). Provider slow: its breaker should open; lower "
        "live_deadline_s.",
        "500 ms for 2 minutes and 300 ms for 2 minutes are both named critical; the first was "
        "taken, and 300 ms warns.",
    ),
    Alert(
        "Tv5TailLatencyCritical", "critical", _P99, ">", 1.0, 3.0, "2m",
        "99 % of the answers take longer than {threshold} s",
        "Look at exemplars of the slow buckets, and at the lag of the event loop.",
        "No duration is named; two minutes, as for p95.",
    ),
    Alert(
        "Tv5ErrorsCritical", "critical", "tv5:errors:ratio_1m", ">", 0.05, 0.1, "1m",
        "More than {threshold} of the answers are errors of the gateway",
        "See http_request_errors_total by error_type, then the log for the request ids.",
    ),
    Alert(
        "Tv5NoHeartbeat", "critical", "time() - min(tv5_heartbeat_timestamp_seconds)", ">",
        30, 60, "0s", "A worker has not turned its event loop for {threshold} s",
        "The supervisor replaces a worker that hangs; if it does not, restart the gateway and "
        "keep the log.",
    ),
    Alert(
        "Tv5Down", "critical", 'min(up{job="tv5"})', "<", 1, 1, "30s",
        "The gateway cannot be scraped",
        "Is the process there? journalctl or the container's log says why not.",
        "Part of 'no heartbeat': a process that is gone has none to be old.",
    ),
    Alert(
        "Tv5MemoryCritical", "critical", "max(tv5_machine_memory_ratio)", ">", 0.95, 0.98, "1m",
        "More than {threshold} of the memory is in use",
        "Lower l1_bytes or the number of workers; sealing needs room for one more graph.",
    ),
    Alert(
        "Tv5LatencyHigh", "warning", _P95, ">", 0.3, 1.0, "5m",
        "95 % of the answers take longer than {threshold} s", "As for Tv5LatencyCritical.",
        "200 ms and 300 ms for 5 minutes are both named; both are kept, as two alerts.",
    ),
    Alert(
        "Tv5LatencyRising", "warning", _P95, ">", 0.2, 0.6, "5m",
        "95 % of the answers take longer than {threshold} s", "As for Tv5LatencyCritical.",
        "See Tv5LatencyHigh.",
    ),
    Alert(
        "Tv5ErrorsHigh", "warning", "tv5:errors:ratio_1m", ">", 0.01, 0.05, "2m",
        "More than {threshold} of the answers are errors of the gateway",
        "As for Tv5ErrorsCritical.",
    ),
    Alert(
        "Tv5HitRatioLow", "warning", _HITS, "<", 0.8, 0.5, "10m",
        "Less than {threshold} of the look-ups are answered by the cache",
        "After a restart: tv5 warm. Otherwise see which kind falls, and whether values are "
        "evicted for want of room (l1_bytes) or titles change all the time (freshness).",
    ),
    Alert(
        "Tv5LimiterNearlyFull", "warning", _LIMITER, ">", 0.9, 0.98, "5m",
        "More than {threshold} of the rate that we allow ourselves at a provider is used",
        "See which class waits; let bulk work run off-peak.",
        "Measured against our own rate (45 of TMDB's 50), which nothing exceeds.",
    ),
    Alert(
        "Tv5CpuHigh", "warning", "avg_over_time(max(tv5_machine_cpu_ratio)[5m:15s])", ">",
        0.8, 0.95, "5m", "More than {threshold} of the processors is in use",
        "Add a machine; see whether a sealing or a verification runs.",
        "5 and 10 minutes are both named; both are kept, as two alerts.",
    ),
    Alert(
        "Tv5CpuHighForLong", "warning", "avg_over_time(max(tv5_machine_cpu_ratio)[5m:15s])", ">",
        0.8, 0.95, "10m", "More than {threshold} of the processors is in use for long",
        "As for Tv5CpuHigh.", "See Tv5CpuHigh.",
    ),
    Alert(
        "Tv5MemoryHigh", "warning", "max(tv5_machine_memory_ratio)", ">", 0.9, 0.95, "5m",
        "More than {threshold} of the memory is in use", "As for Tv5MemoryCritical.",
    ),
    Alert(
        "Tv5DiskBusy", "warning", "avg_over_time(max(tv5_machine_disk_ratio)[5m:15s])", ">",
        0.8, 0.95, "5m", "The disk works more than {threshold} of the time",
        "Is a seal, a backup or a verification under way? Otherwise the catalogue no longer fits "
        "into memory.",
    ),
    Alert(
        "Tv5UpstreamConnectSlow", "warning", _CONNECT, ">", 0.05, 0.25, "5m",
        "A new connection to a provider takes longer than {threshold} s",
        "Compare with another machine: name look-up, route, TLS; keep connections open.",
        "The median of new connections.",
    ),
    Alert(
        "Tv5SearchThroughputLow", "warning",
        "sum(rate(tv5_search_duration_seconds_count[5m]))", "<", 50, 5, "5m",
        "Fewer than {threshold} searches a second although requests wait",
        "See the plans and stages of searches; is the catalogue sealed?",
        "Few searches are no fault where few are asked for: requests must wait for a place.",
        "sum(avg_over_time(tv5_requests_waiting[5m])) > 0",
    ),
    Alert(
        "Tv5UnusualTraffic", "info", f"{_RATE} / ({_BEFORE} > 1)", ">", 3, 10, "10m",
        "More than {threshold} times the requests of an hour ago",
        "A campaign, a crawler, or a client that retries without pause? See 429s by client.",
    ),
    Alert(
        "Tv5UpstreamSlow", "info", _SLOW, ">", 1, 3, "10m",
        "95 % of the calls to a provider take up to more than {threshold} s",
        "Answers come from the cache meanwhile; nothing to do unless it stays.",
    ),
    Alert(
        "Tv5EvictionsRising", "info", f"{_EVICTED} / ({_EVICTED_BEFORE} > 0.1)", ">", 2, 5, "10m",
        "More than {threshold} times the evictions of an hour ago",
        "Raise l1_bytes, or see which kind has grown.",
    ),
)  # fmt: skip
