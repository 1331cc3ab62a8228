"""Flipped bits in LMDB: a catalogue still opens, ``verify`` names them, a repair removes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tv5core import Catalog, Title
from tv5core.data import demo_titles
from tv5core.errors import CorruptFileError, UnknownIdError
from tv5core.store import sections
from tv5core.store.meta import FORMAT
from tv5core.types import Hit

DIM = 16
COUNT = 40

F32 = npt.NDArray[np.float32]


def film(i: int) -> Title:
    return Title(f"id{i}", "movie", f"Film {i}", external_ids={"imdb": f"tt{i:07d}"})


def vectors() -> F32:
    return np.random.default_rng(5).standard_normal((COUNT, DIM)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    where = tmp_path / "c"
    with Catalog.open(where, embedder=None) as catalog:
        catalog.add([film(i) for i in range(COUNT)], vectors(), checkpoint=("import", b"here"))
        catalog.add([Title("waits", "movie", "Waits")], embed=False)
        catalog._store.write(lambda txn, m: (sections.put_section(txn, "words", 1, b"some"), None)
                             and (m, None))  # fmt: skip
    return where


def row(number: int) -> bytes:
    return number.to_bytes(8, "big")


def flip(folder: Path, name: str, key: bytes, byte: int, bit: int = 0) -> None:
    """Flip a bit of a value, as a failing disk does: behind LMDB's back it is the same."""

    def work(txn: Any) -> None:
        database = getattr(txn.dbs, name)
        value = bytearray(txn.raw.get(key, db=database))
        value[byte] ^= 1 << bit
        txn.raw.put(key, bytes(value), db=database)

    with Catalog.open(folder, embedder=None, auto_seal=False) as catalog:
        catalog._store.environment.write(work)


def vector_key(number: int) -> bytes:
    return bytes(4) + row(number)


def test_opening_leaves_out_a_damaged_vector_and_reports_it(folder: Path) -> None:
    flip(folder, "vectors", vector_key(7), 4 * 3 + 3, 6)
    for read_only in (True, False):
        with Catalog.open(folder, embedder=None, read_only=read_only) as catalog:
            assert catalog.info()["recovered"] == ["damaged vectors were left out: 1 (rows 7)"]
            everything = catalog.search(vectors()[7], COUNT, exact=True)
            assert {hit.id for hit in everything} == {f"id{i}" for i in range(COUNT) if i != 7}
            assert catalog.get("id7") == film(7)
            with pytest.raises(CorruptFileError, match="row 7: expected a vector of checksum"):
                catalog.similar("id7")
            assert not catalog.verify().ok


def test_no_graph_is_built_over_a_damaged_vector(folder: Path) -> None:
    flip(folder, "vectors", vector_key(7), 0)
    for _ in range(2):
        with Catalog.open(folder, embedder=None) as catalog:
            catalog.seal()
            assert catalog.info()["sealed"] == COUNT - 1
            hits = catalog.search(vectors()[7], COUNT, exact=True)
            assert "id7" not in {hit.id for hit in hits}


FLIPS: list[tuple[str, bytes, str]] = [
    ("vectors", vector_key(3), "row 3: expected a vector of checksum"),
    ("journal", row(1), "journal: entry 1: expected a journal entry of checksum"),
    ("pending", row(COUNT), f"row {COUNT}: expected a pending mark"),
    ("titles", row(5), "row 5: expected a"),
    ("meta", b"mark:import", "b'mark:import' in meta"),
    ("meta", b"section:words", "b'section:words' in meta"),
]


@pytest.mark.parametrize(("name", "key", "says"), FLIPS, ids=[f[0] + f[2][:9] for f in FLIPS])
def test_verify_names_every_flipped_bit(folder: Path, name: str, key: bytes, says: str) -> None:
    with Catalog.open(folder, embedder=None, read_only=True) as catalog:
        assert catalog.verify().ok
        with catalog._store.read() as txn:
            length = len(bytes(txn.raw.get(key, db=getattr(txn.dbs, name))))
    chance = np.random.default_rng(1)
    for byte in sorted({0, length - 1, *chance.integers(0, length, 6).tolist()}):
        bit = int(chance.integers(8))
        flip(folder, name, key, byte, bit)
        with Catalog.open(folder, embedder=None, read_only=True) as catalog:
            report = catalog.verify()
            assert not report.ok
            assert any(says in problem or "newer" in problem for problem in report.problems)
        flip(folder, name, key, byte, bit)


