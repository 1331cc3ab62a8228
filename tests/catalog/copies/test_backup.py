"""Backups: consistent, whole or absent, and catalogues by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tv5core import Catalog, Title, errors
from tv5core.data import demo_titles

DIM = 32


def film(i: int, version: int = 0) -> Title:
    return Title(f"id{i}", "movie", f"Film {i}", year=2000 + i % 20, overview=f"v{version} " * 50)


def vectors(start: int, stop: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(start).standard_normal((stop - start, DIM)).astype(np.float32)


def fill(catalog: Catalog, start: int, stop: int) -> None:
    catalog.add([film(i) for i in range(start, stop)], vectors(start, stop))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    where = tmp_path / "c"
    with Catalog.open(where) as catalog:
        fill(catalog, 0, 200)
        catalog.seal()
        fill(catalog, 200, 300)
        catalog.delete(["id5"])
        catalog.add([Title("waits", "movie", "Waits")], embed=False, checkpoint=("k", b"v"))
    return where


def facts(catalog: Catalog) -> Any:
    ids = list(catalog.ids())
    with catalog._store.read() as txn:
        others = ("derived", "members")
        databases = {name: db for name, db in txn.dbs._asdict().items() if name not in others}
        stored = {}
        for name, database in {**databases, **txn.dbs.derived}.items():
            with txn.raw.cursor(database) as cursor:
                stored[name] = [(bytes(key), bytes(value)) for key, value in cursor]
    return ids, catalog.get_many(ids), stored


def answers(catalog: Catalog) -> Any:
    hits = [catalog.search(query, 5) for query in vectors(7, 12)]
    return [[(hit.id, hit.score) for hit in some] for some in hits]


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_backup_is_a_catalogue_and_equal(
    folder: Path, tmp_path: Path, compact: bool, read_only: bool
) -> None:
    stages: list[str] = []
    dest = tmp_path / "backups" / "today"
    with Catalog.open(folder, read_only=read_only) as catalog:
        report = catalog.backup(
            dest, compact=compact, progress=lambda done, total, stage: stages.append(stage)
        )
        want = facts(catalog), answers(catalog)
    assert (report.titles, report.path) == (300, str(dest))
    assert report.bytes == sum(p.stat().st_size for p in dest.iterdir())
    names = {path.name for path in dest.iterdir()}
    parts = ("columns", "graph", "rows", "words")
    assert names == {"data.mdb", *(f"{part}.000001.tv5" for part in parts)}
    assert "copying the store" in stages
    assert "checking titles" in stages
    for copy in (dest, Path(Catalog.restore(dest, tmp_path / "back").path)):
        with Catalog.open(copy) as catalog:
            assert (facts(catalog), answers(catalog)) == want
            assert catalog.info()["recovered"] == []
            assert catalog.verify().ok
            fill(catalog, 300, 301)
    assert sorted(p.name for p in dest.parent.iterdir()) == ["today"]


def test_a_backup_with_its_fitted_embedder(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c") as catalog:
        catalog.add(demo_titles()[:60])
        catalog.seal()
        want = [hit.id for hit in catalog.search("a shark terrorises a town")]
        catalog.backup(tmp_path / "b")
    with Catalog.open(tmp_path / "b", read_only=True) as catalog:
        assert [hit.id for hit in catalog.search("a shark terrorises a town")] == want


def test_an_empty_catalogue(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c") as catalog:
        assert catalog.backup(tmp_path / "b").titles == 0
    with Catalog.open(tmp_path / "b", create=False) as catalog:
        assert catalog.count() == 0


def test_it_shares_no_file_with_the_catalogue(folder: Path, tmp_path: Path) -> None:
    with Catalog.open(folder, read_only=True) as catalog:
        catalog.backup(tmp_path / "b")
    for path in (tmp_path / "b").iterdir():
        assert path.stat().st_nlink == 1
        assert not path.samefile(folder / path.name)


def test_a_target_with_something_in_it_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    with Catalog.open(folder, read_only=True) as catalog:
        for dest in (tmp_path / "full", tmp_path / "file", folder, folder / "inside"):
            with pytest.raises(errors.InvalidInputError, match="expected a"):
                catalog.backup(dest)
            with pytest.raises(errors.InvalidInputError):
                Catalog.restore(folder, dest)
        catalog.backup(tmp_path / "empty")
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
    assert not list(tmp_path.glob("*.partial"))
    assert {p.name for p in folder.iterdir()} >= {"data.mdb"}


@pytest.mark.parametrize("stage", ["copying the store", "copying graph.000001.tv5", "checking ids"])
def test_cancelled_at_any_stage_nothing_is_left(folder: Path, tmp_path: Path, stage: str) -> None:
    def stop(done: int, total: int, name: str) -> None:
        if name == stage:
            raise KeyboardInterrupt

    before = threading.active_count()
    with Catalog.open(folder) as catalog:
        with pytest.raises(KeyboardInterrupt):
            catalog.backup(tmp_path / "b", progress=stop)
        assert [p.name for p in tmp_path.iterdir()] == ["c"]
        fill(catalog, 300, 400)
        catalog.backup(tmp_path / "b")
    assert threading.active_count() == before
    with Catalog.open(tmp_path / "b") as catalog:
        assert catalog.count() == 400


def test_what_a_killed_backup_left_is_removed_by_the_next(folder: Path, tmp_path: Path) -> None:
    code = """
