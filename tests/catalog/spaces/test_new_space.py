"""Refitting: every title is embedded again, in a new space, while the catalogue is in use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.catalog.spaces.plots import more, plots
from tv5core.catalog import Catalog
from tv5core.store import embeddings
from tv5core.types import Title


def test_refitted_when_the_catalogue_doubles(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add(plots("jaws", "alien"))
        assert (catalog.info()["space"], catalog.info()["fitted_on"]) == (1, 2)
        catalog.add(plots("toys"))
        assert catalog.info()["space"] == 1
        catalog.add(plots("titanic"))
        catalog.wait()
        assert (catalog.info()["space"], catalog.info()["fitted_on"]) == (2, 4)
        assert catalog.search("lovers on a ship", 1, mode="semantic")[0].id == "titanic"
        assert catalog.verify().ok
        models = [p.name for p in tmp_path.glob("lsa.*")]
        assert models == ["lsa.000002.tv5"]


def test_refit_while_titles_come_and_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Additions, changes and deletions made during a refit end up in the new space."""
    with Catalog.open(tmp_path) as catalog:
        catalog.add([*plots(), *more(0, 2200)])
        space, done = catalog.info()["space"], []

        def progress(at: int, total: int, stage: str) -> None:
            if stage == "embedding" and not done:
                done.append(at)
                catalog.add([Title("new", "movie", "Brand New", overview="a zeppelin race")])
                catalog.add([Title("jaws", "movie", "Jaws", overview="a violin concert")])
                catalog.add([Title("late", "movie", "Late", overview="a lighthouse")], embed=False)
                catalog.delete("alien")
                assert (
                    catalog.search("stolen dreams secrets", 1, mode="semantic")[0].id == "inception"
                )

        catalog.refit(progress)
        assert catalog.info()["space"] == space + 1
        assert catalog.search("zeppelin race", 1, mode="semantic")[0].id == "new"
        assert catalog.search("violin concert", 1, mode="semantic")[0].id == "jaws"
        assert catalog.search("lighthouse", 1, mode="semantic")[0].id == "late"
        assert "alien" not in [
            h.id for h in catalog.search("crew of a spaceship", 2208, mode="semantic")
        ]
        assert catalog.info()["pending"] == 0
        assert catalog.verify().ok
        expected = catalog.search("ship iceberg", 5, mode="semantic")
    with Catalog.open(tmp_path) as catalog:
        assert catalog.search("ship iceberg", 5, mode="semantic") == expected
        assert catalog.verify().ok


def test_refit_into_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tv5core.catalog.spaces.new_space.MAX_LIVE_ROWS", 5)
    with Catalog.open(tmp_path) as catalog:
        catalog.add([*plots(), *more(0, 50)])
        late = [0]

        def progress(at: int, total: int, stage: str) -> None:
            if stage == "building graph" and not late[0]:
                late[0] = 1
                catalog.add([Title("late", "movie", "Late", overview="a lighthouse")], embed=False)

        catalog.refit(progress)
        assert late == [1]
        assert catalog.info()["sealed"] >= 56
        assert catalog.search("lighthouse", 1, mode="semantic")[0].id == "late"
    with Catalog.open(tmp_path, read_only=True) as catalog:
        assert catalog.info()["recovered"] == []
        assert catalog.search("lighthouse", 1, mode="semantic")[0].id == "late"
        assert catalog.search("shark", 1, mode="semantic")[0].id == "jaws"
        assert catalog.verify().ok


def test_a_refit_that_fails_changes_nothing(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add(plots())
        before = catalog.search("shark", 3, mode="semantic")

        def progress(at: int, total: int, stage: str) -> None:
            if stage == "embedding":
                raise RuntimeError("enough")

        with pytest.raises(RuntimeError, match="enough"):
            catalog.refit(progress)
        assert catalog.search("shark", 3, mode="semantic") == before
        assert [p.name for p in tmp_path.glob("lsa.*")] == ["lsa.000001.tv5"]
        with catalog._store.read() as txn:
            assert not embeddings.has_other_spaces(txn, (1,))
        assert catalog.verify().ok
        catalog.refit()


def test_killed_while_refitting(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add([*plots(), *more(0, 100)])
    code = """
import os, signal, sys
from tv5core.catalog import Catalog
catalog = Catalog.open(sys.argv[1])
def progress(done, total, stage):
    if stage == "embedding":  # the new model and vectors are on disk, but not taken over
        os.kill(os.getpid(), signal.SIGKILL)
catalog.refit(progress)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert len(list(tmp_path.glob("lsa.*"))) == 2
    with Catalog.open(tmp_path) as catalog:
        assert catalog.info()["space"] == 1
        assert catalog.search("shark", 1, mode="semantic")[0].id == "jaws"
        assert catalog.verify().ok
        with catalog._store.read() as txn:
            assert not embeddings.has_other_spaces(txn, (1,))
    assert [p.name for p in tmp_path.glob("lsa.*")] == ["lsa.000001.tv5"]


def test_a_reader_follows_a_refit(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add(plots())
        with Catalog.open(tmp_path, read_only=True) as reader:
            assert reader.search("shark", 1, mode="semantic")[0].id == "jaws"
            catalog.add(more(0, 20))
            catalog.wait()
            assert catalog.info()["space"] == 2
            assert reader.search("shark", 1, mode="semantic")[0].id == "jaws"
            assert reader.info()["space"] == 2
            assert reader.verify().ok
