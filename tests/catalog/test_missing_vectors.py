"""Ready vectors of some titles only, vectors read back, and fields that are only stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tv5core import Catalog, DimensionError, InvalidInputError, Title

ONE, OTHER = np.eye(8, dtype=np.float32)[:2]


def _title(id: str, overview: str = "a shark at the beach") -> Title:
    return Title(id, "movie", "", overview=overview)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog.open(tmp_path / "films", embedder=None)


def _found(catalog: Catalog, vector: np.ndarray) -> list[str]:
    return sorted(hit.id for hit in catalog.search(vector))


def test_a_title_without_a_vector_is_found_by_words_only(catalog: Catalog) -> None:
    with catalog:
        catalog.add([_title("a"), _title("b")], vectors=[ONE, None])
        assert _found(catalog, ONE) == ["a"]
        assert {hit.id for hit in catalog.search("shark", mode="keyword")} == {"a", "b"}
        assert catalog.seal()
        assert _found(catalog, ONE) == ["a"]
        assert catalog.verify().ok


def test_titles_none_of_which_has_a_vector(catalog: Catalog) -> None:
    with catalog:
        catalog.add([_title("a"), _title("b")], vectors=[None, None])
        assert catalog.get_vectors(["a", "b", "c"]) == [None, None, None]
        assert len(catalog.search("shark", mode="keyword")) == 2
        catalog.add([_title("b")], vectors=[ONE])
        assert _found(catalog, ONE) == ["b"]


def test_none_removes_the_vector_that_was_there(catalog: Catalog, tmp_path: Path) -> None:
    with catalog:
        catalog.add([_title("a"), _title("b")], vectors=[ONE, OTHER])
        result = catalog.add([_title("a"), _title("b")], vectors=[None, OTHER])
        assert (result.updated, result.unchanged) == (1, 1)
        assert _found(catalog, ONE) == ["b"]
    with Catalog.open(tmp_path / "films", embedder=None) as again:
        assert _found(again, ONE) == ["b"]
        first, second = again.get_vectors(["a", "b"])
        assert first is None
        assert second is not None
        assert second.tolist() == OTHER.tolist()


def test_a_title_that_waits_for_a_vector_waits_no_longer_without_one(catalog: Catalog) -> None:
    with catalog:
        catalog.add([_title("a")], embed=False)
        catalog.add([_title("a"), _title("b")], vectors=[None, ONE])
        assert catalog.embed_pending() == 0


def test_vectors_are_given_back_as_they_were(catalog: Catalog) -> None:
    given = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
    with catalog:
        catalog.add([_title(name) for name in "abc"], vectors=given)
        got = catalog.get_vectors(["c", "a"])
        assert np.array_equal(np.stack([v for v in got if v is not None]), given[[2, 0]])


@pytest.mark.parametrize(
    ("vectors", "error", "message"),
    [
        ([None], InvalidInputError, "expected 2 vectors, one a title, got 1"),
        ([None, ONE[:7]], DimensionError, "dim"),
        ([None, [1, "x"]], InvalidInputError, "expected"),
    ],
)
def test_wrong_vectors_store_nothing(
    catalog: Catalog, vectors: list[object], error: type[Exception], message: str
) -> None:
    with catalog:
        with pytest.raises(error, match=message):
            catalog.add([_title("a"), _title("b")], vectors=vectors)  # type: ignore[arg-type]
        assert catalog.count() == 0


def test_a_text_field_is_stored_and_no_filter(tmp_path: Path) -> None:
    title = Title("a", "movie", "Jaws", overview="a shark", extra={"note": "Any text: at all!"})
    with Catalog.open(tmp_path / "films", extra_fields={"note": "text"}) as catalog:
        catalog.add([title])
        catalog.seal()
        assert catalog.get("a") == title
        assert not catalog.search("any text at all", mode="keyword", understand=False)
        for wrong in ("extra.note:any", "extra.note:*", "extra.note:>3"):
            with pytest.raises(InvalidInputError, match="whose type text is only stored"):
                catalog.search(where=wrong)
        with pytest.raises(InvalidInputError, match="whose type text is only stored"):
            catalog.facets(["extra.note"])
