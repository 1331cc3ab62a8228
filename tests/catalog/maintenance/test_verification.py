"""What `verify` finds, and how a repair deals with it."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from tv5core import Catalog, Title, errors
from tv5core.data import demo_titles
from tv5core.errors import InvalidInputError
from tv5core.files import SectionFile, write_sections
from tv5core.kernels.code_layout import CodeLayout
from tv5core.store import titles
from tv5core.store.derived import DERIVED, RowIndex
from tv5core.store.meta import write_meta
from tv5core.vectors.graph import GRAPH_KIND, GRAPH_VERSION, ROWS_KIND, ROWS_VERSION

DIM = 32
COUNT = 300


def film(i: int) -> Title:
    ids = {"imdb": f"tt{i:07d}"}
    return Title(f"id{i}", "movie", f"Film {i}", year=2000 + i % 20, external_ids=ids)


def vectors(start: int, stop: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(start).standard_normal((stop - start, DIM)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two generations, live rows, and deletions in each."""
    where = tmp_path / "c"
    with Catalog.open(where) as catalog:
        catalog.add([film(i) for i in range(200)], vectors(0, 200))
        catalog.seal()
        catalog.delete(["id7", "id8"])
        catalog.seal()
        catalog.add([film(i) for i in range(200, COUNT)], vectors(200, COUNT))
        catalog.delete(["id9", "id201"])
    return where


def everything(catalog: Catalog) -> tuple[Any, ...]:
    """What no repair may change."""
    names = list(catalog.ids())
    with catalog._store.read() as txn, txn.raw.cursor(txn.dbs.vectors) as cursor:
        stored = [(bytes(key), bytes(value)) for key, value in cursor]
    return names, catalog.get_many(names), stored


def row(number: int) -> bytes:
    return number.to_bytes(8, "big")


Damage = Callable[[Any, Any], None]


def change(folder: Path, work: Damage) -> None:
    with Catalog.open(folder, auto_seal=False) as catalog:
        catalog._store.environment.write(lambda txn: work(txn.raw, txn.dbs))


def repaired(folder: Path, **options: Any) -> Any:
    """Find the damage through a reader, repair it through a writer, and find no more."""
    with Catalog.open(folder, read_only=True) as reader:
        assert not reader.verify().ok
    with Catalog.open(folder) as catalog:
        report = catalog.verify(repair=True, **options)
        assert catalog.verify().ok == report.ok
    return report


def test_a_sound_catalogue(folder: Path) -> None:
    for read_only in (True, False):
        with Catalog.open(folder, read_only=read_only) as catalog:
            report = catalog.verify()
            assert (report.ok, report.problems, report.repaired) == (True, [], [])
            assert report.checked["titles"] == COUNT - 4
            assert report.checked["files"] == 8
            assert report.checked["documents"] == COUNT - 4
    with Catalog.open(folder) as catalog:
        before = everything(catalog)
        assert catalog.verify(repair=True) == report
        assert everything(catalog) == before


STORE_DAMAGE: list[tuple[str, Damage]] = [
    ("'id3' of its ids", lambda raw, dbs: raw.delete(b"id3", db=dbs.derived["ids"])),
    ("'imdb:tt0000011' of its aliases",
     lambda raw, dbs: raw.delete(b"imdb:tt0000011", row(11), db=dbs.derived["aliases"])),
    ("the id 'ghost' of row 77777",
     lambda raw, dbs: raw.put(b"ghost", row(77777), db=dbs.derived["ids"])),
    ("the alias 'imdb:tt0000012' of row 13",
     lambda raw, dbs: raw.put(b"imdb:tt0000012", row(13), db=dbs.derived["aliases"])),
    ("'id4' of its ids", lambda raw, dbs: raw.put(b"id4", row(5), db=dbs.derived["ids"])),
    ("row 99999: marked pending", lambda raw, dbs: raw.put(row(99999), b"", db=dbs.pending)),
    ("journal: expected entries up to",
     lambda raw, dbs: raw.put(row(99999), b"\0" * 8, db=dbs.journal)),
]  # fmt: skip


@pytest.mark.parametrize(("says", "damage"), STORE_DAMAGE, ids=[s for s, _ in STORE_DAMAGE])
def test_damage_in_the_store(folder: Path, says: str, damage: Damage) -> None:
    with Catalog.open(folder, read_only=True) as catalog:
        before = everything(catalog)
    change(folder, damage)
    with Catalog.open(folder, read_only=True) as catalog:
        problems = "\n".join(catalog.verify().problems)
        assert says in problems
        assert "a repair" in problems
    report = repaired(folder)
    assert (report.ok, report.problems) == (True, [])
    assert report.repaired
    with Catalog.open(folder) as catalog:
        assert everything(catalog) == before
        assert catalog.find("imdb:tt0000012") == ("id12",)
        assert catalog.get("id4") == film(4)


