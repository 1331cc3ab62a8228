from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lmdb
import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from tv5core import errors
from tv5core.catalog import Catalog
from tv5core.store.meta import FORMAT, write_meta
from tv5core.types import Title

DIM = 16


def films(start: int, stop: int) -> list[Title]:
    return [Title(f"id{i}", "movie", f"Film {i}") for i in range(start, stop)]


def vectors(start: int, stop: int) -> npt.NDArray[np.float32]:
    return np.asarray(
        [np.random.default_rng(i).standard_normal(DIM) for i in range(start, stop)], np.float32
    )


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(tmp_path / "c") as opened:
        opened.add(films(0, 5), vectors(0, 5))
        yield opened
        # Whatever was refused, nothing that was stored may be lost.
        assert opened.count() == 5
        assert opened.search(vectors(2, 3)[0], 1)[0].id == "id2"
        assert opened.verify().ok


def bad_row(value: float) -> npt.NDArray[np.float32]:
    rows = vectors(5, 8)
    rows[1] = value
    return rows


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        (np.ones((3, DIM + 1), np.float32), errors.DimensionError, "expected vectors of 16"),
        (bad_row(np.nan), errors.NonFiniteVectorError, "row 1"),
        (bad_row(np.inf), errors.NonFiniteVectorError, "row 1"),
        (bad_row(0), errors.ZeroVectorError, "row 1"),
        (vectors(5, 7), errors.InvalidInputError, "expected 3 vectors"),
        (np.ones(DIM, np.float32), errors.InvalidInputError, "matrix"),
        (np.asarray([["a"] * DIM] * 3), errors.InvalidInputError, "real numbers"),
    ],
)
def test_bad_vectors(
    catalog: Catalog, given: npt.ArrayLike, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        catalog.add(films(5, 8), given)


def test_duplicate_ids(catalog: Catalog) -> None:
    with pytest.raises(errors.DuplicateKeyError, match="'id6' again at 2"):
        catalog.add([*films(6, 8), *films(6, 7)], vectors(5, 8))


def test_bad_titles(catalog: Catalog) -> None:
    with pytest.raises(errors.InvalidInputError, match="at 1"):
        catalog.add([*films(5, 6), Title("a\tb", "movie", "A")], vectors(5, 7))
    with pytest.raises(errors.InvalidInputError, match="expected a Title"):
        catalog.add(["id9"], vectors(5, 6))  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (np.ones(DIM + 1), errors.DimensionError),
        (np.full(DIM, np.nan), errors.NonFiniteVectorError),
        (np.zeros(DIM), errors.ZeroVectorError),
        (np.ones((2, DIM)), errors.InvalidInputError),
        (None, errors.InvalidInputError),
    ],
)
def test_bad_queries(catalog: Catalog, query: npt.ArrayLike, error: type[Exception]) -> None:
    with pytest.raises(error):
        catalog.search(query)


def test_bad_k(catalog: Catalog) -> None:
    for k in (0, -1, 1.5):
        with pytest.raises(errors.InvalidInputError, match="k"):
            catalog.search(vectors(0, 1)[0], k)  # type: ignore[arg-type]


def test_unknown_ids(catalog: Catalog) -> None:
    for name in ("nothing", "", "x" * 1000, "a\0b", "\ud800"):
        with pytest.raises(errors.UnknownIdError):
            catalog.get(name)
        with pytest.raises(KeyError):
            catalog.similar(name)
        assert catalog.find(name) == ()
        assert catalog.delete(name) == 0
    assert catalog.get_many(["nothing"]) == [None]


def test_text_needs_an_embedder(catalog: Catalog) -> None:
    with pytest.raises(errors.EmbedderMismatchError, match="pass Catalog"):
        catalog.search("a shark", mode="semantic")
    with pytest.raises(errors.EmbedderMismatchError, match="expected an embedder"):
        catalog.add(films(7, 8))
    with pytest.raises(errors.EmbedderMismatchError):
        catalog.refit()


def test_second_writer_in_this_process(catalog: Catalog) -> None:
    with pytest.raises(errors.CatalogLockedError, match=f"process {os.getpid()} on "):
        Catalog.open(catalog._store.folder)


def test_second_writer_in_another_process(catalog: Catalog) -> None:
    code = "import sys; from tv5core.catalog import Catalog; Catalog.open(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(catalog._store.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"CatalogLockedError: {catalog._store.folder}: expected to be the only" in done.stderr
    assert f"process {os.getpid()}" in done.stderr


def test_the_lock_goes_with_its_holder(tmp_path: Path) -> None:
    for _ in range(2):
        Catalog.open(tmp_path).close()


def test_read_only_refuses_writes(catalog: Catalog) -> None:
    with Catalog.open(catalog._store.folder, read_only=True) as reader:
        for change in (
            lambda: reader.add(films(7, 8), vectors(7, 8)),
            lambda: reader.delete("id1"),
            reader.seal,
            reader.refit,
            reader.embed_pending,
            lambda: reader.clear_checkpoints(""),
            lambda: reader.calibrate(vectors(0, 5)),
        ):
            with pytest.raises(errors.ReadOnlyError, match="read_only=True"):
                change()


