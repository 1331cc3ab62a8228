"""The page for operators says of every alert what it is and what to do."""

from __future__ import annotations

from pathlib import Path

from tv5core.server.operations.alerts import ALERTS, BURN_RATES

PAGE = (Path(__file__).parents[3] / "docs/guide/operations.md").read_text("utf-8")


def test_the_table_has_the_thresholds_of_the_rules() -> None:
    for alert in ALERTS:
        row = f"| {alert.sign} {alert.threshold:g} | {alert.demo:g} | {alert.holds} |"
        assert f"| {alert.name} | {alert.severity} {row}" in PAGE


def test_every_alert_has_a_line_in_the_runbook() -> None:
    for alert in ALERTS:
        assert f"### {alert.name}\n" in PAGE
        assert alert.action in PAGE
    for burn in BURN_RATES:
        assert f"### Tv5ErrorBudgetBurn{burn.long}\n" in PAGE