def test_vectors_that_are_none_are_removed_and_the_others_left(folder: Path) -> None:
    def damage(raw: Any, dbs: Any) -> None:
        raw.put(bytes(4) + row(20), np.full(DIM, np.nan, "<f4").tobytes(), db=dbs.vectors)
        raw.put(bytes(4) + row(21), b"\0" * 4 * DIM, db=dbs.vectors)
        raw.put(bytes(4) + row(22), b"short", db=dbs.vectors)
        raw.put(bytes(4) + row(88888), np.ones(DIM, "<f4").tobytes(), db=dbs.vectors)

    change(folder, damage)
    with Catalog.open(folder, read_only=True) as catalog:
        text = "\n".join(catalog.verify().problems)
    for part in ("row 20: expected a finite", "row 21: ", "row 22: expected a vector of 128 bytes",
                 "row 88888: expected a title beside"):  # fmt: skip
        assert part in text
    report = repaired(folder)
    assert report.ok, report.problems
    with Catalog.open(folder) as catalog:
        assert catalog.info()["pending"] == 3  # no embedder: they wait for their vectors
        hits = catalog.search(vectors(0, 200)[23], 300, exact=True)
        assert not {"id20", "id21", "id22"} & {hit.id for hit in hits}
        assert catalog.get("id20") == film(20)


# -- files whose checksums hold but whose content is wrong ---------------------------------


def rewrite(folder: Path, part: str, alter: Callable[[dict[str, npt.NDArray[Any]]], None]) -> None:
    """Rewrite a file of the newest generation with a sound checksum, and record it."""
    with Catalog.open(folder) as catalog:
        newest = catalog._store.meta.generations[0]
        graph, rows = (GRAPH_KIND, GRAPH_VERSION), (ROWS_KIND, ROWS_VERSION)
        kind, version = graph if part == "graph" else rows
        path = folder / f"{part}.{newest.number:06d}.tv5"
        file = SectionFile.open(path, kind, version)
        sections = {name: np.array(file.section(name)) for name in file.names}
        alter(sections)
        record = write_sections(path.with_suffix(".new"), kind, version, file.meta, sections)
        path.with_suffix(".new").replace(path)

        def work(txn: Any, meta: Any) -> Any:
            named = dataclasses.replace(record, name=path.name)
            changed = msgspec.structs.replace(newest, **{part: named})
            kept = (changed, *meta.generations[1:])
            return msgspec.structs.replace(meta, generations=kept), None

        catalog._store.write(work)


def link(sections: dict[str, npt.NDArray[Any]], row: int, which: int, to: int) -> None:
    """Change one packed link of a row; numbers of few rows take two bytes."""
    layout = CodeLayout(sections["signs"].shape[1])
    first = int(layout.places(sections["records"])[row]) & 0xFFFFFFFF
    at = 2 * (first + which)
    sections["packed_links"][at : at + 2] = [to & 0xFF, to >> 8]


def set_places(sections: dict[str, npt.NDArray[Any]], places: npt.NDArray[Any]) -> None:
    CodeLayout(sections["signs"].shape[1]).set_places(sections["records"], places)


def flip_code(sections: dict[str, npt.NDArray[Any]]) -> None:
    sections["records"][50, :4] ^= 0xFF


def alter_factor(sections: dict[str, npt.NDArray[Any]]) -> None:
    layout = CodeLayout(sections["signs"].shape[1])
    factors = layout.factors(sections["records"])
    factors[60, 1] *= 1.01
    sections["records"][:, layout.sign_bytes : layout.size] = factors.view(np.uint8)


def swap_rows(sections: dict[str, npt.NDArray[Any]]) -> None:
    for name in {"values", "factors", "residuals"} & set(sections):
        sections[name][[10, 11]] = sections[name][[11, 10]]


def one_value(sections: dict[str, npt.NDArray[Any]]) -> None:
    sections["values"][70, 3] ^= 64


def self_loop(sections: dict[str, npt.NDArray[Any]]) -> None:
    link(sections, 40, 0, 40)


def beyond(sections: dict[str, npt.NDArray[Any]]) -> None:
    link(sections, 41, 1, 5_000)


def unlinked(sections: dict[str, npt.NDArray[Any]]) -> None:
    set_places(sections, np.zeros(len(sections["records"]), np.uint64))


