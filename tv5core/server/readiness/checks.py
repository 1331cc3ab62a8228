"""The checklist before a demonstration: what a running gateway shows, against what is required."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from tv5core.data import demo_titles
from tv5core.server.readiness.asking import Asking, listed_ids, title_path

__all__ = ["Check", "check_gateway", "check_static_set"]

_PROBES = 40
_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)$")
_HIT_RATIO, _P95_MS, _SEARCH_P95_MS, _RECALL, _GROWTH = 0.90, 300.0, 150.0, 0.95, 1.05
_QUERIES = ("heist", "space war", "family on an island", "detective in paris", "robots",
            "love in war", "true crime", "ghost in a school")  # fmt: skip


class Check(msgspec.Struct, frozen=True):
    """One line of the checklist.

    Attributes
    ----------
    name, target, measured : str
    result : {"pass", "fail", "unknown"}
        Unknown where the gateway does not show it; that is no pass.
    """

    name: str
    target: str
    measured: str
    result: Literal["pass", "fail", "unknown"]


def _judged(name: str, target: str, measured: str, passed: bool | None) -> Check:
    return Check(name, target, measured, "unknown" if passed is None else _word(passed))


def _word(passed: bool) -> Literal["pass", "fail"]:
    return "pass" if passed else "fail"


async def check_gateway(asking: Asking) -> list[Check]:
    """Run the checklist.

    Raises
    ------
    UnreachableError
        No gateway answers.
    """
    before, _ = await _metrics(asking)
    statuses, times, searches = await _probe(asking)
    after, seen = await _metrics(asking)
    bad = [status for status in statuses if status >= 500 or status == 429]
    p95, search_p95 = _p95(times), _p95(searches)
    return [
        _judged("answers", "no 5xx, no 429", f"{len(bad)} of {len(statuses)}", not bad),
        _hit_ratio(before, after),
        _judged("p95", f"< {_P95_MS:.0f} ms", f"{p95:.1f} ms", p95 < _P95_MS),
        _judged(
            "search p95", f"< {_SEARCH_P95_MS:.0f} ms", f"{search_p95:.1f} ms",
            search_p95 < _SEARCH_P95_MS,
        ),
        _recall(after),
        _refused(after),
        _memory(before, after),
        _judged("metrics", "visible", seen, bool(after)),
    ]  # fmt: skip


async def _probe(asking: Asking) -> tuple[list[int], list[float], list[float]]:
    """Ask for trending titles, which every plan loads, and for fresh searches."""
    answer = await asking.get("/v1/trending", k=_PROBES)
    listed = [] if answer.status != 200 else listed_ids(answer.body)
    answers = [await asking.get(title_path(name)) for name in listed]
    answers += [await asking.get(title_path(name)) for name in listed]
    fresh = [
        await asking.get("/v1/search", q=f"{query} {n}", mode="semantic")
        for n in range(5)
        for query in _QUERIES
    ]
    statuses = [each.status for each in (answer, *answers, *fresh)]
    return statuses, [each.ms for each in (answer, *answers)], [each.ms for each in fresh]


def _p95(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[max(0, -(-95 * len(ordered) // 100) - 1)] if ordered else float("inf")


async def _metrics(asking: Asking) -> tuple[dict[str, float], str]:
    """Return the samples of ``/metrics``, and in words how many; none where it is not shown."""
    answer = await asking.get("/metrics")
    if answer.status == 401:
        return {}, "401: needs the gateway's metrics_token, see --metrics-token-file"
    if answer.status != 200 or not isinstance(answer.body, str):
        return {}, f"status {answer.status}"
    found = {}
    for line in answer.body.splitlines():
        if match := _SAMPLE.match(line):
            found[match[1] + (match[2] or "")] = float(match[3])
    return found, f"{len(found)} series"


def _sum(metrics: dict[str, float], name: str, *having: str) -> float | None:
    """Return the sum of a metric's samples whose labels have some text; None for no sample."""
    found = [
        value
        for key, value in metrics.items()
        if key.partition("{")[0] == name and all(text in key for text in having)
    ]
    return sum(found) if found else None


def _hit_ratio(before: dict[str, float], after: dict[str, float]) -> Check:
    """Of the titles that were asked for; a look-up is a hit where no loader ran."""
    looks, loads = (
        (_sum(after, name, 'kind="title"') or 0.0) - (_sum(before, name, 'kind="title"') or 0.0)
        for name in ("tv5_cache_lookups_total", "tv5_cache_loads_total")
    )
    ratio = None if looks <= 0 else max(0.0, 1 - loads / looks)
    shown = "not shown" if ratio is None else f"{ratio:.3f}"
    passed = None if ratio is None else ratio > _HIT_RATIO
    return _judged("hit ratio of titles", f"> {_HIT_RATIO:.0%}", shown, passed)


def _recall(metrics: dict[str, float]) -> Check:
    total = _sum(metrics, "tv5_search_recall_at_10_sum")
    count = _sum(metrics, "tv5_search_recall_at_10_count")
    recall = None if not count or total is None else total / count
    shown = "no sample yet" if recall is None else f"{recall:.3f} of {count:.0f} samples"
    return _judged("recall@10", f"> {_RECALL}", shown, None if recall is None else recall > _RECALL)


def _refused(metrics: dict[str, float]) -> Check:
    if not metrics:
        return _judged("429 of providers", "0", "not shown", None)
    refused = _sum(metrics, "tv5_upstream_attempts_total", 'status="429"') or 0.0
    return _judged("429 of providers", "0", f"{refused:.0f}", refused == 0)


def _memory(before: dict[str, float], after: dict[str, float]) -> Check:
    then, now = (_sum(some, "tv5_process_resident_bytes") for some in (before, after))
    if not then or now is None:
        return _judged("memory", f"< x{_GROWTH}", "not shown", None)
    return _judged(
        "memory", f"< x{_GROWTH}", f"x{now / then:.3f}, {now / 2**20:.0f} MiB", now / then < _GROWTH
    )


async def check_static_set(asking: Asking) -> Check:
    """Check that a title that ships is answered by a gateway whose provider is out of reach."""
    titles = demo_titles()
    answer = await asking.get(title_path(titles[0].id))
    passed = answer.status == 200 and answer.tier in ("cached", "static")
    return _judged(
        "failover, fallback set", "200, cached or static",
        f"{answer.status}, {answer.tier or 'no tier'}", passed,
    )  # fmt: skip
