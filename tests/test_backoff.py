"""Exponential backoff."""

from __future__ import annotations

import random
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core.backoff import Backoff
from tv5core.errors import InvalidInputError


def test_full_jitter_over_one_two_four_and_no_more_than_eight_seconds() -> None:
    backoff = Backoff(1.0, 8.0, rng=random.Random(1))
    for failures, widest in enumerate((1, 2, 4, 8, 8, 8)):
        pauses = [backoff.pause_s(failures) for _ in range(2_000)]
        assert 0 <= min(pauses) < 0.02 * widest
        assert 0.98 * widest < max(pauses) <= widest
        assert sum(pauses) / len(pauses) == pytest.approx(widest / 2, rel=0.05)


@pytest.mark.parametrize("jitter", [0.2, 0.5])
def test_jitter_is_the_part_of_a_pause_that_is_random(jitter: float) -> None:
    backoff = Backoff(2.0, 2.0, jitter=jitter, rng=random.Random(1))
    pauses = [backoff.pause_s(0) for _ in range(2_000)]
    assert min(pauses) == pytest.approx(2 * (1 - jitter), rel=0.01)
    assert max(pauses) == pytest.approx(2, rel=0.01)


def test_pauses_without_jitter() -> None:
    backoff = Backoff(0.1, 5.0, jitter=0.0)
    expected = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert list(islice(backoff.pauses(), 8)) == pytest.approx(expected)
    assert list(islice(backoff.pauses(), 2)) == pytest.approx([0.1, 0.2]), "no state is left"


def test_factor() -> None:
    backoff = Backoff(1.0, 50.0, factor=3.0, jitter=0.0)
    assert list(islice(backoff.pauses(), 5)) == [1, 3, 9, 27, 50]
    assert list(islice(Backoff(1.0, 50.0, factor=1.0, jitter=0.0).pauses(), 3)) == [1, 1, 1]


@given(st.integers(0, 10**9))
def test_pauses_are_bounded(failures: int) -> None:
    assert 0 <= Backoff(1.0, 8.0).pause_s(failures) <= 8
    assert 4 <= Backoff(8.0, 8.0, factor=10.0, jitter=0.5).pause_s(failures) <= 8


def test_equal_seeds_give_equal_pauses() -> None:
    one, other = (Backoff(1.0, 8.0, rng=random.Random(7)).pauses() for _ in range(2))
    assert list(islice(one, 9)) == list(islice(other, 9))


@pytest.mark.parametrize(
    ("first_s", "max_s", "options"),
    [
        (0.0, 1.0, {}),
        (-1.0, 1.0, {}),
        (2.0, 1.0, {}),
        (1.0, float("inf"), {}),
        (float("nan"), 1.0, {}),
        (1.0, 2.0, {"factor": 0.5}),
        (1.0, 2.0, {"factor": float("nan")}),
        (1.0, 2.0, {"jitter": -0.1}),
        (1.0, 2.0, {"jitter": 1.1}),
    ],
)
def test_values_out_of_range(first_s: float, max_s: float, options: dict[str, float]) -> None:
    with pytest.raises(InvalidInputError, match="expected"):
        Backoff(first_s, max_s, **options)
