"""Garbage collection, and bounds on what is not collected yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tv5core.catalog import Catalog
from tv5core.catalog.index import seal_policy
from tv5core.store import embeddings, journal
from tv5core.types import Title
from tv5core.vectors import VectorIndex

DIM = 16


def film(i: int, votes: int = 0) -> Title:
    return Title(f"id{i}", "movie", f"Film {i}", year=2000, votes=votes)


def vector(i: int, version: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng([i, version]).standard_normal(DIM).astype(np.float32)


def fill(catalog: Catalog, start: int, stop: int, version: int = 0) -> None:
    some = range(start, stop)
    catalog.add([film(i) for i in some], [vector(i, version) for i in some])


def check(catalog: Catalog, versions: dict[int, int]) -> None:
    """These titles with these versions of their vectors are there, and nothing else."""
    assert set(catalog.ids()) == {f"id{i}" for i in versions}
    for i, version in list(versions.items())[:: max(1, len(versions) // 30)]:
        hit = catalog.search(vector(i, version), 1)[0]
        assert hit.id == f"id{i}"
        assert hit.score == pytest.approx(1, abs=0.01)
    report = catalog.verify()
    assert report.ok, report.problems


def entries(catalog: Catalog) -> int:
    with catalog._store.read() as txn:
        return journal.count(txn)


# -- on demand ----------------------------------------------------------------------------


def test_optimizing_reclaims_and_says_what(tmp_path: Path) -> None:
    with Catalog.open(tmp_path, auto_seal=False) as catalog:
        fill(catalog, 0, 600)
        catalog.seal()
        catalog.delete(f"id{i}" for i in range(100))
        fill(catalog, 100, 150, version=1)
        for i in range(150, 160):
            catalog.delete(f"id{i}")
        env = catalog._store.environment
        env.write(lambda txn: embeddings.put(txn, 7, 3, vector(3)))
        (tmp_path / "graph.000077.tv5").write_bytes(b"x" * 100)
        assert catalog.info()["removed"] == 160
        stages = []
        report = catalog.optimize(lambda done, total, stage: stages.append(stage))
        assert {"tidying", "building graph"} <= set(stages)
        assert report.removed_rows == 160
        assert report.sealed
        assert report.old_vectors == 1
        assert report.files == ["graph.000077.tv5"]
        assert report.bytes_before > 0
        assert report.bytes_after == catalog.info()["bytes_on_disk"]
        assert report.reusable_bytes == catalog.info()["reusable_bytes"] > 0
        info = catalog.info()
        assert (info["sealed"], info["live"], info["removed"]) == (490, 0, 0)
        versions = dict.fromkeys(range(160, 600), 0) | dict.fromkeys(range(100, 150), 1)
        check(catalog, versions)
        again = catalog.optimize()
        assert not again.sealed
        assert again.removed_rows == again.old_vectors == 0
        assert again.files == []
    with Catalog.open(tmp_path) as catalog:
        check(catalog, versions)


def test_optimizing_while_titles_come_and_go(tmp_path: Path) -> None:
    with Catalog.open(tmp_path, auto_seal=False) as catalog:
        fill(catalog, 0, 600)
        catalog.seal()
        catalog.delete(f"id{i}" for i in range(200))
        fresh = iter(range(1_000, 2_000))
        added = []

        def meddle(_done: int, _total: int, stage: str) -> None:
            i = next(fresh)
            fill(catalog, i, i + 1)
            catalog.delete(f"id{i - 800}")
            added.append(i)
            assert catalog.search(vector(i), 1)[0].id == f"id{i}"
            assert catalog.search(vector(599), 1)[0].id == "id599"

        assert catalog.optimize(meddle).sealed
        assert len(added) > 5
        rest = set(range(200, 600)) - {i - 800 for i in added}
        check(catalog, dict.fromkeys([*rest, *added], 0))


@pytest.mark.parametrize("stage", ["tidying", "encoding", "building graph", "writing"])
def test_optimizing_called_off(tmp_path: Path, stage: str) -> None:
    class EnoughError(Exception):
        pass

    def stop(done: int, total: int, now: str) -> None:
        if now == stage and done:
            raise EnoughError

    with Catalog.open(tmp_path, auto_seal=False) as catalog:
        fill(catalog, 0, 600)
        catalog.seal()
        catalog.delete(f"id{i}" for i in range(200))
        with pytest.raises(EnoughError):
            catalog.optimize(stop)
        names = {path.name for path in tmp_path.iterdir()}
        assert not [n for n in names if "000002" in n or n.startswith(".") or n.endswith(".tmp")]
        check(catalog, dict.fromkeys(range(200, 600), 0))
        assert catalog.info()["removed"] == 200
        assert catalog.optimize().removed_rows == 200


def test_killed_readers_are_cleared(tmp_path: Path) -> None:
    code = """
