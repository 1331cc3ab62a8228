"""Graphs that usearch builds, sealed and walked like others; what it saves is never trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from usearch.index import Index

from tests.examples import examples
from tests.vectors.conftest import F32, brute_force
from tv5core.errors import CorruptFileError, InvalidInputError
from tv5core.kernels import NONE
from tv5core.vectors import VectorIndex, recall_at_k
from tv5core.vectors.usearch_graph import base_links


def test_it_is_sealed_walked_and_sealed_again(vectors: F32, queries: F32, tmp_path: Path) -> None:
    with VectorIndex.build(vectors[:5_000], path=tmp_path, graph="usearch") as index:
        index.add(vectors[5_000:], np.arange(5_000, 6_000))
        index.seal()
    with VectorIndex.open(tmp_path) as index:
        found = index.search(queries, 10, expansion_search=200, oversampling=20, min_k=10)
        assert recall_at_k(found.keys, brute_force(vectors, queries, 10)) >= 0.95
        assert index.audit().structure() == []
        assert len(index) == 6_000
        assert index._options.graph == "usearch"


def test_the_graph_is_usearchs(vectors: F32) -> None:
    def links(graph: str) -> set[tuple[int, int]]:
        with VectorIndex.build(vectors[:1_000], graph=graph, threads=1) as index:
            sealed = index.snapshot.segments[0]
            rows, keys = sealed.graph.links[:1_000], sealed.keys  # type: ignore[attr-defined]
            return {
                (int(keys[row]), int(keys[to]))
                for row, some in enumerate(rows)
                for to in some[some != NONE]
            }

    native, theirs = links("native"), links("usearch")
    assert len(theirs) > 5_000
    assert native != theirs
    assert links("usearch") == theirs


@pytest.mark.parametrize("rows", [1, 2, 30])
def test_few_rows(vectors: F32, rows: int) -> None:
    with VectorIndex.build(vectors[:rows], graph="usearch") as index:
        assert sorted(index.search(vectors[0], rows).keys.tolist()) == list(range(rows))


def test_other_names_are_refused(vectors: F32) -> None:
    with pytest.raises(InvalidInputError, match="expected graph native or usearch, got 'hnsw'"):
        VectorIndex.build(vectors[:10], graph="hnsw")


def saved(n: int = 60) -> bytes:
    index = Index(ndim=16, metric="cos", dtype="f32", connectivity=4)
    rows = np.random.default_rng(0).standard_normal((n, 16)).astype(np.float32)
    index.add(np.arange(n), rows, threads=1)
    return bytes(index.save())


SAVED = saved()


def test_links_are_those_of_near_rows() -> None:
    links = base_links(SAVED)
    assert links.shape == (60, 8)
    there = links[links != NONE]
    assert len(there) > 120
    assert there.max() < 60
    assert not (links == np.arange(60)[:, None]).any()


@settings(max_examples=examples(300), deadline=None)
@given(
    flips=st.lists(
        st.tuples(st.integers(0, len(SAVED) - 1), st.integers(1, 255)), min_size=1, max_size=4
    ),
    cut=st.integers(0, len(SAVED)),
    cuts=st.booleans(),
)
def test_what_is_damaged_is_an_error_or_a_graph(
    flips: list[tuple[int, int]], cut: int, cuts: bool
) -> None:
    raw = bytearray(SAVED)
    for at, bits in flips:
        raw[at] ^= bits
    try:
        links = base_links(bytes(raw[:cut] if cuts else raw))
    except CorruptFileError:
        return
    assert ((links < len(links)) | (links == NONE)).all()
