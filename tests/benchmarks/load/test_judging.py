"""What is made of the rows of a run."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.load.judging import hit_ratios, judge, levels, percentile
from benchmarks.load.scenarios import SCENARIOS, Population

GOOD = {"refused": 0, "busiest_second": 45}


def rows(*took_ms: float, status: int = 200) -> list[tuple[float, str, float, int, str]]:
    return [(0.0, "detail", ms, status, "full") for ms in took_ms]


def failed(*given: object, **other: object) -> set[str]:
    found = judge(SCENARIOS["browse"], *given, **other)  # type: ignore[arg-type]
    return {verdict.name for verdict in found if verdict.passed is False}


RATIOS = {"title": 0.9, "title look-ups": 100.0}


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = list(range(1, 101))
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99)] == [50, 95, 99]
    assert percentile([7.0], 0.99) == 7.0


def test_a_good_run_fails_nothing() -> None:
    assert failed(rows(*[10.0] * 100), RATIOS, GOOD, 50, [100] * 100) == set()


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("p95", (rows(*[10.0] * 90, *[400.0] * 10), RATIOS, GOOD, 50, [100] * 100)),
        ("5xx and lost", (rows(*[1.0] * 9) + rows(1.0, status=503), RATIOS, GOOD, 50, [1] * 99)),
        ("5xx and lost", (rows(*[1.0] * 9) + rows(1.0, status=0), RATIOS, GOOD, 50, [1] * 99)),
        ("hit ratio, all", (rows(1.0), {"a": 0.8, "a look-ups": 9.0}, GOOD, 50, [1] * 99)),
        ("hit ratio, all", (rows(1.0), {}, GOOD, 50, [1] * 99)),
        ("429 of the provider", (rows(1.0), RATIOS, GOOD | {"refused": 1}, 50, [1] * 99)),
        ("most in a sliding second",
         (rows(1.0), RATIOS, GOOD | {"busiest_second": 51}, 50, [1] * 99)),
        ("memory flat", (rows(1.0), RATIOS, GOOD, 50, [*[100] * 80, *[120] * 20])),
    ],
)  # fmt: skip
def test_each_criterion_can_fail(name: str, given: tuple[object, ...]) -> None:
    assert failed(*given) == {name}


def test_descriptors_that_grow_fail() -> None:
    growing = list(range(100, 200))
    assert failed(rows(1.0), RATIOS, GOOD, 50, [1] * 99, growing) == {"descriptors flat"}


def test_hits_are_look_ups_without_a_run_of_the_loader() -> None:
    before = {"title": {"memory": {"hit": 10, "miss": 10}, "loader": {"load": 10}}}
    after = {"title": {"memory": {"hit": 90, "miss": 30}, "loader": {"load": 15, "failed": 5}}}
    assert hit_ratios(before, after) == {"title": 0.9, "title look-ups": 100}


def test_levels_are_of_answers_by_kind() -> None:
    (found,) = levels([*rows(10.0, 20.0), *rows(9_000.0, status=503)])
    assert (found["kind"], found["requests"]) == ("aggregation", 2)


def test_zipf_draws_the_first_most_and_uniform_all_alike() -> None:
    ids = [f"id{n}" for n in range(100)]
    zipf, uniform = Population(ids), Population(ids, is_uniform=True)
    often = Counter(zipf.id() for _ in range(10_000))
    alike = Counter(uniform.id() for _ in range(10_000))
    assert 1_700 < often["id0"] < 2_200  # 1 / H(100) = .193
    assert 0.4 < often["id1"] / often["id0"] < 0.6
    assert 50 < min(alike.values()) <= max(alike.values()) < 160


def test_the_mix_has_the_shares_it_is_to_have() -> None:
    who = Population([f"id{n}" for n in range(100)])
    kinds = Counter(SCENARIOS["mixed"].ask(who).kind for _ in range(10_000))
    assert 3_800 < kinds["metadata"] < 4_200
    assert 2_800 < kinds["search"] + kinds["semantic"] < 3_200
    assert 1_800 < kinds["detail"] < 2_200
    assert 900 < kinds["recommend"] < 1_100