def test_verify_names_a_value_under_a_flipped_key(folder: Path) -> None:
    def move(name: str, key: bytes) -> Callable[[Any], None]:
        def work(txn: Any) -> None:
            database = getattr(txn.dbs, name)
            value = bytes(txn.raw.get(key, db=database))
            txn.raw.delete(key, db=database)
            txn.raw.put(key[:-1] + bytes([key[-1] ^ 64]), value, db=database)

        return work

    for name, key in (("vectors", vector_key(3)), ("pending", row(COUNT)), ("titles", row(2))):
        with Catalog.open(folder, embedder=None, auto_seal=False) as catalog:
            catalog._store.environment.write(move(name, key))
            assert not catalog.verify().ok
            catalog._store.environment.write(move(name, key[:-1] + bytes([key[-1] ^ 64])))
            assert catalog.verify().ok


def scores(hits: list[Hit]) -> dict[str, float]:
    """Return scores by id: those of rows rounded anew differ in the last digits."""
    return {hit.id: hit.score for hit in hits}


def test_a_repair_embeds_again_what_has_text(tmp_path: Path) -> None:
    where = tmp_path / "own"
    with Catalog.open(where) as catalog:
        catalog.add(demo_titles()[:30])
        want = catalog.similar(demo_titles()[4].id, 5)
        space = catalog._store.meta.space
    flip(where, "vectors", space.to_bytes(4) + row(4), 3, 6)
    with Catalog.open(where) as catalog:
        report = catalog.verify(repair=True)
        assert report.ok, report.problems
        got = catalog.similar(demo_titles()[4].id, 5)
    assert scores(got) == pytest.approx(scores(want), abs=1e-3)


def test_a_repair_quarantines_a_vector_that_was_given(folder: Path, tmp_path: Path) -> None:
    flip(folder, "vectors", vector_key(7), 0)
    aside = tmp_path / "aside.jsonl"
    with Catalog.open(folder, embedder=None) as catalog:
        report = catalog.verify(repair=True, quarantine=aside)
        assert report.ok, report.problems
        assert catalog.get("id7") == film(7)
        assert catalog.info()["pending"] == 2
    (line,) = [json.loads(line) for line in aside.read_text().splitlines()]
    assert (line["row"], line["ids"], line["why"]) == (7, ["id7"], "its vector is damaged")
    with Catalog.open(folder, embedder=None) as catalog:
        assert catalog.info()["recovered"] == []


@pytest.mark.parametrize("sealed", [False, True])
def test_a_damaged_journal_entry_is_no_obstacle(folder: Path, sealed: bool) -> None:
    with Catalog.open(folder, embedder=None) as catalog:
        if sealed:
            catalog.seal()
        catalog.delete("id9")
        seq = catalog._store.meta.last_seq
        want = [hit.id for hit in catalog.search(vectors()[9], 5, exact=True)]
    flip(folder, "journal", row(seq), 8)
    for read_only in (True, False):
        with Catalog.open(folder, embedder=None, read_only=read_only) as catalog:
            assert [hit.id for hit in catalog.search(vectors()[9], 5, exact=True)] == want
            if sealed:
                assert "the journal does not say" in catalog.info()["recovered"][0]
            assert not catalog.verify().ok
    with Catalog.open(folder, embedder=None) as catalog:
        assert catalog.verify(repair=True).ok


def test_a_reader_that_follows_meets_a_damaged_entry(folder: Path) -> None:
    with (
        Catalog.open(folder, embedder=None, read_only=True) as reader,
        Catalog.open(folder, embedder=None) as writer,
    ):
        writer.delete("id9")
        seq = writer._store.meta.last_seq

        def work(txn: Any) -> None:
            value = bytearray(txn.raw.get(row(seq), db=txn.dbs.journal))
            value[9] ^= 1
            txn.raw.put(row(seq), bytes(value), db=txn.dbs.journal)

        writer._store.environment.write(work)
        assert "id9" not in {hit.id for hit in reader.search(vectors()[9], COUNT, exact=True)}


