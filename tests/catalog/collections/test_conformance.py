"""What a catalogue does is the same wherever its vectors are; brute force says what is right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.catalog.numbered import DIM, films, vectors
from tv5core.catalog import Catalog
from tv5core.errors import DimensionError
from tv5core.types import Title

COUNT = 700
F32 = npt.NDArray[np.float32]


@pytest.fixture
def catalog(tmp_path: Path, vectors_at: str | None) -> Iterator[Catalog]:
    with Catalog.open(tmp_path / "c", embedder=None, vectors=vectors_at) as opened:
        opened.add(some_films(0, COUNT), vectors(0, COUNT))
        yield opened


def some_films(start: int, stop: int) -> list[Title]:
    return [
        Title(
            f"id{i}", "movie", f"Film {i}", year=1950 + i % 70, genres=("Drama",) if i % 3 else ()
        )
        for i in range(start, stop)
    ]


def cosines(query: F32, known: dict[int, F32]) -> dict[str, float]:
    numbers = list(known)
    matrix = np.stack([known[i] for i in numbers])
    found = matrix @ query / np.linalg.norm(matrix, axis=1) / np.linalg.norm(query)
    return {f"id{number}": float(cosine) for number, cosine in zip(numbers, found, strict=True)}


def nearest(query: F32, known: dict[int, F32], k: int) -> list[str]:
    scores = cosines(query, known)
    return sorted(scores, key=lambda name: -scores[name])[:k]


def check(found: list[str], query: F32, known: dict[int, F32], k: int) -> None:
    """These are the nearest, in order; rows of two bytes a dimension may swap nearly equal ones."""
    scores = cosines(query, known)
    assert len(set(found)) == len(found)
    best = sorted(scores.values(), reverse=True)[:k]
    np.testing.assert_allclose([scores[name] for name in found], best, atol=1e-3)


def stored() -> dict[int, F32]:
    return dict(enumerate(vectors(0, COUNT)))


def ids(catalog: Catalog, query: F32, k: int = 10, **how: object) -> list[str]:
    return [hit.id for hit in catalog.search(query, k, exact=True, **how)]  # type: ignore[arg-type]


@pytest.fixture
def query() -> F32:
    return vectors(5_000, 5_001)[0]


@pytest.mark.parametrize("sent", [False, True])
def test_nearest_titles(catalog: Catalog, query: F32, sent: bool) -> None:
    if sent:
        catalog.wait()
    check(ids(catalog, query), query, stored(), 10)
    check(ids(catalog, query, 300), query, stored(), 300)
    assert catalog.search(query, 1)[0].id == nearest(query, stored(), 1)[0]


def test_what_is_written_is_read(catalog: Catalog, query: F32) -> None:
    known = stored()
    for i in range(COUNT, COUNT + 5):
        known[i] = query + vectors(i, i + 1)[0] / 10
        catalog.add(some_films(i, i + 1), known[i][None])
        check(ids(catalog, query), query, known, 10)
    best = int(nearest(query, known, 1)[0][2:])
    catalog.delete(f"id{best}")
    del known[best]
    check(ids(catalog, query), query, known, 10)
    known[3] = query
    catalog.add(some_films(3, 4), query[None])
    assert ids(catalog, query)[0] == "id3"
    catalog.wait()
    check(ids(catalog, query), query, known, 10)
    known[3] = -query
    catalog.add(some_films(3, 4), -query[None])
    check(ids(catalog, query), query, known, 10)
    catalog.add(some_films(4, 5), [None])
    del known[4]
    check(ids(catalog, query, COUNT), query, known, COUNT)


@pytest.mark.parametrize("sent", [False, True])
def test_filters_leave_out_what_is_not_allowed(catalog: Catalog, query: F32, sent: bool) -> None:
    if sent:
        catalog.wait()
    for where, test in (
        ("year:1960", lambda i: i % 70 == 10),
        ("genre:Drama", lambda i: i % 3 > 0),
        ("genre:Drama year:>=2000", lambda i: i % 3 > 0 and i % 70 >= 50),
        ("year:3000", lambda i: False),
    ):
        known = {i: vector for i, vector in stored().items() if test(i)}
        found = ids(catalog, query, 8, where=where)
        if known:
            check(found, query, known, 8)
        else:
            assert found == []
    chosen = [f"id{i}" for i in range(20)]
    known = {i: vector for i, vector in stored().items() if i < 20}
    check(ids(catalog, query, 30, allow=chosen), query, known, 30)


def test_similar_titles_and_pages(catalog: Catalog) -> None:
    catalog.wait()
    known = stored()
    alike = [hit.id for hit in catalog.similar("id7", 5)]
    assert alike == nearest(known[7], {i: v for i, v in known.items() if i != 7}, 5)
    first = catalog.search(known[7], 10, cursor="")
    more = catalog.search(known[7], 10, cursor=first.cursor)
    assert [hit.id for hit in (*first, *more)] == nearest(known[7], known, 20)


def test_reopening(catalog: Catalog, query: F32, tmp_path: Path, vectors_at: str | None) -> None:
    catalog.wait()
    catalog.seal()
    catalog.add(some_films(COUNT, COUNT + 1), query[None])
    catalog.delete("id9")
    catalog.close()
    known = stored() | {COUNT: query}
    del known[9]
    with Catalog.open(tmp_path / "c", embedder=None, vectors=vectors_at) as again:
        check(ids(again, query), query, known, 10)
        again.wait()
        check(ids(again, query), query, known, 10)
        assert again.verify().ok
        assert again.info()["vectors"] == COUNT


def test_a_reader_follows(
    catalog: Catalog, query: F32, tmp_path: Path, vectors_at: str | None
) -> None:
    known = stored()
    with Catalog.open(tmp_path / "c", embedder=None, vectors=vectors_at, read_only=True) as reader:
        check(ids(reader, query), query, known, 10)
        catalog.wait()
        known[COUNT] = query
        catalog.add(some_films(COUNT, COUNT + 1), query[None])
        check(ids(reader, query), query, known, 10)
        catalog.delete("id3")
        del known[3]
        catalog.wait()
        check(ids(reader, query), query, known, 10)
        check(ids(reader, query, COUNT), query, known, COUNT)


def test_words_and_meaning_together(tmp_path: Path, vectors_at: str | None) -> None:
    with Catalog.open(tmp_path / "t", vectors=vectors_at) as catalog:
        plots = ["a shark hunts swimmers", "a ship sinks", "two friends rob a bank"]
        catalog.add(
            [
                Title(f"id{i}", "movie", f"Name {i}", overview=f"{plots[i % 3]} number{i}")
                for i in range(90)
            ]
        )
        catalog.wait()
        for sealed in (False, True):
            if sealed:
                catalog.seal()
            found = catalog.search("a shark hunts swimmers", 30)
            assert {int(hit.id[2:]) % 3 for hit in found} == {0}
            assert not found.degraded
        catalog.refit()
        catalog.wait()
        assert {int(hit.id[2:]) % 3 for hit in catalog.search("friends rob a bank", 30)} == {2}
        assert catalog.search("swimmers", mode="semantic")
        assert catalog.verify().ok


def test_another_width_is_refused(catalog: Catalog, query: F32) -> None:
    with pytest.raises(DimensionError):
        catalog.add(some_films(0, 1), np.ones((1, DIM + 1), np.float32))
    with pytest.raises(DimensionError):
        catalog.search(np.ones(DIM + 1, np.float32))
    check(ids(catalog, query), query, stored(), 10)


def test_random_changes(catalog: Catalog, query: F32) -> None:
    rng, known = np.random.default_rng(0), stored()
    for step in range(25):
        some = rng.integers(0, COUNT + 100, 20).tolist()
        if step % 3 == 2:
            catalog.delete([f"id{i}" for i in some])
            for i in some:
                known.pop(i, None)
        else:
            some = sorted(set(some))
            new = rng.standard_normal((len(some), DIM)).astype(np.float32)
            catalog.add([film for i in some for film in some_films(i, i + 1)], new)
            known |= dict(zip(some, new, strict=True))
        check(ids(catalog, query, 12), query, known, 12)
    catalog.wait()
    check(ids(catalog, query, 50), query, known, 50)


def test_nothing_is_not_an_error(tmp_path: Path, vectors_at: str | None) -> None:
    with Catalog.open(tmp_path / "e", embedder=None, vectors=vectors_at) as catalog:
        assert not catalog.search(np.ones(DIM, np.float32))
        catalog.add(films(0, 2), [None, vectors(1, 2)[0]])
        catalog.delete("tmdb:movie:1")
        catalog.wait()
        assert not catalog.search(np.ones(DIM, np.float32))
        catalog.seal()
        catalog.add(films(1, 2), vectors(1, 2))
        assert [hit.id for hit in catalog.search(np.ones(DIM, np.float32))] == ["tmdb:movie:1"]
        catalog.wait()
        catalog.delete("tmdb:movie:1")
        catalog.wait()
        assert not catalog.search(np.ones(DIM, np.float32))
