"""The dashboard's five rows of three panels, with their queries."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ROWS", "Panel"]

_API = 'route=~"/v1/.*"'
_RATE = "[$__rate_interval]"


@dataclass(frozen=True)
class Panel:
    """A panel: a title, a unit of Grafana, and queries with their legends."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"


def _percentiles(metric: str, by: str = "") -> tuple[tuple[str, str], ...]:
    labels = f"le, {by}" if by else "le"
    legend = f" {{{{{by}}}}}" if by else ""
    return tuple(
        (
            (
                f"histogram_quantile({share / 100:g}, "
                f"sum by ({labels}) (rate({metric}_bucket{_RATE})))"
            ),
            f"p{share}{legend}",
        )
        for share in ((50, 95, 99) if not by else (95,))
    )


def _per_second(metric: str, by: str, where: str = "") -> tuple[tuple[str, str], ...]:
    legend = " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(","))
    return ((f"sum by ({by}) (rate({metric}{where}{_RATE}))", legend),)


_LOOKUPS = f"sum(rate(tv5_cache_lookups_total{_RATE}))"

ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "API",
        (
            Panel("Requests", "reqps", _per_second("http_requests_total", "route, status")),
            Panel("Latency", "s", _percentiles("tv5_request_duration_seconds")),
            Panel(
                "Errors",
                "percentunit",
                (
                    (
                        (f'(sum(rate(http_requests_total{{{_API},status=~"5.."}}{_RATE})) or '
                        f"0 * sum(rate(http_requests_total{{{_API}}}{_RATE}))) / "
                        f"sum(rate(http_requests_total{{{_API}}}{_RATE}))"),
                        "errors",
                    ),
                    ((f"sum by (tier) (rate(tv5_answers_total{_RATE})) / on () group_left "
                     f"sum(rate(tv5_answers_total{_RATE}))"), "answers: {{tier}}"),
                ),
            ),
        ),
    ),
    (
        "Cache",
        (
            Panel(
                "Hits by layer",
                "percentunit",
                (((f"sum by (tier) (rate(tv5_cache_hits_total{_RATE})) / on () group_left "
                  f"{_LOOKUPS}"), "{{tier}}"),),
            ),
            Panel(
                "Hits by kind",
                "percentunit",
                (
                    (
                        (f"1 - (sum by (kind) (rate(tv5_cache_loads_total{_RATE})) / on (kind) "
                        f"(sum by (kind) (rate(tv5_cache_lookups_total{_RATE})) > 0))"),
                        "{{kind}}",
                    ),
                ),
            ),
            Panel(
                "Top kinds: look-ups, values, bytes",
                "short",
                (
                    (f"topk(5, sum by (kind) (rate(tv5_cache_lookups_total{_RATE})))",
                     "{{kind}} look-ups/s"),
                    ("topk(5, sum by (kind) (tv5_cache_entries))", "{{kind}} values"),
                    ("sum by (tier) (tv5_cache_bytes)", "{{tier}} bytes"),
                ),
            ),
        ),
    ),
    (
        "Providers",
        (
            Panel(
                "Requests of what is allowed",
                "short",
                (
                    ("sum by (provider) (tv5_limiter_used)", "{{provider}} used"),
                    ("max by (provider) (tv5_limiter_contract)", "{{provider}} allowed"),
                ),
            ),
            Panel(
                "Latency of calls and connections",
                "s",
                (
                    *_percentiles("tv5_upstream_request_duration_seconds", "provider"),
                    ((f"histogram_quantile(0.5, sum by (le, provider) "
                     f"(rate(tv5_upstream_connect_duration_seconds_bucket{_RATE})))"),
                     "{{provider}} connect"),
                ),
            ),
            Panel(
                "Outcomes and breakers",
                "short",
                (
                    *_per_second("tv5_upstream_requests_total", "provider, outcome"),
                    ("max by (provider) (tv5_breaker_open)", "{{provider}} breaker"),
                ),
            ),
        ),
    ),
    (
        "Search",
        (
            Panel("Latency by plan", "s", _percentiles("tv5_search_duration_seconds", "plan")),
            Panel(
                "Searches and stages",
                "short",
                (
                    *_per_second("tv5_search_duration_seconds_count", "plan"),
                    ((f"sum by (stage) (rate(tv5_search_stage_duration_seconds_sum{_RATE})) / "
                     f"sum by (stage) (rate(tv5_search_stage_duration_seconds_count{_RATE}))"),
                     "{{stage}} s"),
                ),
            ),
            Panel(
                "Recall@10, live",
                "percentunit",
                ((("sum(rate(tv5_search_recall_at_10_sum[15m])) / "
                  "sum(rate(tv5_search_recall_at_10_count[15m]))"), "recall"),),
            ),
        ),
    ),
    (
        "Infrastructure",
        (
            Panel(
                "Processors, memory, disk",
                "percentunit",
                (
                    ("max(tv5_machine_cpu_ratio)", "processors"),
                    ("max(tv5_machine_memory_ratio)", "memory"),
                    ("max(tv5_machine_disk_ratio)", "disk"),
                ),
            ),
            Panel(
                "Processes",
                "short",
                (
                    ("sum(tv5_process_resident_bytes)", "bytes"),
                    ("sum(tv5_process_open_files)", "descriptors"),
                    ("sum(tv5_workers)", "workers"),
                    ("max(tv5_event_loop_lag_seconds)", "lag of the loop, s"),
                ),
            ),
            Panel(
                "Store",
                "short",
                (
                    ("max(tv5_store_titles)", "titles"),
                    ("max(tv5_store_vectors)", "vectors"),
                    ("max(tv5_store_live_rows)", "live rows"),
                    ("max(tv5_store_bytes)", "bytes"),
                ),
            ),
        ),
    ),
)  # fmt: skip