def test_get_refuses_an_id_that_leads_to_another_title(folder: Path) -> None:
    def work(txn: Any) -> None:
        txn.raw.put(b"id3", row(4), db=txn.dbs.derived["ids"])
        txn.raw.put(b"id5", row(999), db=txn.dbs.derived["ids"])
        txn.raw.put(b"imdb:tt0000001", row(0), db=txn.dbs.derived["aliases"])

    with Catalog.open(folder, embedder=None, auto_seal=False) as catalog:
        catalog._store.environment.write(work)
        for name in ("id3", "id5", "imdb:tt0000001"):
            with pytest.raises(CorruptFileError, match="expected "):
                catalog.get(name)
        with pytest.raises(CorruptFileError, match="expected a title with the alias"):
            catalog.find("imdb:tt0000001")


def test_an_id_that_leads_to_another_title_gives_no_answer_of_that(folder: Path) -> None:
    def work(txn: Any) -> None:
        txn.raw.put(b"id3", row(4), db=txn.dbs.derived["ids"])
        txn.raw.put(b"id5", row(999), db=txn.dbs.derived["ids"])
        txn.raw.put(b"imdb:tt0000001", row(0), db=txn.dbs.derived["aliases"])

    with Catalog.open(folder, embedder=None, auto_seal=False) as catalog:
        catalog._store.environment.write(work)
        for name in ("id3", "id5", "imdb:tt0000001"):
            for ask in (catalog.similar, catalog.get_versioned):
                with pytest.raises(CorruptFileError, match="expected a title with the"):
                    ask(name)
        assert catalog.get_versioned("id4").title == film(4)
        assert catalog.get_versioned("imdb:tt0000002").row == 2


def flipped_in_order(key: bytes, keys: list[bytes]) -> bytes:
    """Flip a bit of a key so that it stays in its place: elsewhere the page does not pass."""
    flips = (
        key[:byte] + bytes([key[byte] ^ 1 << bit]) + key[byte + 1 :]
        for byte in range(len(key))
        for bit in range(7)
    )
    others = [one for one in keys if one != key]
    return next(
        one
        for one in flips
        if one not in keys and sorted([*others, one]).index(one) == keys.index(key)
    )


@pytest.mark.parametrize("place", [0, 19, COUNT - 1])
def test_a_flipped_bit_of_a_key_makes_no_name_unknown(folder: Path, place: int) -> None:
    name, alias = f"id{place}", f"imdb:tt{place:07d}"

    def work(txn: Any) -> None:
        for database, key in (("ids", name.encode()), ("aliases", alias.encode())):
            one = txn.dbs.derived[database]
            keys = [bytes(some) for some, _ in txn.raw.cursor(one)]
            txn.raw.delete(key, db=one)
            txn.raw.put(flipped_in_order(key, keys), row(place), db=one)

    with Catalog.open(folder, embedder=None, auto_seal=False) as catalog:
        want = catalog.similar(name, 3)
        catalog._store.environment.write(work)
        assert catalog.get(name) == catalog.get(alias) == film(place)
        assert catalog.get_many([name, "none"]) == [film(place), None]
        assert catalog.find(alias) == (name,)
        assert catalog.get_versioned(alias).title == film(place)
        assert catalog.similar(name, 3) == want
        with pytest.raises(UnknownIdError):
            catalog.get(name + "x")
        problems = " ".join(catalog.verify().problems)
        assert f"expected {name!r} of its ids to lead to it" in problems
        assert catalog.delete(name) == 1
        assert catalog.verify(repair=True).ok
        assert name not in catalog
        assert len(catalog) == COUNT


def test_keys_flipped_where_several_titles_share_them(tmp_path: Path) -> None:
    films = [Title(f"id{i}", "movie", "Same", year=2000) for i in range(3)]
    with Catalog.open(tmp_path, embedder=None, auto_seal=False) as catalog:
        catalog.add(films, vectors()[:3])

        def work(txn: Any) -> None:
            aliases = txn.dbs.derived["aliases"]
            txn.raw.delete(b"name:movie:2000:same", db=aliases)
            for place in range(3):
                txn.raw.put(b"name:movie:2000:samd", row(place), db=aliases)

        catalog._store.environment.write(work)
        assert catalog.find("name:movie:2000:same") == ("id0", "id1", "id2")
        assert catalog.get("name:movie:2000:same") == films[0]
        assert catalog.find("name:movie:2000:samf") == ()