def misplaced(sections: dict[str, npt.NDArray[Any]]) -> None:
    layout = CodeLayout(sections["signs"].shape[1])
    places = layout.places(sections["records"])
    places[42] |= np.uint64(1 << 40)
    layout.set_places(sections["records"], places)


def wrong_key(sections: dict[str, npt.NDArray[Any]]) -> None:
    sections["keys"][int(sections["by_key"][-1])] = 123_456


@pytest.mark.parametrize(
    ("part", "alter", "says"),
    [
        ("graph", flip_code, "expected its code"),
        ("graph", alter_factor, "expected its code"),
        ("rows", swap_rows, "expected its stored row"),
        ("rows", one_value, "expected its stored row"),
        ("graph", self_loop, "link to itself"),
        ("graph", beyond, "expected links below 198"),
        ("graph", unlinked, "expected a connected graph"),
        ("graph", misplaced, "expected lists of links within the links, got 1"),
        ("graph", wrong_key, "row 123456: in the index without a stored vector"),
    ],
)
@pytest.mark.parametrize("metric", ["cosine", "ip"])
def test_a_sound_file_of_wrong_content(
    tmp_path: Path, part: str, alter: Callable[[Any], None], says: str, metric: str
) -> None:
    folder = tmp_path / "c"
    with Catalog.open(folder, metric=metric) as catalog:
        catalog.add([film(i) for i in range(200)], vectors(0, 200))
        catalog.delete(["id7", "id8"])
        catalog.seal()
        before = everything(catalog)
    rewrite(folder, part, alter)
    with Catalog.open(folder, read_only=True) as catalog:
        assert catalog.info()["recovered"] == []
        assert says in "\n".join(catalog.verify().problems)
    report = repaired(folder)
    assert report.ok, report.problems
    assert "rebuilt the index from the stored vectors" in report.repaired
    with Catalog.open(folder) as catalog:
        assert everything(catalog) == before
        assert catalog.info()["sealed"] == 198


@pytest.mark.parametrize("rescoring", ["int8", "float16", "float32"])
def test_rows_are_compared_in_every_type(tmp_path: Path, rescoring: str) -> None:
    folder = tmp_path / "c"
    with Catalog.open(folder, rescoring=rescoring) as catalog:
        catalog.add([film(i) for i in range(100)], vectors(0, 100))
        catalog.seal()
        catalog.add([film(i) for i in range(100, 120)], vectors(100, 120))
        assert catalog.verify().ok

    def alter(sections: dict[str, npt.NDArray[Any]]) -> None:
        sections["values"][30] = -sections["values"][30]

    rewrite(folder, "rows", alter)
    with Catalog.open(folder, read_only=True) as catalog:
        (problem,) = catalog.verify().problems
        assert "expected its stored row to be that of its vector" in problem


@pytest.mark.parametrize("part", ["graph", "rows"])
def test_damaged_files_are_rebuilt(folder: Path, part: str) -> None:
    with Catalog.open(folder, read_only=True) as catalog:
        before = everything(catalog)
    for number in (1, 2):
        path = folder / f"{part}.{number:06d}.tv5"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    report = repaired(folder)
    assert report.ok, report.problems
    assert any("generation 2 cannot be used" in done for done in report.repaired)
    with Catalog.open(folder) as catalog:
        assert everything(catalog) == before
        facts = catalog.info()
        assert (facts["live"], facts["sealed"], facts["recovered"]) == (0, COUNT - 4, [])


