"""LlamaIndex's vector store and retriever: the base class's methods, modes, an index over them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from llama_index.core import MockEmbedding, StorageContext, VectorStoreIndex
from llama_index.core.schema import (
    Document,
    ImageNode,
    IndexNode,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)

from tv5core import Catalog, InvalidInputError, NotACatalogError
from tv5core.integrations.llama_index import CatalogRetriever, Tv5VectorStore

RNG = np.random.default_rng(1)
VECTORS = RNG.standard_normal((20, 10)).astype(np.float32)


def _node(number: int) -> TextNode:
    return TextNode(
        id_=f"n{number}",
        text=f"text {number} of sharks",
        metadata={"n": number, "topic": "sea" if number % 2 else "sky"},
        embedding=VECTORS[number].tolist(),
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"doc{number // 5}")},
    )


NODES = [_node(number) for number in range(20)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Tv5VectorStore]:
    with Tv5VectorStore(tmp_path / "d", fields={"topic": "keyword", "n": "int"}) as made:
        assert made.add(NODES) == [node.node_id for node in NODES]
        yield made


def _filters(key: str, value: Any, operator: FilterOperator = FilterOperator.EQ) -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key=key, value=value, operator=operator)])


def test_nodes_come_back_as_they_were(store: Tv5VectorStore, tmp_path: Path) -> None:
    assert isinstance(store, BasePydanticVectorStore)
    got = {node.node_id: node for node in store.get_nodes()}
    assert [got[node.node_id] for node in NODES] == NODES
    others = [
        IndexNode(id_="i", text="x", index_id="other", embedding=VECTORS[0].tolist()),
        ImageNode(id_="m", image_url="http://localhost/x.png", embedding=VECTORS[1].tolist()),
        Document(id_="doc", text="y", metadata={"a": None}, embedding=VECTORS[2].tolist()),
    ]
    store.add(others)
    store.close()
    with Tv5VectorStore(tmp_path / "d") as again:
        got = {node.node_id: node for node in again.get_nodes(["i", "m", "doc"])}
        assert type(got["i"]) is IndexNode
        assert (got["i"], got["m"]) == (others[0], others[1])
        assert got["doc"].get_content() == "y"
        assert again.get_nodes(["none"]) == []


def test_the_nearest(store: Tv5VectorStore) -> None:
    near = VECTORS @ VECTORS[3] / np.linalg.norm(VECTORS, axis=1) / np.linalg.norm(VECTORS[3])
    query = VectorStoreQuery(query_embedding=VECTORS[3].tolist(), similarity_top_k=4)
    result = store.query(query)
    assert result.ids == [f"n{number}" for number in np.argsort(-near)[:4]]
    assert result.similarities == pytest.approx(sorted(near, reverse=True)[:4], abs=1e-2)
    assert result.nodes is not None
    assert [node.node_id for node in result.nodes] == result.ids
    assert result.nodes[0].metadata == NODES[3].metadata


@pytest.mark.parametrize(
    ("more", "right"),
    [
        ({"filters": _filters("topic", "sea")}, {n for n in range(20) if n % 2}),
        ({"filters": _filters("n", 15, FilterOperator.GTE)}, set(range(15, 20))),
        ({"filters": _filters("doc_id", "none")}, set()),
        ({"filters": _filters("ref_doc_id", "doc1")}, set(range(5, 10))),
        ({"doc_ids": ["doc0", "doc3"]}, {*range(5), *range(15, 20)}),
        ({"node_ids": ["n1", "n2", "x"]}, {1, 2}),
        ({"node_ids": ["n1", "n2"], "filters": _filters("topic", "sky"), "doc_ids": ["doc0"]}, {2}),
    ],
)
def test_filters(store: Tv5VectorStore, more: dict[str, Any], right: set[int]) -> None:
    query = VectorStoreQuery(query_embedding=VECTORS[0].tolist(), similarity_top_k=20, **more)
    assert set(store.query(query).ids or ()) == {f"n{number}" for number in right}


def test_modes(store: Tv5VectorStore) -> None:
    def ids(mode: VectorStoreQueryMode, **more: Any) -> list[str]:
        by: dict[str, Any] = {"query_embedding": VECTORS[3].tolist(), "query_str": "7"}
        query = VectorStoreQuery(**{**by, "similarity_top_k": 3, **more}, mode=mode)
        return list(store.query(query).ids or ())

    near = ids(VectorStoreQueryMode.DEFAULT)
    assert ids(VectorStoreQueryMode.TEXT_SEARCH) == ids(VectorStoreQueryMode.SPARSE) == ["n7"]
    assert ids(VectorStoreQueryMode.SPARSE, sparse_top_k=2, query_str="sharks")[2:] == []
    both = ids(VectorStoreQueryMode.HYBRID)
    assert set(both[:2]) == {"n3", "n7"}
    assert ids(VectorStoreQueryMode.SEMANTIC_HYBRID) == both
    assert ids(VectorStoreQueryMode.HYBRID, alpha=1.0) == near
    assert ids(VectorStoreQueryMode.HYBRID, alpha=0.0) == ["n7"]
    assert len(ids(VectorStoreQueryMode.HYBRID, hybrid_top_k=1)) == 1
    assert ids(VectorStoreQueryMode.MMR, mmr_threshold=1.0) == near
    assert len(set(ids(VectorStoreQueryMode.MMR, mmr_threshold=0.1))) == 3
    with pytest.raises(InvalidInputError, match=r"expected a mode of default, .*; got svm"):
        ids(VectorStoreQueryMode.SVM)
    with pytest.raises(InvalidInputError, match="expected query_embedding for mode default"):
        ids(VectorStoreQueryMode.DEFAULT, query_embedding=None)
    with pytest.raises(InvalidInputError, match="expected query_str for mode hybrid"):
        ids(VectorStoreQueryMode.HYBRID, query_str=None)


def test_deletions(store: Tv5VectorStore) -> None:
    store.delete("doc0")
    assert len(store.client) == 15
    store.delete_nodes(["n5", "unknown"])
    store.delete_nodes(filters=_filters("n", 18, FilterOperator.GT))
    store.delete_nodes(["n6", "n7"], _filters("topic", "sea"))
    assert {node.node_id for node in store.get_nodes()} == {"n6", *(f"n{n}" for n in range(8, 19))}
    with pytest.raises(InvalidInputError):
        store.delete_nodes()
    store.clear()
    assert store.get_nodes() == []


async def test_the_same_awaited(store: Tv5VectorStore) -> None:
    query = VectorStoreQuery(query_embedding=VECTORS[3].tolist(), similarity_top_k=2)
    assert (await store.aquery(query)).ids == store.query(query).ids
    assert await store.aget_nodes(["n1"]) == [NODES[1]]
    await store.adelete("doc0")
    await store.adelete_nodes(["n9"])
    assert len(store.client) == 14
    assert await store.async_add([NODES[0]]) == ["n0"]
    await store.aclear()
    assert len(store.client) == 0


def test_a_temporary_store_is_persisted(tmp_path: Path) -> None:
    with Tv5VectorStore() as store:
        store.add(NODES[:3])
        store.persist(str(tmp_path / "copy"))
        store.persist(str(tmp_path / "copy"), fs=fsspec.filesystem("file"))
        with pytest.raises(InvalidInputError, match="local file system"):
            store.persist(str(tmp_path / "other"), fs=fsspec.filesystem("memory"))
    with Tv5VectorStore.from_persist_path(str(tmp_path / "copy")) as again:
        assert len(again.get_nodes()) == 3
        again.persist(str(tmp_path / "more"))
        assert not (tmp_path / "more").exists(), "it is on disk already"
    with pytest.raises(NotACatalogError):
        Tv5VectorStore(str(tmp_path / "none"), read_only=True)


def test_it_is_serialised_without_its_documents(store: Tv5VectorStore) -> None:
    data = store.to_dict()
    assert data["path"] == store.path
    assert data["fields"] == {"topic": "keyword", "n": "int"}
    with Tv5VectorStore.from_dict(data) as other:
        assert len(other.client) == 20


def test_an_index_over_it(tmp_path: Path) -> None:
    embed = MockEmbedding(embed_dim=8)
    documents = [Document(id_=f"d{n}", text=f"text {n}", metadata={"n": n}) for n in range(5)]
    with Tv5VectorStore(tmp_path / "d") as store:
        context = StorageContext.from_defaults(vector_store=store)
        index = VectorStoreIndex.from_documents(documents, context, embed_model=embed)
        assert len(index.as_retriever(similarity_top_k=3).retrieve("text")) == 3
        index.delete_ref_doc("d1")
        context.persist(str(tmp_path / "storage"))
    with Tv5VectorStore(tmp_path / "d") as store:
        index = VectorStoreIndex.from_vector_store(store, embed_model=embed)
        found = index.as_retriever(similarity_top_k=9, filters=_filters("n", 2)).retrieve("text")
        assert [one.node.get_content() for one in found] == ["text 2"]
        assert len(index.as_retriever(similarity_top_k=9).retrieve("text")) == 4
        words = index.as_retriever(similarity_top_k=9, vector_store_query_mode="text_search")
        assert [one.node.ref_doc_id for one in words.retrieve("4")] == ["d4"]


def test_what_is_no_node_is_refused(store: Tv5VectorStore) -> None:
    for wrong in (["text"], "text", [NODES[0], None]):
        with pytest.raises(InvalidInputError, match="expected"):
            store.add(wrong)  # type: ignore[arg-type]
    assert len(store.client) == 20


async def test_titles_are_retrieved(films: Catalog) -> None:
    retriever = CatalogRetriever(films, 3, where="year:<1980")
    found = retriever.retrieve("a shark at the beach")
    assert found[0].node.metadata["title"] == "Jaws"
    assert 0 < (found[0].score or 0) <= 1
    assert "Steven Spielberg" in found[0].node.get_content()
    again = await retriever.aretrieve("a shark at the beach")
    assert [one.node_id for one in again] == [one.node_id for one in found]
    with pytest.raises(InvalidInputError):
        CatalogRetriever("films")  # type: ignore[arg-type]