@pytest.mark.parametrize("place", [0, COUNT])
@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_version_of_a_title_does_not_refuse_the_catalogue(
    folder: Path, place: int, bit: int
) -> None:
    flip(folder, "titles", row(place), 0, bit)
    for read_only in (True, False):
        with Catalog.open(folder, embedder=None, read_only=read_only) as catalog:
            name = f"id{place}" if place < COUNT else "waits"
            with pytest.raises(CorruptFileError, match="expected a title of "):
                catalog.get(name)
            assert len(catalog.search(vectors()[3], COUNT)) == COUNT - (place < COUNT)
            (problem,) = catalog.verify().problems
            assert f"row {place}: " in problem
            assert "quarantine" in problem


def test_a_damaged_title_is_left_out_replaced_or_deleted(folder: Path) -> None:
    for number in (5, 6):
        flip(folder, "titles", row(number), 20)
    with Catalog.open(folder, embedder=None) as catalog:
        hits = catalog.search(vectors()[5], COUNT, exact=True)
        assert {hit.id for hit in hits} == {f"id{i}" for i in range(COUNT) if i not in (5, 6)}
        assert "damaged titles were left out: 1 (rows 5)" in catalog.info()["recovered"]
        with pytest.raises(CorruptFileError, match="expected a title of checksum"):
            catalog.get("id5")
        catalog.seal()
        catalog.add([film(5)], vectors()[5:6])
        assert catalog.get("id5") == film(5)
        assert catalog.delete("id6") == 1
        assert "id6" not in catalog
        assert catalog.verify(repair=True).ok
        assert len(catalog) == COUNT


def test_what_an_id_leads_to_wrongly_is_not_changed(folder: Path) -> None:
    with Catalog.open(folder, embedder=None, auto_seal=False) as catalog:
        catalog._store.environment.write(
            lambda txn: txn.raw.put(b"id3", row(4), db=txn.dbs.derived["ids"])
        )
        with pytest.raises(CorruptFileError, match="the id 'id3' in row 4"):
            catalog.delete("id3")
        with pytest.raises(CorruptFileError, match="the id 'id3' in row 4"):
            catalog.add([film(3)], vectors()[3:4])
        assert catalog.get("id4") == film(4)


def test_an_own_text_catalogue_seals_beside_a_damaged_title(tmp_path: Path) -> None:
    where = tmp_path / "own"
    with Catalog.open(where) as catalog:
        catalog.add(demo_titles()[:30])
    flip(where, "titles", row(4), 30)
    with Catalog.open(where) as catalog:
        catalog.seal()
        catalog.refit()
        assert catalog.search(demo_titles()[3].overview)


def test_a_vector_in_another_space_is_named_and_put_back(folder: Path) -> None:
    def move(txn: Any) -> None:
        value = bytes(txn.raw.get(vector_key(7), db=txn.dbs.vectors))
        txn.raw.delete(vector_key(7), db=txn.dbs.vectors)
        txn.raw.put(b"\0\0\4\0" + row(7), value, db=txn.dbs.vectors)

    with Catalog.open(folder, embedder=None, auto_seal=False) as catalog:
        catalog._store.environment.write(move)
    with Catalog.open(folder, embedder=None, read_only=True) as catalog:
        assert any("row 7 of space 1024" in problem for problem in catalog.verify().problems)
    with Catalog.open(folder, embedder=None) as catalog:
        assert catalog.info()["recovered"] == ["misplaced vectors were put back: 1"]
        assert catalog.search(vectors()[7], 1)[0].id == "id7"
        assert catalog.verify().ok


def test_a_title_whose_vector_was_moved_to_another_row_is_embedded_again(tmp_path: Path) -> None:
    where = tmp_path / "own"
    with Catalog.open(where) as catalog:
        catalog.add(demo_titles()[:30])
        space = catalog._store.meta.space.to_bytes(4)
        want = catalog.similar(demo_titles()[4].id, 5)

        def move(txn: Any) -> None:
            value = bytes(txn.raw.get(space + row(4), db=txn.dbs.vectors))
            txn.raw.delete(space + row(4), db=txn.dbs.vectors)
            txn.raw.put(space + row(4 + 1024), value, db=txn.dbs.vectors)

        catalog._store.environment.write(move)
    with Catalog.open(where) as catalog:
        assert catalog.verify(repair=True).ok
        got = catalog.similar(demo_titles()[4].id, 5)
        assert scores(got) == pytest.approx(scores(want), abs=1e-3)


