"""A load in short form, with users of locust where they are installed."""

from __future__ import annotations

import pytest

from benchmarks.load.running import bench, failed, run_scenario

pytest.importorskip("psutil")

USED = ("title",)
"""Kinds of the cache that any mix of requests looks up."""


def test_a_scenario_runs_against_a_real_gateway_and_is_judged() -> None:
    import importlib.util

    if importlib.util.find_spec("locust") is None:
        pytest.skip("locust is not installed")
    with bench(None, with_redis=False, titles=60, details=60) as on:
        run = run_scenario(
            on, "mixed", count=10, seconds=8, pace="30/min", uniform=False, workers=1
        )
    assert run["requests"]
    verdicts = {verdict.name: verdict for verdict in run["verdicts"]}
    assert verdicts["5xx and lost"].passed, verdicts
    assert verdicts["429 of the provider"].passed, verdicts
    assert "no look-ups" not in {verdicts[f"hit ratio, {kind}"].measured for kind in USED}
    assert {level["kind"] for level in run["levels"]} & {"cached metadata", "vector search"}
    assert failed(run["verdicts"]) == any(v.passed is False for v in run["verdicts"])
