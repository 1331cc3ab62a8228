"""Maximal marginal relevance against the definition, and what diversity does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tv5core.recommend.diversity import mmr


def made(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((count, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.sort(rng.random(count).astype(np.float32))[::-1].copy(), vectors


def by_definition(scores: np.ndarray, vectors: np.ndarray, k: int, diversity: float) -> list[int]:
    """The same in plain Python, from the paper."""
    span = float(scores[0]) - float(scores[-1])
    relevance = [(float(s) - float(scores[-1])) / span if span else 1.0 for s in scores]
    chosen: list[int] = []
    while len(chosen) < min(k, len(scores)):
        left = [place for place in range(len(scores)) if place not in chosen]

        def marginal(place: int) -> float:
            near = max((float(vectors[place] @ vectors[c]) for c in chosen), default=0.0)
            return (1 - diversity) * relevance[place] - diversity * max(0.0, near)

        chosen.append(max(left, key=lambda place: (round(marginal(place), 5), -place)))
    return chosen


@settings(deadline=None, max_examples=examples(40))
@given(st.integers(1, 25), st.integers(1, 30), st.floats(0, 1), st.integers(0, 99))
def test_it_chooses_distinct_places_and_the_best_first(
    count: int, k: int, diversity: float, seed: int
) -> None:
    scores, vectors = made(count, seed)
    chosen = mmr(scores, vectors, k, diversity)
    assert len(chosen) == len(set(chosen)) == min(k, count)
    assert chosen[0] == 0 or diversity == 1.0
    assert mmr(scores, vectors, k, diversity) == chosen


@pytest.mark.parametrize("diversity", [0.1, 0.3, 0.5, 0.8])
def test_it_is_the_papers(diversity: float) -> None:
    for seed in range(20):
        scores, vectors = made(15, seed)
        assert mmr(scores, vectors, 6, diversity) == by_definition(scores, vectors, 6, diversity)


def test_without_diversity_the_order_is_that_of_scores() -> None:
    scores, vectors = made(10, 0)
    assert mmr(scores, vectors, 4, 0.0) == [0, 1, 2, 3]


def test_a_twin_of_the_first_waits() -> None:
    vectors = np.asarray([[1, 0], [1, 0], [0, 1]], np.float32)
    scores = np.asarray([1.0, 0.9, 0.8], np.float32)
    assert mmr(scores, vectors, 3, 0.0) == [0, 1, 2]
    assert mmr(scores, vectors, 3, 0.8) == [0, 2, 1]


def test_more_diversity_means_lists_that_resemble_each_other_less() -> None:
    """Over many lists: of a single one the greedy choice promises nothing."""
    means = []
    for diversity in (0.0, 0.2, 0.4, 0.6, 0.8):
        cosines = []
        for seed in range(60):
            scores, vectors = made(50, seed)
            some = vectors[mmr(scores, vectors, 10, diversity)]
            cosines.append(float((some @ some.T).sum()))
        means.append(np.mean(cosines))
    assert means == sorted(means, reverse=True)


def test_nothing_is_chosen_of_nothing() -> None:
    assert mmr(np.empty(0, np.float32), np.empty((0, 3), np.float32), 5, 0.3) == []