import os, sys
from tv5core import Catalog
catalog = Catalog.open(sys.argv[1], read_only=True)
from tv5core.lmdb_env.calls import this_call
held = catalog._store.environment.begin_read(this_call())
os.kill(os.getpid(), 9)
"""
    with Catalog.open(tmp_path, auto_seal=False) as catalog:
        fill(catalog, 0, 20)
        command = [sys.executable, "-c", code, str(tmp_path)]
        subprocess.run(command, check=False, timeout=60)
        assert catalog.optimize().dead_readers == 1
        fill(catalog, 20, 30)
        subprocess.run(command, check=False, timeout=60)
        catalog.seal()
        assert catalog._store.environment.check_readers() == 0


# -- by itself ----------------------------------------------------------------------------


def test_much_removed_is_collected_in_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal_policy, "MIN_REMOVED_ROWS", 50)
    with Catalog.open(tmp_path) as catalog:
        fill(catalog, 0, 500)
        catalog.seal()
        catalog.delete(f"id{i}" for i in range(100))
        catalog._manager.wait()
        assert catalog.info()["generation"] == 1  # a fifth, and not more
        catalog.delete("id100")
        catalog._manager.wait()
        info = catalog.info()
        assert (info["generation"], info["sealed"], info["removed"]) == (2, 399, 0)
        fill(catalog, 101, 200, version=1)  # replaced is removed, too
        catalog._manager.wait()
        info = catalog.info()
        assert (info["generation"], info["sealed"], info["removed"]) == (3, 399, 0)
        check(catalog, dict.fromkeys(range(101, 200), 1) | dict.fromkeys(range(200, 500), 0))


def test_nothing_is_collected_without_auto_seal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal_policy, "MIN_REMOVED_ROWS", 50)
    with Catalog.open(tmp_path, auto_seal=False) as catalog:
        fill(catalog, 0, 500)
        catalog.seal()
        catalog.delete(f"id{i}" for i in range(400))
        catalog._manager.wait()
        assert catalog.info()["removed"] == 400


def test_the_head_drops_what_was_replaced() -> None:
    index = VectorIndex.empty(DIM)
    keys = np.arange(500)
    for version in range(60):
        index.add(np.stack([vector(i, version) for i in range(500)]), keys)
        assert index.live_count <= 500 + 4_096 + 500
    assert len(index) == 500
    for i in range(0, 500, 50):
        found = index.search(vector(i, 59), 1)
        assert found.keys[0] == i
        assert found.scores[0] == pytest.approx(1, abs=0.01)
    index.remove(np.arange(250))
    assert sorted(index.keys().tolist()) == list(range(250, 500))
    assert index.search(vector(7, 59), 1).keys[0] >= 250
    index.seal()
    assert sorted(index.keys().tolist()) == list(range(250, 500))


@pytest.mark.parametrize("seal", [False, True])
def test_the_journal_stays_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seal: bool
) -> None:
    """Without a generation, and where only titles change, nothing else would ever trim it."""
    monkeypatch.setattr(journal, "FOLD_ENTRIES", 40)
    monkeypatch.setattr(journal, "KEPT_ENTRIES", 10)
    with (
        Catalog.open(tmp_path) as catalog,
        Catalog.open(tmp_path, read_only=True) as behind,
    ):
        fill(catalog, 0, 30)
        if seal:
            catalog.seal()
        assert behind.search(vector(3), 1)[0].id == "id3"
        for i in range(300):
            catalog.add([film(i % 30, votes=i + 1)], [vector(i % 30)])
            assert entries(catalog) <= 41
        fill(catalog, 3, 4, version=1)
        catalog.delete("id4")
        versions = dict.fromkeys(set(range(30)) - {4}, 0) | {3: 1}
        check(catalog, versions)
        check(behind, versions)
        assert behind.info()["recovered"] == []
    with Catalog.open(tmp_path) as catalog:
        assert catalog.info()["recovered"] == []
        assert catalog.info()["generation"] == int(seal)
        check(catalog, versions)


def test_a_reader_behind_a_trimmed_journal_reopens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "FOLD_ENTRIES", 20)
    monkeypatch.setattr(journal, "KEPT_ENTRIES", 5)
    monkeypatch.setattr(journal, "FORGET_ROWS", 30)
    with (
        Catalog.open(tmp_path) as catalog,
        Catalog.open(tmp_path, read_only=True) as behind,
    ):
        fill(catalog, 0, 5)
        assert behind.search(vector(3), 1)[0].id == "id3"
        for i in range(100):  # every time in a new row
            catalog.delete("id3")
            fill(catalog, 3, 4, version=i)
        with catalog._store.read() as txn:
            first = journal.begin(txn, catalog._store.meta)
        assert first is not None
        assert first > 100
        versions = {0: 0, 1: 0, 2: 0, 3: 99, 4: 0}
        check(behind, versions)
        check(catalog, versions)
    with Catalog.open(tmp_path) as catalog:
        check(catalog, versions)
