"""A soak in short form against a real gateway, and what it takes for something that grows."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import pytest

from benchmarks.load.running import bench
from benchmarks.load.soaking import Sample, judge_soak, run_soak, table

FLAT = Sample(0.0, 200.0, 50.0, 300.0, 100, 20, 30, 10.0, 5.0)
ROWS = [(float(second), "search", 10.0, 200, "full") for second in range(100)]


def samples(**grown: float) -> list[Sample]:
    """Return a hundred seconds, in which some figures grow to what is given."""
    found = []
    for second in range(100):
        changed = {
            name: getattr(FLAT, name) + (last - getattr(FLAT, name)) * second / 99
            for name, last in grown.items()
        }
        found.append(replace(FLAT, seconds=float(second), **changed))
    return found


def failed(*given: object) -> set[str]:
    return {verdict.name for verdict in judge_soak(*given) if verdict.passed is False}  # type: ignore[arg-type]


def test_a_flat_run_passes() -> None:
    assert failed(samples(), ROWS) == set()


@pytest.mark.parametrize(
    ("name", "last", "verdict"),
    [
        ("anonymous_mib", 240.0, "anonymous memory, MiB"),
        ("descriptors", 120, "descriptors"),
        ("threads", 30, "threads"),
        ("tasks", 90, "tasks"),
    ],
)
def test_what_grows_fails(name: str, last: float, verdict: str) -> None:
    assert failed(samples(**{name: last}), ROWS) == {verdict}


def test_what_grows_at_first_only_passes() -> None:
    early = [replace(s, anonymous_mib=min(300.0, 200.0 + 4 * s.seconds)) for s in samples()]
    assert failed(early, ROWS) == set()


def test_a_failed_answer_fails_and_a_short_run_is_not_judged() -> None:
    assert failed(samples(), [*ROWS, (1.0, "search", 1.0, 503, "none")]) == {"5xx and lost"}
    assert {verdict.passed for verdict in judge_soak(samples()[:4], ROWS)} == {True, None}


def test_parts_are_means_of_equal_times() -> None:
    parts = table(samples(descriptors=199), ROWS)
    assert len(parts) == 10
    assert parts[0]["descriptors"] < parts[-1]["descriptors"]
    assert sum(part["requests"] for part in parts) == len(ROWS)


@pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="locust is not installed")
def test_a_real_gateway_is_loaded_sampled_and_judged() -> None:
    with bench(None, with_redis=False, titles=60, details=20) as on:
        run = run_soak(on, rate=10, seconds=20, sample_s=0.3, add_s=1.0)
    assert run["requests"] > 0
    assert run["samples"]
    assert all(sample["anonymous_mib"] > 0 < sample["tasks"] for sample in run["samples"])
    verdicts = {verdict.name: verdict for verdict in run["verdicts"]}
    assert verdicts["5xx and lost"].passed, verdicts
    assert verdicts["processes replaced"].passed, verdicts
    assert set(verdicts) > {"descriptors", "threads", "tasks"}
