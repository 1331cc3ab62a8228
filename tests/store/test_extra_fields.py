"""A catalogue's own fields, from declaration to export."""

from __future__ import annotations

from pathlib import Path

import pytest

from tv5core.catalog import Catalog
from tv5core.errors import InvalidInputError
from tv5core.types import AlternativeTitle, Collection, Title

OWN = {"studio": "keyword", "tags": "keywords", "cost": "int"}
TITLE = Title(
    "a", "movie", "A", overview="A heist.", adult=True, collection=Collection("c", "C"),
    alternative_titles=(AlternativeTitle("B", "fr", "FR"), AlternativeTitle("日本", "ja")),
    extra={"studio": "A24", "tags": ("x", "y"), "cost": 2**60 + 1},
)  # fmt: skip


def test_they_are_kept_and_go_into_copies(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c", extra_fields=OWN) as catalog:
        catalog.add([TITLE])
        catalog.export(tmp_path / "e")
        catalog.backup(tmp_path / "b")
    for name in ("e", "b"):
        Catalog.restore(tmp_path / name, tmp_path / f"of-{name}")
    for name in ("c", "of-e", "of-b"):
        with Catalog.open(tmp_path / name) as catalog:
            assert catalog.get("a") == TITLE
            assert catalog.extra_fields == OWN


def test_more_may_be_declared_by_a_writer(tmp_path: Path) -> None:
    with Catalog.open(tmp_path, extra_fields={"studio": "keyword"}) as catalog:
        with pytest.raises(InvalidInputError, match="expected extra fields among those declared"):
            catalog.add([TITLE])
        with Catalog.open(tmp_path, read_only=True, extra_fields={"studio": "keyword"}) as reader:
            assert reader.extra_fields == {"studio": "keyword"}
        with pytest.raises(InvalidInputError, match="declared already, got cost, tags"):
            Catalog.open(tmp_path, read_only=True, extra_fields=OWN)
    with Catalog.open(tmp_path, extra_fields=OWN) as catalog:
        assert catalog.add([TITLE]).added == 1
    with pytest.raises(InvalidInputError, match="declared as keyword as before, got int"):
        Catalog.open(tmp_path, extra_fields={"studio": "int"})
    with Catalog.open(tmp_path) as catalog:
        assert catalog.extra_fields == OWN


def test_a_wrong_declaration_makes_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="expected the type of the extra field a"):
        Catalog.open(tmp_path / "c", extra_fields={"a": "blob"})  # type: ignore[dict-item]
    assert not (tmp_path / "c").exists()


def test_a_change_of_names_keeps_the_vector(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add([Title("a", "movie", "A", overview="A heist of jewels.")])
        before = catalog.search("heist", 1)
        later = Title("a", "movie", "A", overview="A heist of jewels.", adult=True,
                      alternative_titles=(AlternativeTitle("B"),))  # fmt: skip
        assert catalog.add([later], embed=False).updated == 1
        (hit,) = catalog.search("heist", 1)
        assert (hit.score, hit.title) == (before[0].score, later)
