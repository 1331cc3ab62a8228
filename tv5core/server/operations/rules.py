"""The table of alerts as Prometheus' rules, in YAML."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tv5core.server.operations.alerts import ALERTS, BURN_RATES, Alert, Burn

__all__ = ["WINDOWS", "rules"]

_API = 'route=~"/v1/.*"'
_BUDGET = 0.05
WINDOWS = ("1m", "5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")


def rules(*, demo: bool = False) -> str:
    """Return the file of rules.

    Parameters
    ----------
    demo : bool
        With the thresholds of a demonstration.
    """
    lines = ["groups:", "  - name: tv5-recorded", "    interval: 15s", "    rules:"]
    for window in WINDOWS:
        lines += _recorded(f"tv5:errors:ratio_{window}", _error_ratio(window))
    lines += _recorded("tv5:error_budget:left", f"1 - tv5:errors:ratio_30d / {_BUDGET:g}")
    lines += ["  - name: tv5-alerts", "    interval: 15s", "    rules:"]
    for alert in ALERTS:
        lines += _alert(alert, demo=demo)
    for burn in BURN_RATES:
        lines += _burn(burn)
    return "\n".join(lines) + "\n"


def _error_ratio(window: str) -> str:
    """Return the share of errors; 0 of requests none of which failed."""
    failed = f'sum(rate(http_requests_total{{{_API},status=~"5.."}}[{window}]))'
    every = f"sum(rate(http_requests_total{{{_API}}}[{window}]))"
    return f"({failed} or 0 * {every}) / ({every} > 0)"


def _recorded(name: str, expression: str) -> list[str]:
    return [f"      - record: {name}", f"        expr: {json.dumps(expression)}"]


def _alert(alert: Alert, *, demo: bool) -> list[str]:
    threshold = f"{alert.demo if demo else alert.threshold:g}"
    return list(
        _lines(
            alert.name,
            alert.expression(demo=demo),
            alert.holds,
            alert.severity,
            alert.summary.format(threshold=threshold),
            alert.action,
        )
    )


def _burn(burn: Burn) -> list[str]:
    limit = f"{burn.factor * _BUDGET:g}"
    expression = (
        f"tv5:errors:ratio_{burn.long} > {limit} and tv5:errors:ratio_{burn.short} > {limit}"
    )
    return list(
        _lines(
            f"Tv5ErrorBudgetBurn{burn.long}",
            expression,
            "1m",
            burn.severity,
            f"Errors spend {burn.spent} (5 % in 30 days)",
            "As for Tv5ErrorsCritical; what is left of the budget is tv5:error_budget:left.",
        )
    )


def _lines(
    name: str, expression: str, holds: str, severity: str, summary: str, action: str
) -> Iterator[str]:
    yield f"      - alert: {name}"
    yield f"        expr: {json.dumps(expression)}"
    yield f"        for: {holds}"
    yield "        labels:"
    yield f"          severity: {severity}"
    yield "        annotations:"
    yield f"          summary: {json.dumps(summary)}"
    yield f"          description: {json.dumps(action)}"
    yield f'          runbook: "docs/guide/operations.md#{name.lower()}"'
