"""What Haystack's suites leave open: filters pushed down, serialisation, pipelines, retrievers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from haystack import Document, Pipeline
from haystack.components.writers import DocumentWriter
from haystack.dataclasses import ByteStream, SparseEmbedding
from haystack.document_stores.types import DuplicatePolicy
from haystack.errors import FilterError
from haystack.utils.filters import document_matches_filter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tv5core import Catalog, InvalidInputError
from tv5core.integrations.haystack import (
    CatalogRetriever,
    Tv5DocumentStore,
    Tv5EmbeddingRetriever,
    Tv5HybridRetriever,
    Tv5KeywordRetriever,
)
from tv5core.integrations.haystack.filters import as_condition

VECTORS = np.random.default_rng(3).standard_normal((30, 9)).astype(np.float32)
DATES = ["2001-02-03", "2001-02-03T00:00:00", "2004-01-01"]
FIELDS: Any = {"topic": "keyword", "n": "int", "day": "date"}
DOCUMENTS = [
    Document(
        id=f"d{n:02}",
        content=f"text {n} of sharks",
        meta={
            "topic": ["sea", "Sea", "sky"][n % 3],
            "n": n,
            "when": DATES[n % 3],
            "in": {"x": n % 2},
        }
        | ({"day": DATES[2 * (n % 2)]} if n % 5 else {}),
        embedding=VECTORS[n].tolist() if n % 4 else None,
    )
    for n in range(30)
]


@pytest.fixture(scope="module")
def store() -> Iterator[Tv5DocumentStore]:
    with Tv5DocumentStore(fields=FIELDS) as made:
        assert made.write_documents(DOCUMENTS) == 30
        yield made


VALUES = st.sampled_from(["sea", "Sea", "x", 3, 3.5, None, True, *DATES])
COMPARISONS = st.fixed_dictionaries(
    {
        "field": st.sampled_from(
            ["meta.topic", "meta.n", "meta.day", "meta.when", "meta.in.x", "id"]
        ),
        "operator": st.sampled_from(["==", "!=", ">", ">=", "<", "<="]),
        "value": VALUES,
    }
) | st.fixed_dictionaries(
    {
        "field": st.sampled_from(["meta.topic", "meta.n", "meta.day", "topic", "content"]),
        "operator": st.sampled_from(["in", "not in"]),
        "value": st.lists(VALUES, max_size=3),
    }
)
FILTERS = st.recursive(
    COMPARISONS,
    lambda inner: st.fixed_dictionaries(
        {
            "operator": st.sampled_from(["AND", "OR", "NOT"]),
            "conditions": st.lists(inner, min_size=1, max_size=3),
        }
    ),
    max_leaves=5,
)


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(filters=FILTERS)
def test_a_filter_means_what_it_means_in_haystack(
    store: Tv5DocumentStore, filters: dict[str, Any]
) -> None:
    try:
        right = [one.id for one in DOCUMENTS if document_matches_filter(filters, one)]
        as_condition(filters)
    except (FilterError, TypeError):
        return  # what cannot be compared
    assert [one.id for one in store.filter_documents(filters)] == right
    assert store.count_documents_by_filter(filters) == len(right)
    near = [one.id for one in DOCUMENTS if one.embedding is not None and one.id in right]
    found = Tv5EmbeddingRetriever(store, top_k=4).run([1.0] * 9, filters)["documents"]
    assert len(found) == min(4, len(near))
    assert {one.id for one in found} <= set(near)


@pytest.mark.parametrize(
    "filters",
    [
        {"field": "meta.n", "operator": "like", "value": 1},
        {"field": 3, "operator": "==", "value": 1},
        {"operator": "XOR", "conditions": []},
        {"operator": "AND", "conditions": {}},
        {"operator": "AND", "conditions": [3]},
        {"operator": "AND"},
        {"field": "meta.n", "operator": ">", "value": "abc"},
        {"field": "meta.n", "operator": "in", "value": "abc"},
    ],
)
def test_wrong_filters_are_refused_even_of_no_documents(filters: Any, tmp_path: Path) -> None:
    with Tv5DocumentStore(tmp_path / "d") as empty, pytest.raises(FilterError):
        empty.filter_documents(filters)


def test_filters_nested_without_end_are_refused(store: Tv5DocumentStore) -> None:
    deep: dict[str, Any] = {"field": "meta.n", "operator": "==", "value": 1}
    for _ in range(5_000):
        deep = {"operator": "AND", "conditions": [deep]}
    with pytest.raises(FilterError, match="nested at most"):
        store.filter_documents(deep)


def test_documents_come_back_whole(tmp_path: Path) -> None:
    odd = [
        Document(id="a", content=None, blob=ByteStream(b"\x00\xff", {"m": 1}, "image/png")),
        Document(id="b", content="", meta={"deep": {"x": [1, None, 2.5]}}, score=0.25),
        Document(id="c", content="x", sparse_embedding=SparseEmbedding([1, 5], [0.5, 0.25])),
    ]
    with Tv5DocumentStore(tmp_path / "d") as store:
        store.write_documents(odd)
    with Tv5DocumentStore(tmp_path / "d") as store:
        assert store.filter_documents() == odd


def test_policies_and_counts(tmp_path: Path) -> None:
    with Tv5DocumentStore(tmp_path / "d") as store:
        twice = [Document(id="a", content="1"), Document(id="a", content="2")]
        assert store.write_documents(twice, DuplicatePolicy.OVERWRITE) == 2
        assert [one.content for one in store.filter_documents()] == ["2"]
        assert store.write_documents([*twice, Document(id="b")], DuplicatePolicy.SKIP) == 1
        for call in (
            lambda: store.delete_by_filter({}),
            lambda: store.update_by_filter({}, {"a": 1}),
            lambda: store.write_documents([Document(id="x", meta={"a": {1}})]),
            lambda: store.write_documents([], "skip"),  # type: ignore[arg-type]
            lambda: store.delete_documents("ab"),  # type: ignore[arg-type]
        ):
            with pytest.raises(InvalidInputError, match="expected"):
                call()
        assert store.count_documents() == 2


def test_a_store_is_serialised_without_its_documents(tmp_path: Path) -> None:
    store = Tv5DocumentStore(tmp_path / "d", fields=FIELDS, metric="ip")
    data = store.to_dict()
    assert not (tmp_path / "d").exists(), "it is opened when it is first needed"
    assert data["init_parameters"] == {
        "path": str(tmp_path / "d"), "fields": FIELDS, "metric": "ip", "read_only": False,
    }  # fmt: skip
    with Tv5DocumentStore.from_dict(data) as other, store:
        other.write_documents(DOCUMENTS[:2])
        assert store.count_documents() == 2


async def test_retrievers(store: Tv5DocumentStore) -> None:
    query, sea = VECTORS[1].tolist(), {"field": "meta.topic", "operator": "==", "value": "sea"}
    by_vector = Tv5EmbeddingRetriever(store, top_k=3)
    found = by_vector.run(query)["documents"]
    assert found[0].id == "d01"
    assert found[0].score == pytest.approx(1, abs=1e-2)
    assert await by_vector.run_async(query) == {"documents": found}
    assert by_vector.run(query, top_k=0) == {"documents": []}
    by_words = Tv5KeywordRetriever(store, top_k=3)
    assert by_words.run("text 17")["documents"][0].id == "d17"
    assert await by_words.run_async("text 17") == by_words.run("text 17")
    both = Tv5HybridRetriever(store, top_k=2)
    assert {one.id for one in both.run("17", query)["documents"]} == {"d01", "d17"}
    assert await both.run_async("17", query) == both.run("17", query)
    assert both.run("17", query, top_k=1, alpha=0.0)["documents"][0].id == "d17"
    merged = Tv5EmbeddingRetriever(store, sea, 30, "merge")
    few = {"field": "meta.n", "operator": "<", "value": 10}
    assert {one.meta["n"] for one in merged.run(query, few)["documents"]} == {3, 6, 9}
    replaced = Tv5EmbeddingRetriever(store, sea, 30)
    assert len(replaced.run(query, few)["documents"]) == 7


@pytest.mark.parametrize("kind", [Tv5EmbeddingRetriever, Tv5KeywordRetriever, Tv5HybridRetriever])
def test_retrievers_are_serialised(kind: Any, tmp_path: Path) -> None:
    own = {"field": "meta.n", "operator": "==", "value": 1}
    retriever = kind(Tv5DocumentStore(tmp_path / "d"), own, 7, "merge")
    again = kind.from_dict(retriever.to_dict())
    assert again.to_dict() == retriever.to_dict()
    assert (again.top_k, again.filters, again.document_store.path) == (7, own, str(tmp_path / "d"))
    for wrong in ({"top_k": 0}, {"document_store": "d"}):
        with pytest.raises(InvalidInputError):
            kind(**{"document_store": again.document_store, **wrong})
    with pytest.raises(FilterError):
        kind(again.document_store, {"field": "x"})


def test_a_pipeline_is_loaded_from_text_and_run(tmp_path: Path) -> None:
    store = Tv5DocumentStore(tmp_path / "d")
    indexing, asking = Pipeline(), Pipeline()
    indexing.add_component("writer", DocumentWriter(store, DuplicatePolicy.OVERWRITE))
    asking.add_component("retriever", Tv5EmbeddingRetriever(store, top_k=2))
    ours = ["tv5core.integrations.haystack"]
    indexing = Pipeline.loads(indexing.dumps(), allowed_modules=ours)
    asking = Pipeline.loads(asking.dumps(), allowed_modules=ours)
    assert indexing.run({"writer": {"documents": DOCUMENTS}})["writer"]["documents_written"] == 30
    found = asking.run({"retriever": {"query_embedding": VECTORS[2].tolist()}})
    assert found["retriever"]["documents"][0].id == "d02"
    asking.get_component("retriever").document_store.close()
    indexing.get_component("writer").document_store.close()


async def test_titles_are_retrieved(films: Catalog, tmp_path: Path) -> None:
    films.backup(tmp_path / "films")
    retriever = CatalogRetriever(tmp_path / "films", 3, "year:<1980")
    again = CatalogRetriever.from_dict(retriever.to_dict())
    found = again.run("a shark at the beach")["documents"]
    assert found[0].meta["title"] == "Jaws"
    assert "Steven Spielberg" in (found[0].content or "")
    assert await again.run_async("a shark at the beach") == {"documents": found}
    assert again.run("shark", top_k=0) == {"documents": []}
    again.close()
    with pytest.raises(InvalidInputError):
        CatalogRetriever(tmp_path / "films", 0)