def test_closed(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path)
    catalog.add(films(0, 2), vectors(0, 2))
    catalog.close()
    catalog.close()
    for use in (
        lambda: catalog.search(vectors(0, 1)[0]),
        lambda: catalog.get("id0"),
        lambda: catalog.add(films(0, 1), vectors(0, 1)),
        catalog.count,
        catalog.info,
        lambda: next(catalog.ids()),
        catalog.__enter__,
    ):
        with pytest.raises(errors.ClosedError):
            use()


def test_no_catalogue_there(tmp_path: Path) -> None:
    for options in ({"create": False}, {"read_only": True}):
        with pytest.raises(errors.NotACatalogError, match="no folder"):
            Catalog.open(tmp_path / "none", **options)  # type: ignore[arg-type]
        with pytest.raises(errors.NotACatalogError, match="without one"):
            Catalog.open(tmp_path, **options)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(errors.NotACatalogError, match=r"holiday\.jpg"):
        Catalog.open(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "films").write_bytes(b"x")
    with pytest.raises(errors.NotACatalogError, match="got a file"):
        Catalog.open(tmp_path / "films")


def test_somebody_elses_lmdb(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path), lib_version=0) as foreign, foreign.begin(write=True) as txn:
        txn.put(b"a", b"b")
    for read_only in (False, True):
        with pytest.raises(errors.NotACatalogError):
            Catalog.open(tmp_path, read_only=read_only)


def test_a_folder_where_making_one_was_cut_short(tmp_path: Path) -> None:
    (tmp_path / "writer.lock").touch()
    (tmp_path / "data.mdb").touch()
    with Catalog.open(tmp_path) as catalog:
        assert catalog.count() == 0


def test_a_newer_catalogue(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        newer = msgspec.structs.replace(catalog._store.meta, format=FORMAT + 1)
        catalog._store.environment.write(lambda txn: write_meta(txn, newer))
    with pytest.raises(errors.FormatVersionError, match=r"or less, got \d+: a newer tv5core"):
        Catalog.open(tmp_path)
    Path(tmp_path / "data.mdb").stat()  # and it is left alone


@pytest.mark.parametrize("options", [{"metric": "l2"}, {"rescoring": "int4"}])
def test_bad_options_create_nothing(tmp_path: Path, options: dict[str, str]) -> None:
    with pytest.raises(errors.InvalidInputError):
        Catalog.open(tmp_path / "c", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "c").exists()


def test_values_beyond_float16(tmp_path: Path) -> None:
    with Catalog.open(tmp_path, metric="ip", rescoring="float16") as catalog:
        with pytest.raises(errors.InvalidInputError, match="float16"):
            catalog.add(films(0, 2), 1e6 * vectors(0, 2))
        assert catalog.count() == 0


def test_full_disk_while_adding(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = catalog._store.environment.write, 0

    def write(work: object) -> object:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise errors.DiskFullError("expected room, got none")
        return real(work)  # type: ignore[arg-type]

    monkeypatch.setattr("tv5core.catalog.writer.CHUNK_TITLES", 10)
    monkeypatch.setattr(catalog._store.environment, "write", write)
    with pytest.raises(errors.DiskFullError, match="the first 10 of 30 titles are stored"):
        catalog.add(films(100, 130), vectors(100, 130))
    monkeypatch.undo()
    assert catalog.count() == 15
    assert catalog.search(vectors(105, 106)[0], 1)[0].id == "id105"
    catalog.delete(f"id{i}" for i in range(100, 110))


def test_full_disk_while_sealing(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise errors.DiskFullError("expected room, got none")

    monkeypatch.setattr("tv5core.catalog.index.generation_files.build_files", fail)
    with pytest.raises(errors.DiskFullError):
        catalog.seal()
    monkeypatch.undo()
    assert not list(catalog._store.folder.glob("*.tv5*"))
    catalog.seal()


def test_a_real_full_disk(tmp_path: Path) -> None:
    """A limit on file sizes stands for the disk: LMDB's write is cut short in the same way."""
    code = """
import resource, sys
import numpy as np
from tv5core.catalog import Catalog
from tv5core.errors import DiskFullError
from tv5core.types import Title
catalog = Catalog.open(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
stored = 0
try:
    while True:
        ids = range(stored, stored + 20)
        some = [Title(f"id{i}", "movie", "A", overview="x" * 3000) for i in ids]
        catalog.add(some, np.random.default_rng(0).standard_normal((20, 16)))
        stored += 20
except DiskFullError as error:
    assert catalog.count() == stored, (catalog.count(), stored)
    assert catalog.verify().ok
    catalog.close()
    print(stored)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with Catalog.open(tmp_path, create=False) as catalog:
        assert catalog.count() == int(done.stdout) > 0
        assert catalog.verify().ok