def test_the_fitted_embedder(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    with Catalog.open(folder) as catalog:
        catalog.add(demo_titles()[:60])
        catalog.seal()
    (path,) = folder.glob("lsa.*")
    os.truncate(path, path.stat().st_size // 2)
    report = repaired(folder)
    assert report.ok, report.problems
    assert any("refitted" in done for done in report.repaired)
    with Catalog.open(folder, read_only=True) as catalog:
        assert catalog.search("a shark terrorises a town")


def test_a_lost_vector_is_embedded_again(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    with Catalog.open(folder) as catalog:
        catalog.add(demo_titles()[:60])
        catalog.seal()
        space = catalog._store.meta.space

    def damage(raw: Any, dbs: Any) -> None:
        raw.put(space.to_bytes(4, "big") + row(5), b"short", db=dbs.vectors)

    change(folder, damage)
    report = repaired(folder)
    assert report.ok, report.problems
    with Catalog.open(folder) as catalog:
        assert catalog.info()["pending"] == 0
        name = demo_titles()[5].id
        assert name in {hit.id for hit in catalog.search(demo_titles()[5].overview, 5)}


# -- what cannot be repaired -----------------------------------------------------------------


def test_an_undecodable_title_moves_only_on_request(folder: Path, tmp_path: Path) -> None:
    def damage(raw: Any, dbs: Any) -> None:
        raw.put(row(30), b"\x01\xc0 no title", db=dbs.titles)
        raw.put(row(31), b"", db=dbs.titles)

    change(folder, damage)
    report = repaired(folder)
    assert not report.ok
    assert len(report.problems) == 2
    assert "row 30" in report.problems[0]
    assert "quarantine" in report.problems[0]
    aside = tmp_path / "aside.jsonl"
    report = repaired(folder, quarantine=aside)
    assert report.ok, report.problems
    lines = [json.loads(line) for line in aside.read_text().splitlines()]
    assert [(line["row"], line["ids"]) for line in lines] == [(30, ["id30"]), (31, ["id31"])]
    assert base64.b64decode(lines[0]["title"]) == b"\x01\xc0 no title"
    assert base64.b64decode(lines[0]["vector"]) == vectors(0, 200)[30].tobytes()
    with Catalog.open(folder) as catalog:
        assert "id30" not in catalog
        assert catalog.count() == COUNT - 6
        assert "id30" not in {h.id for h in catalog.search(vectors(0, 200)[30], 300, exact=True)}


def test_two_titles_of_one_id(folder: Path) -> None:
    def damage(raw: Any, dbs: Any) -> None:
        raw.put(row(40), titles.encode(film(41)), db=dbs.titles)

    change(folder, damage)
    report = repaired(folder)
    (problem,) = report.problems
    assert "row 40: expected its id 'id41' once, but row 41 has it too" in problem


def test_two_ids_at_one_row(folder: Path) -> None:
    """As after a write that gave a row out again: the first title of it is overwritten."""

    def damage(raw: Any, dbs: Any) -> None:
        raw.put(b"lost", row(41), db=dbs.derived["ids"])
        raw.put(b"imdb:lost", row(41), db=dbs.derived["aliases"])

    change(folder, damage)
    with Catalog.open(folder, read_only=True) as catalog:
        problems = catalog.verify().problems
    assert len(problems) == 2
    assert "expected a title for the id 'lost' of row 41, got 'id41' there" in problems[0]
    assert "expected a title for the alias 'imdb:lost' of row 41, got 'id41' there" in problems[1]
    assert repaired(folder).ok


def test_two_journal_entries_of_one_seq(folder: Path) -> None:
    with Catalog.open(folder, read_only=True) as catalog:
        with catalog._store.read() as txn, txn.raw.cursor(txn.dbs.journal) as cursor:
            entries = [bytes(key) + bytes(value) for key, value in cursor]
        assert len(entries) > 1
        with (folder / "data.mdb").open("r+b") as file:  # behind LMDB's back
            data = file.read()
            at = data.index(entries[1])
            while at >= 0:  # also where older transactions left it
                file.seek(at)
                file.write(entries[0][:8])
                at = data.find(entries[1], at + 1)
        seq = int.from_bytes(entries[0][:8])
        (problem,) = catalog.verify().problems
        assert f"'journal': expected each key once, got {seq} twice" in problem


def test_a_reader_cannot_repair(folder: Path) -> None:
    with (
        Catalog.open(folder, read_only=True) as catalog,
        pytest.raises(errors.ReadOnlyError),
    ):
        catalog.verify(repair=True)


def test_progress_and_cancel(folder: Path) -> None:
    stages: list[str] = []
    with Catalog.open(folder) as catalog:
        catalog.verify(progress=lambda done, total, stage: stages.append(stage))

        def stop(done: int, total: int, stage: str) -> None:
            if stage == "checking vectors":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            catalog.verify(progress=stop)
        assert catalog.verify().ok
    wanted = ["pages", "files", "titles", "ids", "aliases", "vectors", "journal", "graph"]
    wanted.append("documents")
    assert list(dict.fromkeys(stages)) == [f"checking {name}" for name in wanted]


def test_changes_during_a_check_are_no_problems(folder: Path) -> None:
    with Catalog.open(folder) as catalog, Catalog.open(folder, read_only=True) as reader:
        added = COUNT

        def meddle(done: int, total: int, stage: str) -> None:
            nonlocal added
            catalog.add([film(added)], vectors(added, added + 1))
            catalog.add([film(added - 50)], vectors(5000 + added, 5001 + added))
            catalog.delete(f"id{added - 150}")
            if done == total and stage in {"checking titles", "checking vectors"}:
                catalog.seal()
            added += 1

        for one in (catalog, reader):
            report = one.verify(progress=meddle)
            assert report.ok, report.problems
    assert added > COUNT + 10


# -- what is derived -----------------------------------------------------------------------


def test_a_member_from_outside_is_kept_like_the_stores_own(folder: Path) -> None:
    """It is kept up to date, verified, repaired, and built for titles that were there before."""
    decades = RowIndex(
        "aliases2",
        "decade",
        1,
        several=True,
        entries=lambda title: (f"{(title.year or 0) // 10}0",),
    )

    class WithDecades(Catalog):
        _derived = (*DERIVED, decades)

    def rows(catalog: Catalog, key: bytes) -> set[int]:
        with catalog._store.read() as txn, txn.raw.cursor(txn.dbs.derived["aliases2"]) as cursor:
            return {int.from_bytes(v, "big") for k, v in cursor if k == key}

    with WithDecades.open(folder, read_only=True) as reader:  # not there yet, and not needed
        assert reader.count() == COUNT - 4
    with WithDecades.open(folder) as catalog:
        assert catalog._store.meta.derived == {"ids": 1, "aliases": 1, "aliases2": 1}
        assert len(rows(catalog, b"2000")) + len(rows(catalog, b"2010")) == COUNT - 4
        catalog.add([msgspec.structs.replace(film(0), year=1931)], vectors(0, 1))
        assert rows(catalog, b"1930") == {0}
        assert 0 not in rows(catalog, b"2000")
        catalog.delete("id0")
        assert rows(catalog, b"1930") == set()
        catalog._store.environment.write(
            lambda txn: txn.raw.put(b"1890", row(3), db=txn.dbs.derived["aliases2"])
        )
        assert "the decade '1890' of row 3" in catalog.verify().problems[0]
        assert catalog.verify(repair=True).ok
        with pytest.raises(InvalidInputError, match="aliases2"):  # other members, same process
            Catalog.open(folder, read_only=True)


def test_entries_of_an_older_rule_are_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member whose version moved is rebuilt when a writer opens the catalogue."""

    def older(txn: Any, meta: Any) -> Any:
        txn.raw.put(b"name:old-rule", row(3), db=txn.dbs.derived["aliases"])
        return msgspec.structs.replace(meta, derived={"ids": 1, "aliases": 0}), None

    with Catalog.open(folder) as catalog:
        catalog._store.write(older)
        assert catalog.find("name:old-rule") == ("id3",)
    with Catalog.open(folder) as catalog:
        assert catalog.find("name:old-rule") == ()
        assert catalog._store.meta.derived == {"ids": 1, "aliases": 1}
        assert catalog.verify().ok


# -- a newer format ------------------------------------------------------------------------


def newer_record(folder: Path) -> None:
    with Catalog.open(folder) as catalog:
        later = msgspec.structs.replace(catalog._store.meta, format=99)
        catalog._store.environment.write(lambda txn: write_meta(txn, later))


def newer_title(folder: Path) -> None:
    change(folder, lambda raw, dbs: raw.put(row(COUNT - 1), b"\x03later", db=dbs.titles))


def newer_file(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (path,) = folder.glob(f"{name}.*2.tv5" if name != "lsa" else "lsa.*.tv5")
        kind = {"graph": GRAPH_KIND, "rows": ROWS_KIND, "lsa": "LSA0"}[name]
        write_sections(path.with_suffix(".new"), kind, 9, {}, {"later": np.zeros(5)})
        path.with_suffix(".new").replace(path)

    return make


def contents(folder: Path) -> dict[str, bytes]:
    locks = {"lock.mdb", "writer.lock"}
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name not in locks}


@pytest.mark.parametrize(
    "make", [newer_record, newer_title, newer_file("graph"), newer_file("rows"), newer_file("lsa")]
)
def test_a_newer_format_is_refused_and_left_alone(
    folder: Path, make: Callable[[Path], None]
) -> None:
    if getattr(make, "__closure__", None) and make.__closure__[0].cell_contents == "lsa":
        folder = folder.with_name("own")
        with Catalog.open(folder) as catalog:
            catalog.add(demo_titles()[:30])
    make(folder)
    before = contents(folder)
    for read_only in (True, False):
        for embedder in ("lsa", None):
            with pytest.raises(errors.FormatVersionError, match="newer tv5core"):
                Catalog.open(folder, read_only=read_only, embedder=embedder)
    assert contents(folder) == before
