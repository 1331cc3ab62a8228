"""What was measured of a run, and whether it is what is required."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.load.scenarios import Scenario

__all__ = [
    "LEVELS",
    "MARKS",
    "Row",
    "Verdict",
    "hit_ratios",
    "judge",
    "levels",
    "percentile",
    "spread",
]

Row = tuple[float, str, float, int, str]
"""When, kind, milliseconds, status (0: no answer), tier."""

LEVELS = {
    "metadata": ("cached metadata", (20, 50, 100)),
    "search": ("vector search", (50, 150, 300)),
    "detail": ("aggregation", (100, 300, 500)),
    "semantic": ("cold semantic search", (150, 400, 800)),
    "availability": ("availability", (30, 100, 200)),
    "recommend": ("recommendations", (200, 600, 1000)),
}
"""Service levels: p50, p95 and p99 in milliseconds."""

MARKS = {True: "pass", False: "FAIL", None: "not judged"}
"""How a verdict is printed."""

_P95_MS = 300.0
_GROWTH = 1.10
_HITS = ("hit", "stale", "stale_hit")


@dataclass(frozen=True)
class Verdict:
    """One criterion: None where it could not be judged."""

    name: str
    target: str
    measured: str
    passed: bool | None


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value with at least this share of values at or below it."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]


def spread(rows: Sequence[Row]) -> list[float]:
    """Return p50, p95 and p99 of the milliseconds of what was answered; nothing for no answer."""
    took = [row[2] for row in rows if row[3]]
    return [round(percentile(took, share), 1) for share in (0.5, 0.95, 0.99)] if took else []


def levels(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return a row a kind: targets, a tenth of each, and p50, p95, p99 as clients saw them."""
    found = []
    for kind, (name, targets) in LEVELS.items():
        took = [row[2] for row in rows if row[1] == kind and row[3] == 200]
        if took:
            measured = [round(percentile(took, share), 1) for share in (0.5, 0.95, 0.99)]
            found.append({"kind": name, "requests": len(took), "target": targets,
                          "tenth": [target / 10 for target in targets],
                          "measured": measured})  # fmt: skip
    return found


def hit_ratios(before: dict[str, Any], after: dict[str, Any]) -> dict[str, float]:
    """Return the share of look-ups that no loader was run for, by kind of the cache.

    A look-up is a hit in memory or a miss there; each load that a loader did is one that missed.
    """
    found = {}
    for kind, now in after.items():
        then = before.get(kind, {})
        looks = sum(_grown(then, now, "memory", what) for what in ("hit", "miss"))
        loads = sum(_grown(then, now, "loader", what) for what in ("load", "failed"))
        if looks > 0:
            found[kind] = max(0.0, 1 - loads / looks)
            found[f"{kind} look-ups"] = looks
    return found


def _grown(then: dict[str, Any], now: dict[str, Any], tier: str, what: str) -> int:
    return int(now.get(tier, {}).get(what, 0)) - int(then.get(tier, {}).get(what, 0))


def judge(
    scenario: Scenario,
    rows: Sequence[Row],
    ratios: dict[str, float] | None,
    provider: dict[str, Any],
    contract: int,
    rss_bytes: Sequence[int],
    descriptors: Sequence[int] = (),
) -> list[Verdict]:
    """Return all criteria of a scenario."""
    answered = [row[2] for row in rows if row[3]]
    p95 = percentile(answered, 0.95) if answered else float("inf")
    bad = Counter(row[3] for row in rows if row[3] == 0 or row[3] >= 500)
    refused, busiest = provider["refused"], provider["busiest_second"]
    return [
        Verdict("p95", f"< {_P95_MS:.0f} ms", f"{p95:.1f} ms", p95 < _P95_MS),
        Verdict("5xx and lost", "0", str(dict(bad) or 0), not bad and bool(rows)),
        *_judge_hits(scenario.hit_ratio, ratios),
        Verdict("429 of the provider", "0", str(refused), refused == 0),
        Verdict("most in a sliding second", f"<= {contract}", str(busiest), busiest <= contract),
        _judge_flat("memory flat", rss_bytes, 2**20, "MiB"),
        _judge_flat("descriptors flat", descriptors, 1, "open"),
    ]


def _judge_hits(wanted: float | dict[str, float], ratios: dict[str, float] | None) -> list[Verdict]:
    if ratios is None:
        return [Verdict("hit ratio", str(wanted), "known of one worker only", None)]
    if isinstance(wanted, dict):
        return [_judge_ratio(kind, least, ratios.get(kind)) for kind, least in wanted.items()]
    kinds = [kind for kind in ratios if not kind.endswith("look-ups")]
    looks = sum(ratios[f"{kind} look-ups"] for kind in kinds)
    hits = sum(ratios[kind] * ratios[f"{kind} look-ups"] for kind in kinds)
    return [_judge_ratio("all", wanted, hits / looks if looks else None)]


def _judge_ratio(kind: str, least: float, ratio: float | None) -> Verdict:
    measured = "no look-ups" if ratio is None else f"{ratio:.3f}"
    passed = ratio is not None and ratio > least
    return Verdict(f"hit ratio, {kind}", f"> {least:.2f}", measured, passed)


def _judge_flat(name: str, values: Sequence[int], unit: int, shown_as: str) -> Verdict:
    """Compare the last fifth with the fifth in the middle: caches fill at the beginning."""
    part = len(values) // 5
    if part < 3:
        return Verdict(name, f"< x{_GROWTH}", "too short to judge", None)
    middle, last = values[2 * part : 3 * part], values[-part:]
    grown = (sum(last) / len(last)) / max(1.0, sum(middle) / len(middle))
    shown = f"x{grown:.3f}, {max(last) / unit:.0f} {shown_as}"
    return Verdict(name, f"< x{_GROWTH}", shown, grown < _GROWTH)
