"""Conditions: what is found is what each condition holds for, whatever the catalogue can filter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tv5core.errors import InvalidInputError
from tv5core.integrations.documents import (
    All,
    AnyOf,
    Condition,
    Contains,
    Document,
    DocumentStore,
    Empty,
    Equal,
    Not,
    OneOf,
    Ordered,
    Predicate,
    Within,
)
from tv5core.integrations.documents.conditions import MAX_DEPTH, check_depth
from tv5core.integrations.documents.pushdown import bounds

FIELDS = {
    "word": "keyword",
    "tags": "keywords",
    "n": "int",
    "x": "float",
    "flag": "bool",
    "day": "date",
}
WORDS = ["Sea", "sea", "séa", "sky", "", " ", "a:b", '"', "x" * 1_001, "sea sky", "\x00"]
DAYS = ["2001-02-03", "2001-02-04", "1999-12-31"]
NUMBERS = [-3, 0, 1, 2, 3, 2**53, 2**60, 2**61]
REALS = [-0.5, 0, 0.1, 1, 1.0, 2, 1e300, 5e-324]
RATHER_ODD = [None, True, False, "1", 1, 1.5, float("nan"), float("inf"), [], ["sea"], 2**70]


def _documents() -> list[Document]:
    rng = np.random.default_rng(5)
    values: dict[str, list[Any]] = {
        "word": [None, *WORDS], "n": [None, *NUMBERS], "x": [None, *REALS],
        "flag": [None, True, False], "day": [None, *DAYS], "own": RATHER_ODD + WORDS + NUMBERS,
        "tags": [None, [], ["sea"], ["Sea", "sky"], ["", "a:b"], ["x" * 1_001]],
    }  # fmt: skip
    found = []
    for number in range(150):
        metadata = {
            name: some[rng.integers(len(some))]
            for name, some in values.items()
            if rng.random() < 0.8
        }
        vector = rng.standard_normal(9) if number % 7 else None
        found.append(Document(f"d{number:03}", "shark", metadata, vector=vector))
    return found


DOCUMENTS = _documents()
VALUES = st.sampled_from([*WORDS, *DAYS, *NUMBERS, *REALS, *RATHER_ODD, 3.5, "2001-02-03T00:00"])
NAMES = st.sampled_from([*FIELDS, "own", "none"])
LEAVES = st.one_of(
    st.builds(Equal, NAMES, VALUES),
    st.builds(OneOf, NAMES, st.lists(VALUES, max_size=3).map(tuple)),
    st.builds(Ordered, NAMES, st.sampled_from(["<", "<=", ">", ">="]), VALUES),
    st.builds(Contains, NAMES, VALUES),
    st.builds(Within, NAMES, st.sampled_from(["s", "SEA", ""]), st.booleans()),
    st.builds(Empty, NAMES),
    st.just(Predicate(lambda document: document.id < "d050")),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(All, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module", params=["live", "sealed"])
def store(request: pytest.FixtureRequest) -> Iterator[DocumentStore]:
    with DocumentStore(fields=FIELDS) as made:  # type: ignore[arg-type]
        made.add(DOCUMENTS)
        if request.param == "sealed":
            made.catalog.seal()
        yield made


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(condition=CONDITIONS)
def test_all_and_only_what_holds_is_found(store: DocumentStore, condition: Condition) -> None:
    right = [one.id for one in DOCUMENTS if condition.holds(one)]
    assert sorted(one.id for one in store.documents(condition)) == right
    assert store.count(condition) == len(right)
    some = [one.id for one in DOCUMENTS[:80]]
    assert {one.id for one in store.documents(condition, ids=some)} == set(right) & set(some)


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(condition=CONDITIONS, k=st.sampled_from([1, 3, 40]))
def test_the_nearest_are_as_many_as_there_are(
    store: DocumentStore, condition: Condition, k: int
) -> None:
    right = [one for one in DOCUMENTS if one.vector is not None and condition.holds(one)]
    query = np.ones(9)
    found = store.search(vector=query, k=k, condition=condition)
    assert len(found) == min(k, len(right))
    assert all(condition.holds(one.document) for one in found)
    scores = sorted((_cosine(query, one.vector) for one in right), reverse=True)
    assert [one.score for one in found] == pytest.approx(scores[: len(found)], abs=0.02)


def _cosine(a: Any, b: Any) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_what_the_catalogue_can_answer_alone_it_does() -> None:
    exact = [
        Equal("n", 3), OneOf("n", (1, 2)), Ordered("x", ">", 0.5), Equal("flag", True),
        Ordered("day", "<=", "2001-02-03"), Not(Equal("n", 3)), Equal("n", None), Empty("x"),
        All((Equal("n", 1), AnyOf((Ordered("n", "<", 3), Equal("day", "1999-12-31"))))),
    ]  # fmt: skip
    assert all(bounds(one, FIELDS).exact for one in exact)
    assert not any(bounds(one, {}).exact for one in exact)
    assert not bounds(Equal("word", "sea"), FIELDS).exact
    assert bounds(Equal("word", 3), FIELDS).exact, "no word is a number"


def test_depth_is_bounded() -> None:
    assert check_depth(MAX_DEPTH - 1) == MAX_DEPTH
    with pytest.raises(InvalidInputError, match="nested at most"):
        check_depth(MAX_DEPTH)
    deep: Condition = Equal("n", 1)
    for _ in range(40):
        deep = AnyOf((All((deep, Equal("n", 1))), Equal("x", 0.1)))
    assert not bounds(deep, FIELDS).exact
