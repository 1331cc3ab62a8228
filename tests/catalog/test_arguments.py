"""What is passed to a catalogue's searches is right, or refused by an error of tv5core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tv5core import errors
from tv5core.catalog import Catalog
from tv5core.types import Title

VECTORS = np.random.default_rng(0).standard_normal((60, 16)).astype(np.float32)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    with Catalog.open(tmp_path_factory.mktemp("arguments") / "c") as opened:
        opened.add([Title(f"id{i}", "movie", f"Film {i}") for i in range(60)], VECTORS)
        yield opened


@pytest.mark.parametrize(
    "k",
    [61, 10_000, np.int64(70)],
)
def test_as_many_as_there_are(catalog: Catalog, k: int) -> None:
    assert len(catalog.search(VECTORS[0], k)) == 60
    assert [len(hits) for hits in catalog.search_many(VECTORS[:2], k)] == [60, 60]
    assert len(catalog.similar("id3", k)) == 59
    assert len(catalog.search(VECTORS[0], k, allow=["id1", "none", "id2"])) == 2


def test_more_than_answers_have_columns(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that fills all its columns, fewer than asked for, is the last."""
    monkeypatch.setattr("tv5core.vectors.reader.MAX_PADDED", 20)
    assert len(catalog.search(VECTORS[0], 1_000)) == 60


@pytest.mark.parametrize(
    "call",
    [
        *(
            lambda c, k=k, name=name, of=of: getattr(c, name)(of, k)
            for k in (0, 10_001, 10**6, 2**31, 2**64, "3", 2.5, True, None)
            for name, of in (
                ("search", VECTORS[0]),
                ("search_many", VECTORS[:2]),
                ("similar", "id3"),
            )
        ),
        lambda c: c.search([[1, 2], [3]]),
        lambda c: c.search_many([[1, 2], [3]]),
        lambda c: c.search(np.ma.masked_array(VECTORS[0], mask=VECTORS[0] > 0)),
        lambda c: c.search_many(np.ma.masked_array(VECTORS[:2], mask=VECTORS[:2] > 0)),
        lambda c: c.search(VECTORS[0], exact="no"),
        lambda c: c.search_many(VECTORS[:2], threads=2.5),
        lambda c: c.search(VECTORS[0], allow=5),
        lambda c: c.search(VECTORS[0], allow="id3"),
        lambda c: c.search(VECTORS[0], allow=[None]),
        lambda c: c.search(VECTORS[0], allow=[["id3"]]),
        lambda c: c.search_many([["a", "b"]]),
        lambda c: c.calibrate([["a", "b"]]),
        lambda c: c.calibrate([[1.0, None]]),
        lambda c: c.calibrate(VECTORS[:5], "0.9"),
        lambda c: c.calibrate(VECTORS[:5], k=2.5),
        lambda c: c.get(5),
        lambda c: c.get(None),
        lambda c: c.similar(5),
        lambda c: c.delete([5]),
        lambda c: c.add(
            [Title("id3", "movie", "Film 3")], np.ma.masked_array(VECTORS[:1], mask=True)
        ),
        lambda c: c.add([Title("id3", "movie", "Film 3")], [[1.0, None]]),
        lambda c: c.add(5),
        lambda c: c.add([], embed="no"),
        lambda c: c.add([], embed=np.zeros(2)),
        lambda c: c.add([], checkpoint=5),
        lambda c: c.add([], checkpoint=("key", "text")),
        lambda c: c.add([], checkpoint=("\ud800", b"")),
        lambda c: c.add([], checkpoint=("k" * 600, b"")),
        lambda c: c.add([], progress=5),
        lambda c: c.changes("3"),
        lambda c: c.changes(-1),
        lambda c: c.checkpoint(5),
        lambda c: c.checkpoint("k" * 600),
        lambda c: c.clear_checkpoints(None),
        lambda c: c.delete(5),
        lambda c: c.delete([[]]),
        lambda c: c.get_many(5),
        lambda c: c.get_many("id3"),
        lambda c: c.embed_queries(5),
        lambda c: c.embed_queries("a film"),
        lambda c: c.embed_queries([5]),
        lambda c: c.popular(genre=5),
        lambda c: c.seal(wait=np.zeros(2)),
        lambda c: c.seal("no"),
        lambda c: c.verify(repair=np.zeros(2)),
        lambda c: c.verify(5),
        lambda c: c.verify(repair=True, quarantine=5),
        lambda c: c.optimize(5),
        lambda c: c.upgrade(5),
        lambda c: c.refit(5),
        lambda c: c.embed_pending(5),
        lambda c: c.backup(5),
        lambda c: c.backup("copy", check="no"),
        lambda c: c.export(5),
        lambda c: c.export("copy", 5),
        lambda c: c.export_lines(None),
        lambda c: c.restore(5, "copy"),
        lambda c: c.restore("copy", 5),
        lambda c: Catalog.open("copy", create=np.zeros(2)),
        lambda c: Catalog.open("copy", auto_seal="no"),
    ],
)
def test_what_is_not_meant_so_is_refused(catalog: Catalog, call: Callable[[Any], object]) -> None:
    with pytest.raises(errors.InvalidInputError, match="expected"):
        call(catalog)
    assert catalog.count() == 60


def test_all_removed_and_sealed_is_empty_when_opened_again(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c") as catalog:
        catalog.add([Title(f"id{i}", "movie", f"Film {i}") for i in range(60)], VECTORS)
        catalog.seal()
        catalog.delete([f"id{i}" for i in range(60)])
        catalog.seal()
    with Catalog.open(tmp_path / "c") as catalog:
        assert catalog.count() == 0
        assert catalog.search(VECTORS[0]) == []
        assert catalog.verify().ok


@pytest.mark.parametrize("path", [5, b"x", "", "\0", None, "\ud800", ["x"]], ids=repr)
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(errors.InvalidInputError, match="expected a path"):
        Catalog.open(path)


def test_a_place_that_cannot_hold_a_catalogue_says_so(tmp_path: Path) -> None:
    (tmp_path / "odd" / "data.mdb").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    for create in (True, False):
        for name in ("a" * 300, "odd", "file/below"):
            with pytest.raises(errors.CatalogError, match="expected"):
                Catalog.open(tmp_path / name, create=create)


def test_an_id_that_utf8_cannot_encode_is_no_other_id(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c") as catalog:
        catalog.add([Title("?", "movie", "Who Done It")], VECTORS[:1])
        with pytest.raises(errors.UnknownIdError):
            catalog.get("\ud800")
        assert catalog.find("\ud800") == ()
        assert catalog.delete("\ud800") == 0
        assert catalog.get("?").title == "Who Done It"