def test_a_vector_stored_again_replaces_a_damaged_one(folder: Path) -> None:
    flip(folder, "vectors", vector_key(7), 0)
    with Catalog.open(folder, embedder=None) as catalog:
        catalog.add([film(7)], vectors()[7:8])
        assert catalog.search(vectors()[7], 1)[0].id == "id7"
        assert catalog.verify().ok


# -- catalogues of earlier formats -------------------------------------------------------


def unchecked(folder: Path) -> None:
    """Take the checksums off, as format 4 stored everything."""

    def work(txn: Any, meta: Any) -> Any:
        import msgspec

        for name in ("vectors", "journal", "pending"):
            database = getattr(txn.dbs, name)
            for key, value in list(txn.raw.cursor(database)):
                txn.raw.put(bytes(key), bytes(value)[:-4], db=database)
        txn.raw.delete(b"mark:import", db=txn.dbs.meta)
        txn.raw.put(b"checkpoint:import", b"here", db=txn.dbs.meta)
        return msgspec.structs.replace(meta, checked=False, format=4), None

    with Catalog.open(folder, embedder=None, auto_seal=False) as catalog:
        catalog._store.write(work)


def same_as_before(catalog: Catalog) -> None:
    assert catalog.verify().ok
    assert catalog.checkpoint("import") == b"here"
    assert catalog.search(vectors()[7], 1)[0].id == "id7"
    assert catalog.info()["pending"] == 1
    assert catalog.info()["recovered"] == []


def test_a_seal_adds_the_checksums_that_format_4_had_not(folder: Path) -> None:
    unchecked(folder)
    with Catalog.open(folder, embedder=None, read_only=True) as catalog:
        assert (catalog._store.meta.format, catalog._store.meta.checked) == (4, False)
        same_as_before(catalog)
    with Catalog.open(folder, embedder=None) as catalog:
        assert (catalog._store.meta.format, catalog._store.meta.checked) == (FORMAT, False)
        same_as_before(catalog)
        catalog.seal()
        assert catalog._store.meta.checked
        same_as_before(catalog)
        with catalog._store.read() as txn:
            assert all(len(v) == 4 * DIM + 4 for _, v in txn.raw.cursor(txn.dbs.vectors))
    flip(folder, "vectors", vector_key(7), 0)
    with Catalog.open(folder, embedder=None) as catalog:
        assert not catalog.verify().ok


def test_an_interrupted_conversion_reads_like_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tv5core.files import failpoints
    from tv5core.store import upgrading

    class StopError(Exception):
        pass

    unchecked(folder)
    monkeypatch.setattr(upgrading, "_BLOCK", 16)
    seen, stop_at, finished = 0, 0, False

    def hook(name: str) -> None:
        nonlocal seen
        seen += name.startswith("upgrade:")
        if seen == stop_at:
            raise StopError

    while not finished:
        seen, stop_at = 0, stop_at + 1
        with Catalog.open(folder, embedder=None) as catalog:
            monkeypatch.setattr(failpoints, "hook", hook)
            try:
                catalog.seal()
                finished = True
            except StopError:
                pass
            monkeypatch.setattr(failpoints, "hook", None)
            same_as_before(catalog)
        with Catalog.open(folder, embedder=None, read_only=True) as catalog:
            same_as_before(catalog)
    assert stop_at > 4
    with Catalog.open(folder, embedder=None, read_only=True) as catalog:
        assert catalog._store.meta.checked


def test_a_conversion_leaves_what_is_not_sound(folder: Path) -> None:
    unchecked(folder)

    def work(txn: Any) -> None:
        bad = np.full(DIM, np.nan, "<f4").tobytes()
        txn.raw.put(vector_key(7), bad, db=txn.dbs.vectors)

    with Catalog.open(folder, embedder=None) as catalog:
        catalog._store.environment.write(work)
        catalog.seal()
        assert not catalog._store.meta.checked
        assert any("row 7" in problem for problem in catalog.verify().problems)
        assert catalog.verify(repair=True).ok
        catalog.seal()
