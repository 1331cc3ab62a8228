"""The benchmark of recommendations, on a few made-up users."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from benchmarks.commands.recommend import measure, table
from benchmarks.recommend.baselines import BASELINES, ease, item_knn
from benchmarks.recommend.metrics import figures
from benchmarks.recommend.movielens import read_ratings
from tests.catalog.recommending.films import COUNT, make
from tv5core import Catalog


@pytest.fixture
def movielens(tmp_path: Path) -> Path:
    """Users who like one group of films and rate others low."""
    rng = np.random.default_rng(0)
    lines = ["userId,movieId,rating,timestamp"]
    for user in range(30):
        for step, number in enumerate(rng.permutation(COUNT)[:15].tolist()):
            rating = 4.5 if number % 2 == user % 2 else 1.5
            lines.append(f"{user + 1},{number},{rating},{100 - step}")
    lines.append("1,9999,5.0,1000")
    (tmp_path / "ratings.csv").write_text("\n".join(lines), "utf-8")
    links = ["movieId,imdbId,tmdbId", *(f"{n},{n:07},{n}" for n in range(COUNT)), "9999,9999999,"]
    (tmp_path / "links.csv").write_text("\n".join(links), "utf-8")
    return tmp_path


def test_a_case_is_asked_with_what_came_before_it(movielens: Path, tmp_path: Path) -> None:
    with make(tmp_path / "c") as catalog:
        ratings = read_ratings(movielens, catalog)
    assert ratings.missing == 1
    for place in (1, 2):
        split = ratings.split(place)
        assert 20 < len(split.cases) <= 30
        for case in split.cases:
            own = ratings.users == case.user
            later = ratings.titles[own][len(case.history) :]
            assert later[0] == case.target
            assert not set(later) & set(split.titles[split.users == case.user])
            assert sum(ratings.ratings[own][len(case.history) :] >= 4) == place


def test_figures_are_those_of_the_definition() -> None:
    genres = [frozenset("a"), frozenset("ab"), frozenset("c"), frozenset()]
    got = figures([[2, 0], [1, 2], [0, 1]], [0, 1, 3], genres)
    assert got.hits.tolist() == [1, 1, 0]
    assert got.gains.tolist() == pytest.approx([1 / np.log2(3), 1, 0])
    assert got.coverage == 0.75
    pairs = [1.0, 1.0, 0.5]
    assert got.diversity == pytest.approx(np.mean(pairs))
    low, high = got.interval(got.hits)
    assert 0 <= low <= 2 / 3 <= high <= 1


def test_baselines_are_those_of_their_papers() -> None:
    rng = np.random.default_rng(0)
    from scipy.sparse import csr_matrix

    dense = (rng.random((12, 7)) < 0.5).astype(np.float32)
    matrix, profiles = csr_matrix(dense), dense[:4]
    gram = dense.T @ dense + 3.0 * np.eye(7)
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    assert np.allclose(ease(matrix, 3.0)(profiles), profiles @ weights, atol=1e-4)
    cosines = np.zeros((7, 7))
    for one, other in combinations(range(7), 2):
        lengths = np.linalg.norm(dense[:, one]) * np.linalg.norm(dense[:, other])
        cosines[one, other] = cosines[other, one] = dense[:, one] @ dense[:, other] / lengths
    assert np.allclose(item_knn(matrix, 7, 0.0)(profiles), profiles @ cosines, atol=1e-4)


def test_a_whole_run(movielens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BASELINES, "matrix factorisation",
                        (BASELINES["matrix factorisation"][0], [{"rank": 4}]))  # fmt: skip
    with make(tmp_path / "c") as catalog:
        rows = measure(catalog, movielens, "test")
    hits = {row["system"]: row["hit_rate"] for row in rows}
    assert len(rows) == len(BASELINES) + 4
    assert hits["tv5core, content and interactions"] > hits["random"]
    assert hits["tv5core, content alone"] > hits["popularity"]
    assert table(rows).count("\n") == len(rows) + 1
    with Catalog.open(tmp_path / "c", embedder=None) as opened:
        assert opened.learnt()["users"] <= 30
