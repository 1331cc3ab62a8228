"""Every alert fires where it should and is quiet where it should not, says promtool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.server.operations.programs import needs, run
from tv5core.server.operations.alerts import ALERTS, BURN_RATES
from tv5core.server.operations.rules import rules

pytestmark = needs("promtool")

BOUNDS = (0.01, 0.05, 0.1, 0.3, 0.5, 1.0, 3.0, 5.0)
API = '{method="GET",route="/v1/search"'
STEPS = 400  # of 15 seconds
Series = dict[str, str]


def steady(rate: float) -> str:
    """A counter that grows by so much in 15 seconds."""
    return f"0+{rate}x{STEPS}"


def level(value: float) -> str:
    return f"{value}+0x{STEPS}"


def rising(before: float, after: float, steps: int = 240) -> str:
    """A counter that grows faster after some steps."""
    return f"0+{before}x{steps} {before * steps + after}+{after}x{STEPS - steps}"


def histogram(name: str, labels: str, bounds: tuple[float, ...], seconds: float) -> Series:
    """A histogram all of whose values lie in the bucket that ends at so many seconds."""
    found = {
        f'{name}_bucket{labels},le="{bound:g}"}}': steady(15 if bound >= seconds else 0)
        for bound in bounds
    }
    return {**found, f'{name}_bucket{labels},le="+Inf"}}': steady(15)}


def latency(seconds: float) -> Series:
    return histogram("http_request_duration_seconds", API, BOUNDS, seconds)


def answers(failed: float) -> Series:
    """100 answers every 15 seconds, so many of them errors."""
    return {
        f'http_requests_total{API},status="200"}}': steady(100 - failed),
        f'http_requests_total{API},status="500"}}': steady(failed),
    }


def looks(loads: float) -> Series:
    return {
        'tv5_cache_lookups_total{kind="title"}': steady(100),
        'tv5_cache_loads_total{kind="title",outcome="ok"}': steady(loads),
    }


def limiter(used: float) -> Series:
    return {
        'tv5_limiter_used{provider="tmdb"}': level(used),
        'tv5_limiter_rate{provider="tmdb"}': level(45),
    }


def gauge(name: str, value: float) -> Series:
    return {name: level(value)}


def traffic(before: float, after: float) -> Series:
    return {f'http_requests_total{API},status="200"}}': rising(before, after)}


def evictions(before: float, after: float) -> Series:
    return {'tv5_cache_evictions_total{tier="memory",reason="capacity"}': rising(before, after)}


def searches(rate: float, waiting: float) -> Series:
    return {
        'tv5_search_duration_seconds_count{plan="walk"}': steady(rate * 15),
        "tv5_requests_waiting": level(waiting),
    }


def connects(seconds: float) -> Series:
    name, bounds = "tv5_upstream_connect_duration_seconds", (0.01, 0.05, 0.1, 0.25, 0.5)
    return histogram(name, '{provider="tmdb"', bounds, seconds)


def calls(seconds: float) -> Series:
    name, bounds = "tv5_upstream_request_duration_seconds", (0.1, 0.5, 1.0, 2.0, 5.0)
    return histogram(name, '{provider="tmdb"', bounds, seconds)


CASES: dict[str, tuple[Series, list[Series]]] = {
    "Tv5LatencyCritical": (latency(3.0), [latency(0.5)]),
    "Tv5TailLatencyCritical": (latency(5.0), [latency(1.0)]),
    "Tv5ErrorsCritical": (answers(12), [answers(4), answers(0)]),
    "Tv5NoHeartbeat": (
        gauge("tv5_heartbeat_timestamp_seconds", 100),
        [{"tv5_heartbeat_timestamp_seconds": f"0+15x{STEPS}"}],
    ),
    "Tv5Down": (gauge('up{job="tv5"}', 0), [gauge('up{job="tv5"}', 1)]),
    "Tv5MemoryCritical": (
        gauge("tv5_machine_memory_ratio", 0.99),
        [gauge("tv5_machine_memory_ratio", 0.94)],
    ),
    "Tv5LatencyHigh": (latency(3.0), [latency(0.3)]),
    "Tv5LatencyRising": (latency(1.0), [latency(0.1)]),
    "Tv5ErrorsHigh": (answers(8), [answers(0.5)]),
    "Tv5HitRatioLow": (looks(60), [looks(10), looks(0), {}]),
    "Tv5LimiterNearlyFull": (limiter(44.9), [limiter(35)]),
    "Tv5CpuHigh": (gauge("tv5_machine_cpu_ratio", 0.97), [gauge("tv5_machine_cpu_ratio", 0.7)]),
    "Tv5CpuHighForLong": (
        gauge("tv5_machine_cpu_ratio", 0.97),
        [gauge("tv5_machine_cpu_ratio", 0.7)],
    ),
    "Tv5MemoryHigh": (
        gauge("tv5_machine_memory_ratio", 0.96),
        [gauge("tv5_machine_memory_ratio", 0.85)],
    ),
    "Tv5DiskBusy": (
        gauge("tv5_machine_disk_ratio", 0.97),
        [gauge("tv5_machine_disk_ratio", 0.7)],
    ),
    "Tv5UpstreamConnectSlow": (connects(0.5), [connects(0.05)]),
    "Tv5SearchThroughputLow": (searches(2, 3), [searches(2, 0), searches(80, 3)]),
    "Tv5UnusualTraffic": (traffic(30, 600), [traffic(30, 45), traffic(0, 600)]),
    "Tv5UpstreamSlow": (calls(5.0), [calls(0.5)]),
    "Tv5EvictionsRising": (evictions(10, 80), [evictions(10, 12)]),
}
"""For each alert, series at which it fires, also in a demonstration, and others at which not."""

BURNING = {f"Tv5ErrorBudgetBurn{burn.long}": burn.factor * 5 for burn in BURN_RATES}
CHANGING = {"Tv5UnusualTraffic", "Tv5EvictionsRising"}
"""Compared with an hour ago: the rates change after 60 minutes, and are looked at after 80."""


def unit_test(rules_file: str, tests: list[dict[str, Any]], every: str = "15s") -> str:
    """JSON is YAML."""
    return json.dumps({"rule_files": [rules_file], "evaluation_interval": every, "tests": tests})


def together(tests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join tests whose series are of different metrics: promtool evaluates all rules in each."""
    joined: list[dict[str, Any]] = []
    for test in tests:
        mine = metrics(test)
        for other in joined:
            if mine and not mine & metrics(other):
                for part in ("input_series", "promql_expr_test"):
                    other[part] = other[part] + test[part]
                break
        else:
            joined.append(dict(test))
    return joined


