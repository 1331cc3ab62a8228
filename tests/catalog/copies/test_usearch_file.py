"""A catalogue's index in a file that usearch loads: keys lead to ids, vectors are as given."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from usearch.index import Index

from tests.catalog.generations import film, vector
from tv5core import Catalog, errors
from tv5core.vector_files import open_vectors

COUNT = 80


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    catalog = Catalog.open(tmp_path / "c", auto_seal=False)
    catalog.add([film(i) for i in range(COUNT)], [vector(i) for i in range(COUNT)])
    return catalog


def ids_of(path: Path) -> dict[int, str]:
    lines = path.with_name(path.name + ".ids.jsonl").read_text().splitlines()
    return {each["key"]: each["id"] for each in map(json.loads, lines)}


def test_usearch_finds_the_titles(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "films.usearch"
    with catalog:
        catalog.seal()
        catalog.delete(["id3", "id4"])
        done = catalog.export(path)
        assert (done.titles, done.vectors) == (COUNT - 2, COUNT - 2)
        assert done.bytes == sum(each.stat().st_size for each in tmp_path.glob("films.*"))
        found = Index.restore(str(path))
        assert found is not None
        ids = ids_of(path)
        for i in (0, 5, 40):
            want = [hit.id for hit in catalog.search(vector(i), 3, exact=True)]
            assert [ids[int(key)] for key in found.search(vector(i), 3).keys] == want


def test_vectors_are_those_given_not_those_rounded(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "films.usearch"
    with catalog:
        catalog.seal()
        catalog.export(path)
    back, ids = open_vectors(path), ids_of(path)
    assert back.keys is not None
    for key, row in zip(back.keys.tolist(), back.vectors, strict=True):
        given = vector(int(ids[key].removeprefix("id")))
        np.testing.assert_allclose(row, given / np.linalg.norm(given), atol=6e-4)


def test_titles_that_are_not_sealed_are_an_error(catalog: Catalog, tmp_path: Path) -> None:
    with catalog, pytest.raises(errors.InvalidInputError, match="80 to seal of 80"):
        catalog.export(tmp_path / "films.usearch")
    with (
        Catalog.open(tmp_path / "empty") as empty,
        pytest.raises(errors.InvalidInputError, match="got one without any"),
    ):
        empty.export(tmp_path / "films.usearch")
    assert not (tmp_path / "films.usearch").exists()
