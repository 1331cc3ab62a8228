"""Exports come back equal: title for title, bit for bit."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from tv5core import Catalog, Offer, Title, errors
from tv5core.data import demo_titles
from tv5core.importers import import_paths
from tv5core.store import titles

DIM = 24


def film(i: int) -> Title:
    # Of one name, year and id elsewhere: distinct titles that an import would merge.
    ids = {"imdb": f"tt{i // 3:07d}"}
    return Title(f"id{i}", "movie", f"Film {i // 4}\u2028\x7f\"'", year=2000, external_ids=ids)


def vectors(start: int, stop: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(start).standard_normal((stop - start, DIM)).astype(np.float32)


ODD = [
    Title("odd:inf", "movie", "Odd", rating=math.inf, popularity=-math.inf),
    Title("odd:price", "show", "Odd", offers=(Offer("a", price=math.nan), Offer("b", price=0.1))),
    Title("odd:field", "show", "tv5_title", external_ids={"tv5_title": "tv5_title"}),
    Title("odd:zero", "show", "", popularity=-0.0, votes=2**53 + 1, year=-5),
    Title("odd:é\u202e漢", "show", "\ud7ff\U0010ffff", keywords=("", " ", "\\n")),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    where = tmp_path / "c"
    with Catalog.open(where, metric="ip", rescoring="float16") as catalog:
        catalog.add([film(i) for i in range(100)], vectors(0, 100))
        catalog.delete(["id5", "id6"])
        catalog.seal()
        catalog.calibrate(vectors(1, 30))
        catalog.add(ODD, vectors(2, 7), checkpoint=("mark", b"\x00\xff"))
        catalog.add([film(i) for i in range(200, 204)], embed=False, checkpoint=("m2", b""))
        catalog.add([film(3)], vectors(9, 10))
    return where


def facts(catalog: Catalog) -> Any:
    """All that must be equal, by id; rows are numbered again."""
    found = {}
    with catalog._store.read() as txn:
        meta = catalog._store.meta
        for name in catalog.ids():
            row = titles.find(txn, name)
            assert row is not None
            data = txn.raw.get(titles.row_key(row), db=txn.dbs.titles)
            vector = txn.raw.get(meta.space.to_bytes(4, "big") + titles.row_key(row),
                                 db=txn.dbs.vectors)  # fmt: skip
            # Without its checksum, which covers the row's number.
            given = vector and bytes(vector)[: 4 * meta.dim]
            found[name] = bytes(data), given, titles.is_pending(txn, row)
    same = ("dim", "metric", "rescoring", "embedder", "fitted_on", "settings", "text_settings")
    return found, {name: getattr(meta, name) for name in same}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_comes_back_equal(folder: Path, tmp_path: Path) -> None:
    with Catalog.open(folder, read_only=True) as catalog:
        report = catalog.export(tmp_path / "export")
        want = facts(catalog)
        found = catalog.find("imdb:tt0000010")
        assert len(found) == 3
        hits = [catalog.search(query, 5, exact=True) for query in vectors(50, 55)]
    assert (report.titles, report.vectors, report.pending) == (107, 103, 4)
    assert report.bytes == sum(map(len, contents(tmp_path / "export").values()))
    back = Catalog.restore(tmp_path / "export", tmp_path / "back")
    assert (back.titles, back.vectors) == (107, 103)
    with Catalog.open(tmp_path / "back") as catalog:
        assert facts(catalog) == want
        assert catalog.verify().ok
        assert catalog.find("imdb:tt0000010") == found
        assert catalog.checkpoint("mark") == b"\x00\xff"
        assert catalog.checkpoint("m2") == b""
        again = [catalog.search(query, 5, exact=True) for query in vectors(50, 55)]
        assert again == hits
        assert catalog.info()["sealed"] == 103
        catalog.export(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "export")
    assert {p.name for p in tmp_path.iterdir()} == {"c", "export", "back", "again"}


def test_numpy_and_any_json_reader_read_it(folder: Path, tmp_path: Path) -> None:
    with Catalog.open(folder, read_only=True) as catalog:
        catalog.export(tmp_path / "export")
        matrix = np.load(tmp_path / "export" / "vectors.npy", allow_pickle=False)
        ids = (tmp_path / "export" / "ids.txt").read_text("utf-8").split("\n")[:-1]
        lines = (tmp_path / "export" / "titles.jsonl").read_text("utf-8").split("\n")[:-1]
        assert matrix.shape == (103, DIM)
        assert matrix.dtype == np.float32
        stored = facts(catalog)[0]
        for name, vector in zip(ids, matrix, strict=True):
            assert stored[name][1] == vector.tobytes()
        assert ids[:5] == ["id0", "id1", "id2", "id3", "id4"]
        assert [json.loads(line)["id"] for line in lines if "odd" not in line][:3] == ids[:3]
        assert (matrix[ids.index("id3")] == vectors(9, 10)[0]).all()
    text = (tmp_path / "export" / "titles.jsonl").read_bytes()
    assert text.count(b'"tv5_title":"') == 3  # the two of infinities, and the one that spells it


def test_a_catalogue_that_embeds_itself(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c") as catalog:
        catalog.add(demo_titles()[:80])
        catalog.seal()
        catalog.add(demo_titles()[80:85], embed=False)
        want = facts(catalog)
        hits = catalog.search("a shark terrorises a town", 5, exact=True)
        catalog.export(tmp_path / "export")
    Catalog.restore(tmp_path / "export", tmp_path / "back")
    with Catalog.open(tmp_path / "back") as catalog:
        assert facts(catalog) == want
        assert catalog.search("a shark terrorises a town", 5, exact=True) == hits
        assert catalog.embed_pending() == 5
        catalog.export(tmp_path / "again")


def test_an_empty_catalogue(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c") as catalog:
        assert catalog.export(tmp_path / "export").titles == 0
    Catalog.restore(tmp_path / "export", tmp_path / "back")
    with Catalog.open(tmp_path / "back", create=False) as catalog:
        assert catalog.count() == 0
        catalog.add(demo_titles()[:3])


def test_titles_alone_import_again_and_change_nothing(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c") as catalog:
        catalog.add(demo_titles()[:50])
        report = catalog.export(tmp_path / "titles.jsonl")
        assert report.bytes == (tmp_path / "titles.jsonl").stat().st_size
        lines = (tmp_path / "titles.jsonl").read_bytes()
        assert msgspec.json.Decoder(Title).decode_lines(lines) == list(demo_titles()[:50])
        streamed: list[bytes] = []
        assert catalog.export_lines(streamed.append) == 50
        assert b"".join(streamed) == lines
        catalog.export(tmp_path / "titles.jsonl")  # a file is replaced
    with Catalog.open(tmp_path / "new") as catalog:
        assert import_paths(catalog, [tmp_path / "titles.jsonl"]).new == 50
        done = import_paths(catalog, [tmp_path / "titles.jsonl"])
        assert (done.new, done.files[0].unchanged) == (0, 50)
    assert {p.name for p in tmp_path.iterdir()} == {"c", "titles.jsonl", "new"}


def test_one_moment_while_others_write(folder: Path, tmp_path: Path) -> None:
    with Catalog.open(folder) as catalog, Catalog.open(folder, read_only=True) as reader:
        want = facts(reader)[0]

        def meddle(done: int, total: int, stage: str) -> None:
            nonlocal added
            if not added:
                added = True
                catalog.add([film(i) for i in range(500, 600)], vectors(500, 600))
                catalog.delete(["id0", "id99"])
                catalog.seal()

        added = False
        monkey = pytest.MonkeyPatch()
        monkey.setattr("tv5core.catalog.copies.export._STEP", 10)
        reader.export(tmp_path / "export", progress=meddle)
        monkey.undo()
        assert added
    Catalog.restore(tmp_path / "export", tmp_path / "back")
    with Catalog.open(tmp_path / "back") as catalog:
        assert facts(catalog)[0] == want


@pytest.mark.parametrize("target", ["export", "titles.jsonl"])
def test_cancelled_nothing_is_left(folder: Path, tmp_path: Path, target: str) -> None:
    def stop(done: int, total: int, stage: str) -> None:
        raise KeyboardInterrupt

    with Catalog.open(folder) as catalog:
        with pytest.raises(KeyboardInterrupt):
            catalog.export(tmp_path / target, progress=stop)
        assert [p.name for p in tmp_path.iterdir()] == ["c"]
        catalog.export(tmp_path / target)
        assert catalog.delete("id1") == 1


@pytest.mark.parametrize(
    "name", ["titles.jsonl", "vectors.npy", "ids.txt", "pending.txt", "export.json"]
)
@pytest.mark.parametrize("how", ["flip", "cut", "gone"])
def test_damaged_exports_are_refused(folder: Path, tmp_path: Path, name: str, how: str) -> None:
    with Catalog.open(folder, read_only=True) as catalog:
        catalog.export(tmp_path / "export")
    path = tmp_path / "export" / name
    data = bytearray(path.read_bytes())
    if how == "flip":
        data[1 if name == "export.json" else len(data) // 2] ^= 0x11
    path.write_bytes(data[: len(data) // 3] if how == "cut" else data)
    if how == "gone":
        path.unlink()
    with pytest.raises((errors.CorruptFileError, errors.NotACatalogError)):
        Catalog.restore(tmp_path / "export", tmp_path / "back")
    assert {p.name for p in tmp_path.iterdir()} == {"c", "export"}


def test_an_export_of_a_newer_version(folder: Path, tmp_path: Path) -> None:
    with Catalog.open(folder, read_only=True) as catalog:
        catalog.export(tmp_path / "export")
    path = tmp_path / "export" / "export.json"
    path.write_text(path.read_text().replace('"tv5_export": 1', '"tv5_export": 2'))
    with pytest.raises(errors.FormatVersionError, match="version 1 or less, got 2"):
        Catalog.restore(tmp_path / "export", tmp_path / "back")


def test_an_undecodable_title_is_named(folder: Path, tmp_path: Path) -> None:
    with Catalog.open(folder) as catalog:
        catalog._store.environment.write(
            lambda txn: txn.raw.put(titles.row_key(7), b"\x01\xc0", db=txn.dbs.titles)
        )
        with pytest.raises(errors.CorruptFileError, match=r"row 7: .*quarantine"):
            catalog.export(tmp_path / "export")
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_nothing_is_overwritten(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x").write_text("mine")
    with Catalog.open(folder, read_only=True) as catalog:
        with pytest.raises(errors.InvalidInputError):
            catalog.export(tmp_path / "mine")
        catalog.export(tmp_path / "export")
    with pytest.raises(errors.InvalidInputError):
        Catalog.restore(tmp_path / "export", tmp_path / "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["x"]