import os, sys
from tv5core import Catalog
def die(done, total, stage):
    if stage == "checking titles":
        os._exit(9)
Catalog.open(sys.argv[1], read_only=True).backup(sys.argv[2], progress=die)
"""
    dest = tmp_path / "b"
    done = subprocess.run([sys.executable, "-c", code, str(folder), str(dest)], check=False)
    assert done.returncode == 9
    assert (tmp_path / "b.partial" / "new" / "data.mdb").exists()
    assert not dest.exists()
    with Catalog.open(folder, read_only=True) as catalog:
        catalog.backup(dest)
    assert not (tmp_path / "b.partial").exists()


def test_two_backups_to_one_place(folder: Path, tmp_path: Path) -> None:
    with Catalog.open(folder, read_only=True) as catalog:

        def again(done: int, total: int, stage: str) -> None:
            if stage == "checking titles":
                with pytest.raises(errors.CatalogLockedError, match=f"process {os.getpid()}"):
                    catalog.backup(tmp_path / "b")

        catalog.backup(tmp_path / "b", progress=again)
    with Catalog.open(tmp_path / "b") as catalog:
        assert catalog.verify().ok


@pytest.mark.parametrize("compact", [False, True])
def test_while_others_write_and_seal(folder: Path, tmp_path: Path, compact: bool) -> None:
    """Every backup is one moment: titles are added in tens, and each ten has one version."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def write(catalog: Catalog) -> None:
        version = 0
        try:
            while not stop.is_set():
                version += 1
                some = range(1000, 1010)
                catalog.add([film(i, version) for i in some], vectors(version, version + 10))
                catalog.add([film(5000 + version)], vectors(version, version + 1))
                if version % 3 == 0:
                    catalog.seal()
        except BaseException as error:
            failed.append(error)

    with Catalog.open(folder) as catalog:
        writer = threading.Thread(target=write, args=(catalog,))
        writer.start()
        try:
            for i in range(4):
                catalog.backup(tmp_path / f"b{i}", compact=compact)
        finally:
            stop.set()
            writer.join()
    assert not failed
    for i in range(4):
        with Catalog.open(tmp_path / f"b{i}", read_only=True) as copy:
            assert copy.info()["recovered"] == []
            tens = {title.overview for title in copy.get_many([f"id{i}" for i in range(1000, 1010)])
                    if title is not None}  # fmt: skip
            assert len(tens) <= 1
            late = [name for name in copy.ids() if int(name[2:] if name != "waits" else 0) > 5000]
            if tens:
                version = int(tens.pop().split()[0][1:])
                assert len(late) in (version - 1, version)


def test_a_damaged_catalogue_is_copied_only_unchecked(folder: Path, tmp_path: Path) -> None:
    path = folder / "rows.000001.tv5"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with Catalog.open(folder, read_only=True) as catalog:
        with pytest.raises(errors.CorruptFileError, match=r"rows\.000001\.tv5.*repair"):
            catalog.backup(tmp_path / "b")
        assert [p.name for p in tmp_path.iterdir()] == ["c"]
        assert catalog.backup(tmp_path / "b", check=False).titles == 0
    with pytest.raises(errors.CorruptFileError):
        Catalog.restore(tmp_path / "b", tmp_path / "back")
    assert not (tmp_path / "back").exists()
    with Catalog.open(tmp_path / "b") as catalog:
        assert catalog.verify(repair=True).ok
        assert catalog.count() == 300


def test_restoring_nothing(tmp_path: Path) -> None:
    with pytest.raises(errors.NotACatalogError):
        Catalog.restore(tmp_path / "none", tmp_path / "back")
    assert list(tmp_path.iterdir()) == []


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A store far larger than what may be held: 60 MB copied within 8 MB more."""
    code = """
import resource, sys
from pathlib import Path
from tv5core import Catalog
from tv5core.store.copying import copy_store
catalog = Catalog.open(sys.argv[1], read_only=True)
def held():  # not what is mapped
    text = open("/proc/self/status").read()
    return int(text.split("RssAnon:")[1].split()[0])
before, most = held(), 0
def watch(done, total, stage):
    global most
    most = max(most, held())
Path(sys.argv[2]).mkdir()
copy_store(catalog._store, Path(sys.argv[2]), compact=sys.argv[3] == "compact", report=watch)
print(most - before)
"""
    with Catalog.open(tmp_path / "c", auto_seal=False) as catalog:
        some = [Title(f"x{i}", "movie", "A", overview=f"{i} " * 6000) for i in range(2000)]
        catalog.add(some, np.random.default_rng(0).standard_normal((2000, 32)))
    for how in ("plain", "compact"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "c"), str(tmp_path / how), how],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / how / "data.mdb").stat().st_size > 50 << 20
        assert int(done.stdout) < 8 << 10, done.stdout