def metrics(test: dict[str, Any]) -> set[str]:
    return {one["series"].partition("{")[0] for one in test["input_series"]}


def states(series: Series, name: str, firing: bool, moment: str = "") -> dict[str, Any]:
    """A test that an alert fires, or does not."""
    expression = f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)'
    return {
        "interval": "15s",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "promql_expr_test": [
            {
                "expr": expression,
                "eval_time": moment or ("80m" if name in CHANGING else "20m"),
                "exp_samples": [{"labels": "{}", "value": int(firing)}],
            }
        ],
    }


def test_every_alert_has_a_case() -> None:
    assert set(CASES) == {alert.name for alert in ALERTS}
    assert len({alert.name for alert in ALERTS}) == len(ALERTS)


@pytest.mark.parametrize("demo", [False, True], ids=["production", "demo"])
def test_alerts_fire_and_are_quiet(tmp_path: Path, demo: bool) -> None:
    (tmp_path / "rules.yml").write_text(rules(demo=demo))
    run("promtool", "check", "rules", str(tmp_path / "rules.yml"))
    for names, every in ((CASES.keys() - CHANGING, "15s"), (CHANGING, "60s")):
        tests = []
        for name in sorted(names):
            loud, quiet = CASES[name]
            tests.append(states(loud, name, firing=True))
            tests += [states(one, name, firing=False) for one in quiet]
        (tmp_path / "test.yml").write_text(unit_test("rules.yml", together(tests), every))
        run("promtool", "test", "rules", "test.yml", cwd=tmp_path)


def test_tests_of_one_metric_are_not_joined() -> None:
    tests = [states(series, "x", firing=True) for series in (latency(3), looks(1), latency(1), {})]
    first, second, empty = together(tests)
    assert first["input_series"] == tests[0]["input_series"] + tests[1]["input_series"]
    assert (second, empty) == (tests[2], tests[3])


def test_an_alert_waits_as_long_as_it_should(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(rules())
    minutes = {alert.name: int(alert.holds[:-1]) for alert in ALERTS if alert.holds[-1] == "m"}
    tests = [
        states(CASES[name][0], name, firing=False, moment=f"{wait * 60 - 15}s")
        for name, wait in minutes.items()
        if name not in CHANGING
    ]
    (tmp_path / "test.yml").write_text(unit_test("rules.yml", together(tests)))
    run("promtool", "test", "rules", "test.yml", cwd=tmp_path)


def test_the_budget_burns_at_its_rates_only(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(rules())
    tests = []
    for name, share in BURNING.items():
        tests.append(states(answers(share * 1.1), name, firing=True))
        tests.append(states(answers(share * 0.9), name, firing=False))
    (tmp_path / "test.yml").write_text(unit_test("rules.yml", tests))
    run("promtool", "test", "rules", "test.yml", cwd=tmp_path)


def test_a_burn_that_is_over_is_quiet(tmp_path: Path) -> None:
    """The long window still has too many errors; the short one tells that it is over."""
    (tmp_path / "rules.yml").write_text(rules())
    over = {
        f'http_requests_total{API},status="500"}}': rising(100, 0, 100),
        f'http_requests_total{API},status="200"}}': rising(0, 100, 100),
    }
    tests = [
        states(over, "Tv5ErrorBudgetBurn1h", firing=False, moment="33m"),
        states(over, "Tv5ErrorBudgetBurn6h", firing=False, moment="60m"),
        states(over, "Tv5ErrorBudgetBurn1h", firing=True, moment="25m"),
    ]
    (tmp_path / "test.yml").write_text(unit_test("rules.yml", tests))
    run("promtool", "test", "rules", "test.yml", cwd=tmp_path)


def test_a_demonstration_tolerates_more() -> None:
    for alert in ALERTS:
        if alert.sign == ">":
            assert alert.demo >= alert.threshold, alert.name
        else:
            assert alert.demo <= alert.threshold, alert.name
    assert rules(demo=True) != rules()
