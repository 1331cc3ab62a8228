"""What is learnt of interactions: against ridge regression, and through a file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tv5core.errors import CorruptFileError, InvalidInputError
from tv5core.files import write_sections
from tv5core.recommend.co_consumption import KIND, VERSION, CoConsumption
from tv5core.recommend.interactions import Interactions, read_interactions

Triples = list[tuple[Any, Any, Any]]


def read(triples: object) -> Interactions:
    return read_interactions(triples, lambda name: name if name.startswith("t") else None)


def two_groups() -> Triples:
    """Users of one group consume the first five titles, those of the other the last five."""
    rng = np.random.default_rng(0)
    found: Triples = []
    for user in range(40):
        start = 5 * (user % 2)
        found += [(user, f"t{start + i}", 1.0) for i in range(5) if rng.random() < 0.7]
    return found


def test_it_is_ridge_regression_where_no_direction_is_left_out() -> None:
    interactions = read(two_groups())
    learnt = CoConsumption.fit(interactions, rank=10, regularization=5.0)
    matrix = interactions.matrix().toarray().astype(np.float64)
    gram = matrix.T @ matrix
    ridge = np.linalg.solve(gram + 5.0 * np.eye(len(gram)), gram)
    vectors = learnt.vectors.astype(np.float64)
    assert np.allclose(vectors @ vectors.T, ridge, atol=5e-3)
    places = np.asarray([1, 4])
    weights = np.asarray([1.0, 0.5], np.float32)
    assert np.allclose(learnt.scores(places, weights), weights @ ridge[places], atol=5e-3)


def test_titles_of_the_same_users_are_near() -> None:
    learnt = CoConsumption.fit(read(two_groups()), rank=4)
    scores = dict(zip(learnt.ids, learnt.scores(np.asarray([learnt.ids.index("t0")]),
                                                np.ones(1, np.float32)), strict=True))  # fmt: skip
    assert min(scores[f"t{i}"] for i in range(5)) > max(scores[f"t{i}"] for i in range(5, 10))


def test_the_same_interactions_teach_the_same() -> None:
    first, second = (CoConsumption.fit(read(two_groups())) for _ in range(2))
    assert first.ids == second.ids
    assert np.array_equal(first.vectors, second.vectors)


def test_units_of_weights_do_not_matter() -> None:
    once = CoConsumption.fit(read(two_groups()))
    tenfold = CoConsumption.fit(read([(u, t, 10.0) for u, t, _ in two_groups()]))
    assert np.allclose(once.vectors, tenfold.vectors, atol=2e-3)


def test_weights_of_a_pair_are_added() -> None:
    several = read([("u", "t1", 1.0), ("u", "t1", 3.0), ("u", "t2", 4.0)])
    assert several.matrix().toarray().tolist() == [[1.0, 1.0]]


def test_one_interaction_is_enough() -> None:
    learnt = CoConsumption.fit(read([("u", "t1", 1.0)]))
    assert (len(learnt), learnt.rank, learnt.users, learnt.interactions) == (1, 1, 1, 1)


def test_unknown_titles_are_counted() -> None:
    found = read([("u", "t1", 1), ("u", "x", 1), ("v", "x", 1)])
    assert (found.ids, found.users, found.unknown) == (["t1"], 1, 2)


@pytest.mark.parametrize(
    "bad",
    [
        None, 7, "u,t1,1", {"u": 1}, [("u", "t1")], [("u", "t1", 1, 2)], ["abc"],
        [(None, "t1", 1)], [(True, "t1", 1)], [(1.5, "t1", 1)], [("u", 7, 1)],
        [("u", "t1", math.nan)], [("u", "t1", math.inf)], [("u", "t1", 0)], [("u", "t1", -1)],
        [("u", "t1", "1")], [("u", "t1", True)], [], [("u", "x", 1)],
    ],
)  # fmt: skip
def test_what_is_no_interaction_is_refused(bad: object) -> None:
    with pytest.raises(InvalidInputError, match="expected"):
        read(bad)


@settings(deadline=None, max_examples=examples(40))
@given(st.binary(max_size=40), st.integers(0, 200))
def test_a_file_is_what_was_saved_or_refused(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int
) -> None:
    path = tmp_path_factory.mktemp("learnt") / "learnt"
    learnt = CoConsumption.fit(read(two_groups()))
    learnt.save(path)
    raw = bytearray(path.read_bytes())
    place = at % len(raw)
    spoiled = bytes(raw[:place]) + noise + bytes(raw[place + len(noise) :])
    path.write_bytes(spoiled)
    if spoiled == bytes(raw):
        loaded = CoConsumption.load(path)
        assert loaded.ids == learnt.ids
        assert np.array_equal(loaded.vectors, learnt.vectors)
    else:
        with pytest.raises(CorruptFileError):
            CoConsumption.load(path)


@pytest.mark.parametrize(
    ("ids", "vectors", "meta"),
    [
        (b"a\nb", np.zeros((3, 2), np.float16), {"users": 1, "interactions": 1}),
        (b"a\na", np.zeros((2, 2), np.float16), {"users": 1, "interactions": 1}),
        (b"a\nb", np.zeros((2, 2), np.float32), {"users": 1, "interactions": 1}),
        (b"a\nb", np.full((2, 2), np.nan, np.float16), {"users": 1, "interactions": 1}),
        (b"a\n\xff", np.zeros((2, 2), np.float16), {"users": 1, "interactions": 1}),
        (b"a\nb", np.zeros((2, 2), np.float16), {"users": "many"}),
    ],
)
def test_a_file_against_itself_is_refused(
    tmp_path: Path, ids: bytes, vectors: Any, meta: dict[str, Any]
) -> None:
    sections = {"ids": np.frombuffer(ids, np.uint8), "vectors": vectors}
    write_sections(tmp_path / "learnt", KIND, VERSION, meta, sections)
    with pytest.raises(CorruptFileError):
        CoConsumption.load(tmp_path / "learnt")


@pytest.mark.parametrize("wrong", [np.array(False), np.array(3), "text", {}, None, 5])
def test_what_is_no_interactions_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidInputError, match="expected interactions"):
        read_interactions(wrong, lambda name: name)
