"""A catalogue copied into a collection and back, whoever keeps that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.catalog.numbered import DIM, films, vectors
from tv5core.catalog import Catalog
from tv5core.errors import CollectionMismatchError, VectorDatabaseError
from tv5core.types import Progress, Title
from tv5core.vector_databases import open_collection

COUNT = 600


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(tmp_path / "c", embedder=None, extra_fields={"studio": "keyword"}) as opened:
        opened.add(films(0, COUNT, "A plot"), vectors(0, COUNT))
        yield opened


def same(one: Catalog, other: Catalog) -> None:
    ids = list(one.ids())
    assert list(other.ids()) == ids
    assert other.get_many(ids) == one.get_many(ids)
    for mine, theirs in zip(one.get_vectors(ids), other.get_vectors(ids), strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None and theirs is not None:
            np.testing.assert_allclose(
                mine / np.linalg.norm(mine), theirs / np.linalg.norm(theirs), atol=1e-6
            )


def test_there_and_back(catalog: Catalog, url: str, tmp_path: Path) -> None:
    catalog.add(
        [Title("x", "show", "Ünï", extra={"studio": "A"}, rating=float("inf"))], [[1.0] * DIM]
    )
    done = catalog.export_collection(url)
    assert (done.titles, done.vectors, done.sent, done.removed) == (
        COUNT + 1,
        COUNT + 1,
        COUNT + 1,
        0,
    )
    assert done.sampled == 20
    assert done.recall == 1
    with Catalog.open(tmp_path / "back", embedder=None) as back:
        done = back.import_collection(url)
        assert (done.titles, done.sent, done.sampled, done.recall) == (COUNT + 1, COUNT + 1, 20, 1)
        same(catalog, back)
        assert back.extra_fields == {"studio": "keyword"}


def test_a_second_export_sends_what_has_changed(catalog: Catalog, url: str) -> None:
    catalog.export_collection(url)
    assert catalog.export_collection(url).sent == 0
    catalog.delete(["tmdb:movie:3"])
    catalog.add(films(5, 7, "Another plot"), vectors(5, 7, seed=1))
    catalog.add(films(COUNT, COUNT + 1), vectors(COUNT, COUNT + 1))
    done = catalog.export_collection(url)
    assert (done.sent, done.removed, done.vectors) == (3, 1, COUNT)


def test_titles_without_a_vector_are_in_no_collection(catalog: Catalog, url: str) -> None:
    catalog.add(films(COUNT, COUNT + 2), [None, vectors(1, 2)[0]])
    done = catalog.export_collection(url)
    assert (done.titles, done.vectors) == (COUNT + 2, COUNT + 1)


class _EnoughError(Exception):
    pass


def stop_after(points: int) -> Progress:
    def report(done: int, _total: int, stage: str) -> None:
        if stage in ("exporting", "importing") and done >= points:
            raise _EnoughError

    return report


def test_an_interrupted_export_goes_on(catalog: Catalog, url: str) -> None:
    with pytest.raises(_EnoughError):
        catalog.export_collection(url, stop_after(300))
    catalog.add(films(2, 3, "Changed"), vectors(2, 3, seed=1))
    catalog.delete(["tmdb:movie:1"])
    done = catalog.export_collection(url)
    assert done.sent == COUNT - 512 + 1
    assert done.removed == 1
    assert done.vectors == COUNT - 1


def test_an_interrupted_export_is_no_whole_one(catalog: Catalog, url: str, tmp_path: Path) -> None:
    with pytest.raises(_EnoughError):
        catalog.export_collection(url, stop_after(300))
    with (
        Catalog.open(tmp_path / "back", embedder=None) as back,
        pytest.raises(CollectionMismatchError, match="interrupted"),
    ):
        back.import_collection(url)
    assert not len(back.__class__.open(tmp_path / "back", embedder=None, read_only=True))


def test_an_interrupted_import_goes_on(catalog: Catalog, url: str, tmp_path: Path) -> None:
    catalog.export_collection(url)
    with Catalog.open(tmp_path / "back", embedder=None) as back:
        calls = []

        def report(done: int, _total: int, _stage: str) -> None:
            calls.append(done)
            if done > 300:
                raise _EnoughError

        with pytest.raises(_EnoughError):
            back.import_collection(url, report)
        done = back.import_collection(url)
        assert done.sent == COUNT - 512
        same(catalog, back)
        assert back.import_collection(url).sent == COUNT  # what is finished begins anew


def test_another_catalogues_collection_is_left_alone(
    catalog: Catalog, url: str, tmp_path: Path
) -> None:
    catalog.export_collection(url)
    with Catalog.open(tmp_path / "other", embedder=None) as other:
        other.add(films(0, 3), vectors(0, 3))
        with pytest.raises(CollectionMismatchError, match="another name"):
            other.export_collection(url)
        assert catalog.export_collection(url).vectors == COUNT
        assert other.export_collection(url, replace=True).vectors == 3
    with pytest.raises(CollectionMismatchError):
        catalog.export_collection(url)


def test_a_collection_of_others_is_left_alone(catalog: Catalog, url: str) -> None:
    collection = open_collection(url)
    collection.create(DIM, "cosine", {})
    collection.put([1], np.ones((1, DIM), np.float32), [{}])
    with pytest.raises(CollectionMismatchError, match="of others"):
        catalog.export_collection(url)
    assert collection.count() == 1
    collection.close()


def test_another_width_is_refused(catalog: Catalog, url: str, tmp_path: Path) -> None:
    from tv5core.catalog.collection_labels import COPY, Labels

    collection = open_collection(url)
    labels = Labels.of(catalog._store.meta, COPY)
    collection.create(DIM + 8, "cosine", labels.stored())
    with pytest.raises(CollectionMismatchError, match="dimensions"):
        catalog.export_collection(url)
    collection.close()


def test_no_collection_is_named(url: str, tmp_path: Path) -> None:
    with (
        Catalog.open(tmp_path / "back", embedder=None) as back,
        pytest.raises(CollectionMismatchError, match="got none"),
    ):
        back.import_collection(url)


def test_points_of_others_are_removed(catalog: Catalog, url: str) -> None:
    catalog.export_collection(url)
    collection = open_collection(url)
    collection.put([99_999], np.ones((1, DIM), np.float32), [{}])
    done = catalog.export_collection(url)
    assert (done.removed, done.vectors) == (1, COUNT)
    collection.close()


def test_a_point_that_was_changed_there_is_seen(catalog: Catalog, url: str) -> None:
    catalog.export_collection(url)
    collection = open_collection(url)
    collection.put(range(COUNT), -vectors(0, COUNT), [{"id": "x"}] * COUNT)
    with pytest.raises(VectorDatabaseError, match="another vector"):
        catalog.export_collection(url)
    collection.close()


def test_titles_may_be_embedded_anew(catalog: Catalog, url: str, tmp_path: Path) -> None:
    catalog.export_collection(url)
    with Catalog.open(tmp_path / "back") as back:
        assert back.import_collection(url, embed=True).titles == COUNT
        assert back.search("plot", 3)
