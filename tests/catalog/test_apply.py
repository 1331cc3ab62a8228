"""Titles stored and removed in one transaction."""

from __future__ import annotations

from pathlib import Path

import pytest

from tv5core.catalog import Catalog
from tv5core.errors import InvalidInputError
from tv5core.types import Title


def titles(*numbers: int, word: str = "first") -> list[Title]:
    return [
        Title(f"t:{n}", "movie", f"Film {n}", overview=f"{word} words{n} of {n % 3}")
        for n in numbers
    ]


def test_titles_are_stored_and_removed_at_once(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "films") as catalog:
        catalog.add(titles(*range(20)))
        catalog.seal()
        done = catalog.apply(
            [*titles(3, 30, word="second"), *titles(4)], ["t:5", "t:99"], checkpoint=("k", b"1")
        )
        assert (done.added, done.updated, done.unchanged, done.deleted) == (1, 1, 1, 1)
        assert set(catalog.ids()) == {f"t:{n}" for n in [*range(5), *range(6, 20), 30]}
        assert catalog.checkpoint("k") == b"1"
        assert catalog.search("second words3", k=1)[0].id == "t:3"
        assert "t:5" not in {hit.id for hit in catalog.search("words5", k=20)}
        assert catalog.verify().ok
    with Catalog.open(tmp_path / "films") as again:
        assert "t:5" not in {hit.id for hit in again.search("words5", k=20)}
        assert again.search("words30", k=1)[0].id == "t:30"


def test_more_than_a_chunk_is_still_one_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Catalog.open(tmp_path / "films") as catalog:
        written = []
        write = catalog._store.write

        def counted(work: object) -> object:
            written.append(work)
            return write(work)  # type: ignore[arg-type]

        monkeypatch.setattr(catalog._store, "write", counted)
        catalog.apply(titles(*range(2_500)), embed=False)
        assert (len(catalog), len(written)) == (2_500, 1)


def test_a_title_cannot_be_stored_and_removed(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "films") as catalog:
        with pytest.raises(InvalidInputError, match="got both of t:1"):
            catalog.apply(titles(1), ["t:1"])
        assert len(catalog) == 0
        catalog.apply([], [], checkpoint=("k", b"2"))
        assert catalog.checkpoint("k") == b"2"
