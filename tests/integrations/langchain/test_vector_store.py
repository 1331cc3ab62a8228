"""What LangChain's suites leave open: filters, scores, hybrid, diversity, retrievers, reopening."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import InMemoryRecordManager, index

from tv5core import Catalog, DimensionError, InvalidInputError
from tv5core.integrations.langchain import CatalogRetriever, Tv5VectorStore
from tv5core.integrations.langchain.filters import as_condition

EMBEDDING = DeterministicFakeEmbedding(size=12)
TOPICS = ["sea", "sky", "Sea"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Tv5VectorStore]:
    with Tv5VectorStore(EMBEDDING, tmp_path / "d", fields={"topic": "keyword", "n": "int"}) as made:
        made.add_texts(
            [f"text {n} of sharks" for n in range(60)],
            [{"topic": TOPICS[n % 3], "n": n, "tags": [f"t{n % 4}"]} for n in range(60)],
            ids=[f"d{n}" for n in range(60)],
        )
        yield made


FILTERS: list[tuple[dict[str, Any], Any]] = [
    ({"topic": "sea"}, lambda m: m["topic"] == "sea"),
    ({"topic": {"$ne": "sea"}, "n": {"$gte": 10, "$lt": 40}},
     lambda m: m["topic"] != "sea" and 10 <= m["n"] < 40),
    ({"$or": [{"n": {"$in": [1, 2]}}, {"n": {"$gt": 57}}]}, lambda m: m["n"] in (1, 2, 58, 59)),
    ({"$and": [{"n": {"$nin": [1]}}, {"n": {"$lte": 3}}]}, lambda m: m["n"] in (0, 2, 3)),
    ({"$not": {"topic": {"$eq": "sky"}}}, lambda m: m["topic"] != "sky"),
    ({"tags": {"$contains": "t3"}}, lambda m: "t3" in m["tags"]),
    ({"topic": {"$like": "SE"}}, lambda m: m["topic"].lower() == "sea"),
    ({"other": {"$exists": True}}, lambda m: False),
    ({"n": {"$exists": True}}, lambda m: True),
    ({}, lambda m: True),
]  # fmt: skip


@pytest.mark.parametrize(("given", "right"), FILTERS)
def test_filters_leave_what_they_say(store: Tv5VectorStore, given: Any, right: Any) -> None:
    expected = sum(right(one.metadata) for one in store.get_by_ids([f"d{n}" for n in range(60)]))
    found = store.similarity_search("sharks", k=60, filter=given)
    assert len(found) == expected
    assert all(right(one.metadata) for one in found)
    assert len(store.similarity_search("sharks", k=2, filter=given)) == min(2, expected)


def test_a_function_is_a_filter(store: Tv5VectorStore) -> None:
    found = store.similarity_search(
        "x", k=9, filter=lambda one: one.page_content == "text 7 of sharks"
    )
    assert [one.id for one in found] == ["d7"]


@pytest.mark.parametrize(
    "wrong",
    [
        5, {"$nor": []}, {"n": {"$about": 3}}, {"$or": {"n": 1}}, {"n": {"$in": 3}}, {3: 4},
        {"n": {"$exists": 1}}, {"n": {"$like": 1}}, {"$and": [3]}, {"n": {"$gt": 1, "b": 2}},
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="expected"):
        as_condition(wrong)


def test_filters_nested_without_end_are_refused() -> None:
    deep: dict[str, Any] = {"n": 1}
    for _ in range(5_000):
        deep = {"$not": deep}
    with pytest.raises(InvalidInputError, match="nested at most"):
        as_condition(deep)


async def test_all_ways_find_the_same(store: Tv5VectorStore) -> None:
    text, vector = "text 7 of sharks", EMBEDDING.embed_query("text 7 of sharks")
    best = store.similarity_search(text, k=5)
    assert best[0].id == "d7"
    assert store.similarity_search_by_vector(vector, k=5) == best
    assert await store.asimilarity_search(text, k=5) == best
    assert await store.asimilarity_search_by_vector(vector, k=5) == best
    scored = store.similarity_search_with_score(text, k=5)
    assert await store.asimilarity_search_with_score(text, k=5) == scored
    assert [one for one, _ in scored] == best
    assert scored[0][1] == pytest.approx(1, abs=1e-3)
    relevant = store.similarity_search_with_relevance_scores(text, k=60)
    assert all(0 <= score <= 1 for _, score in relevant)
    above = store.similarity_search_with_relevance_scores(text, k=60, score_threshold=0.99)
    assert [one.id for one, _ in above] == ["d7"]


async def test_diversity(store: Tv5VectorStore) -> None:
    vector = EMBEDDING.embed_query("sharks")
    options: dict[str, Any] = {
        "k": 4,
        "fetch_k": 30,
        "lambda_mult": 0.1,
        "filter": {"topic": "sea"},
    }
    chosen = store.max_marginal_relevance_search("sharks", **options)
    assert len({one.id for one in chosen}) == 4
    assert {one.metadata["topic"] for one in chosen} == {"sea"}
    assert store.max_marginal_relevance_search_by_vector(vector, **options) == chosen
    assert await store.amax_marginal_relevance_search("sharks", **options) == chosen
    assert await store.amax_marginal_relevance_search_by_vector(vector, **options) == chosen
    near = store.similarity_search("sharks", k=4, filter={"topic": "sea"})
    alike = store.max_marginal_relevance_search("sharks", **{**options, "lambda_mult": 1.0})
    assert alike == near != chosen


def test_retrievers_pass_options_on(store: Tv5VectorStore) -> None:
    words = store.as_retriever(search_kwargs={"k": 1, "alpha": 0.0})
    assert words.invoke("41")[0].id == "d41"
    both = store.as_retriever(search_kwargs={"k": 3, "alpha": 0.5, "filter": {"n": {"$lt": 9}}})
    assert {one.metadata["n"] < 9 for one in both.invoke("text 5")} == {True}
    diverse = store.as_retriever(search_type="mmr", search_kwargs={"k": 2})
    assert len(diverse.invoke("sharks")) == 2


async def test_a_store_is_made_of_texts_and_opened_again(tmp_path: Path) -> None:
    made = Tv5VectorStore.from_texts(["a b"], EMBEDDING, [{"n": 1}], ids=["x"], path=tmp_path / "d")
    made.close()
    with Tv5VectorStore(EMBEDDING, tmp_path / "d") as again:
        assert again.get_by_ids(["x"]) == [Document(id="x", page_content="a b", metadata={"n": 1})]
    made = await Tv5VectorStore.afrom_texts(["a"], EMBEDDING, path=tmp_path / "e")
    assert len(made.documents) == 1
    made.close()
    with (
        pytest.raises(DimensionError),
        Tv5VectorStore(DeterministicFakeEmbedding(size=13), tmp_path / "d") as other,
    ):
        other.add_texts(["c"])


def test_langchains_indexing_adds_skips_and_cleans(tmp_path: Path) -> None:
    manager = InMemoryRecordManager("test")
    manager.create_schema()
    with Tv5VectorStore(EMBEDDING, tmp_path / "d") as store:
        some = [Document(page_content=t, metadata={"source": t}) for t in "abc"]
        options: dict[str, Any] = {"cleanup": "full", "source_id_key": "source"}
        options["key_encoder"] = "sha256"
        assert index(some, manager, store, **options)["num_added"] == 3
        result = index(some[:2], manager, store, **options)
        assert (result["num_skipped"], result["num_deleted"]) == (2, 1)
        assert len(store.documents) == 2


def test_wrong_calls(store: Tv5VectorStore) -> None:
    before = len(store.documents)
    for call in (
        lambda: store.add_texts(["a"], [{}, {}]),
        lambda: store.add_texts(["a", "b"], ids=["x"]),
        lambda: store.add_texts("abc"),
        lambda: store.add_documents(["abc"]),  # type: ignore[list-item]
        lambda: store.add_texts(["a"], [{"n": "three"}]),
        lambda: store.similarity_search("a", k=0),
        lambda: Tv5VectorStore("no embedding"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidInputError, match="expected"):
            call()
    assert len(store.documents) == before
    with Tv5VectorStore(EMBEDDING, metric="ip") as other, pytest.raises(InvalidInputError):
        other.similarity_search_with_relevance_scores("a")


async def test_titles_are_retrieved(films: Catalog) -> None:
    retriever = CatalogRetriever(catalog=films, k=3, where="year:<1980")
    found = retriever.invoke("a shark at the beach")
    assert found[0].metadata["title"] == "Jaws"
    assert "Steven Spielberg" in found[0].page_content
    assert all(one.metadata["year"] < 1980 for one in found)
    assert await retriever.ainvoke("a shark at the beach") == found
    assert len(retriever.invoke("shark", k=1, where=None)) == 1
    with pytest.raises(InvalidInputError):
        retriever.invoke("shark", where="yeer:1")
