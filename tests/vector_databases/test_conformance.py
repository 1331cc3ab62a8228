"""What every collection does, whoever keeps it; compared with brute force."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest

from tests.vector_databases.servers import MilvusServer, fresh_name
from tv5core.errors import InvalidInputError, VectorDatabaseError, VectorDatabaseUnavailableError
from tv5core.vector_databases import Point, Quality, VectorCollection, open_collection

F32 = npt.NDArray[np.float32]
DIM, COUNT = 24, 300


def unit(vectors: F32) -> F32:
    made: F32 = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return made


@pytest.fixture
def vectors() -> F32:
    return np.random.default_rng(1).standard_normal((COUNT, DIM)).astype(np.float32)


@pytest.fixture
def empty(url: str) -> Iterator[VectorCollection]:
    collection = open_collection(url)
    yield collection
    collection.close()


@pytest.fixture
def filled(empty: VectorCollection, vectors: F32) -> VectorCollection:
    empty.create(DIM, "cosine", {"catalog": "abc"})
    for start in range(0, COUNT, 128):
        some = vectors[start : start + 128]
        keys = list(range(start, start + len(some)))
        empty.put(keys, some, [{"id": f"id{key}"} for key in keys])
    return empty


def keys_of(points: list[Point]) -> list[int]:
    return [point.key for point in points]


def test_there_is_none_until_it_is_created(empty: VectorCollection) -> None:
    assert empty.describe() is None
    empty.create(DIM, "ip", {"catalog": "abc"})
    found = empty.describe()
    assert found is not None
    assert (found.dim, found.metric, dict(found.labels)) == (DIM, "ip", {"catalog": "abc"})
    assert empty.count() == 0
    empty.drop()
    assert empty.describe() is None
    empty.drop()


def test_labels_are_replaced(filled: VectorCollection) -> None:
    filled.label({"catalog": "other"})
    found = filled.describe()
    assert found is not None
    assert dict(found.labels) == {"catalog": "other"}


def test_points_come_back(filled: VectorCollection, vectors: F32) -> None:
    assert filled.count() == COUNT
    found = {point.key: point for point in filled.get([7, 9, 99_999])}
    assert sorted(found) == [7, 9]
    assert found[7].payload == {"id": "id7"}
    assert found[7].vector is not None
    np.testing.assert_allclose(unit(found[7].vector), unit(vectors[7]), atol=1e-6)


def test_pages_are_in_the_order_of_keys(filled: VectorCollection) -> None:
    first = filled.page(290, 7, vectors=False, payloads=True)
    assert keys_of(first) == list(range(290, 297))
    assert first[0].payload == {"id": "id290"}
    assert first[0].vector is None
    assert keys_of(filled.page(297, 7, vectors=True, payloads=False)) == [297, 298, 299]
    assert filled.page(300, 7, vectors=False, payloads=False) == []


def test_nearest_are_those_of_brute_force(filled: VectorCollection, vectors: F32) -> None:
    query = np.random.default_rng(2).standard_normal(DIM).astype(np.float32)
    keys, scores = filled.search(query, 10, Quality(exact=True))
    cosines = unit(vectors) @ unit(query)
    assert keys.tolist() == np.argsort(-cosines)[:10].tolist()
    np.testing.assert_allclose(scores, np.sort(cosines)[::-1][:10], atol=1e-5)


def test_nearest_among_some_keys(filled: VectorCollection, vectors: F32) -> None:
    query = vectors[0]
    chosen = list(range(100, 140))
    keys, _ = filled.search(query, 5, Quality(exact=True), chosen)
    cosines = unit(vectors[100:140]) @ unit(query)
    assert keys.tolist() == [100 + place for place in np.argsort(-cosines)[:5].tolist()]


def test_putting_and_deleting_twice_is_as_once(filled: VectorCollection, vectors: F32) -> None:
    for _ in range(2):
        filled.put([3], vectors[200:201], [{"id": "new"}])
        filled.delete([4, 99_999])
    assert filled.count() == COUNT - 1
    (point,) = filled.get([3, 4])
    assert point.payload == {"id": "new"}
    keys, _ = filled.search(vectors[200], 2, Quality(exact=True))
    assert sorted(keys.tolist()) == [3, 200]
    filled.put([], vectors[:0], [])
    filled.delete([])


def test_a_vector_of_another_width_is_refused(filled: VectorCollection) -> None:
    with pytest.raises(VectorDatabaseError):
        filled.put([1], np.ones((1, DIM + 1), np.float32), [{}])
    with pytest.raises(VectorDatabaseError):
        filled.search(np.ones(DIM + 1, np.float32), 3, Quality())
    assert filled.count() == COUNT


def test_what_does_not_exist_is_refused(empty: VectorCollection) -> None:
    with pytest.raises(VectorDatabaseError):
        empty.count()


@pytest.mark.parametrize("scheme", ["qdrant", "milvus"])
def test_a_server_that_is_gone_is_unavailable(scheme: str) -> None:
    collection = open_collection(f"{scheme}://127.0.0.1:1/films?timeout_s=2")
    with pytest.raises(VectorDatabaseUnavailableError, match="://127"):
        collection.describe()
    collection.close()


def test_a_server_that_comes_back_is_used_again(milvus: MilvusServer) -> None:
    collection = open_collection(f"{milvus.url}/{fresh_name()}?timeout_s=30")
    collection.create(DIM, "cosine", {})
    collection.put([1], np.ones((1, DIM), np.float32), [{}])
    milvus.stop()
    with pytest.raises(VectorDatabaseUnavailableError):
        collection.count()
    milvus.start()
    assert patiently(collection.count) == 1
    collection.close()


def patiently(ask: Callable[[], int]) -> int:
    """Ask until a server answers: gRPC leaves an address alone for a while after a failure."""
    ends = time.monotonic() + 60
    while True:
        try:
            return ask()
        except VectorDatabaseUnavailableError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)


def test_a_missing_client_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for module, url in (("qdrant_client", "qdrant://h/c"), ("pymilvus", "milvus://h/c")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(InvalidInputError, match=r"pip install 'tv5core\[(qdrant|milvus)\]'"):
            open_collection(url)
