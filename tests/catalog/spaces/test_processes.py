"""Vectors and documents of many titles, made on several cores: as on one, whatever happens."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.catalog.documents import problems
from tests.catalog.spaces.plots import more, plots
from tv5core import worker_pool
from tv5core.catalog import Catalog
from tv5core.catalog.spaces import new_space, text_embedding
from tv5core.query import document_index
from tv5core.store import embeddings
from tv5core.types import Title

TITLES = [*plots(), *more(0, 60)]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have few titles be many: work is shared from three on, in blocks of ten."""
    monkeypatch.setattr(worker_pool, "LEAST_TITLES", 3)
    monkeypatch.setattr(worker_pool, "usable_cores", lambda: 2)
    for module, name in (
        (new_space, "_BLOCK"),
        (text_embedding, "_BLOCK"),
        (document_index, "BLOCK_TITLES"),
    ):
        monkeypatch.setattr(module, name, 10)


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> list[worker_pool.WorkerPool]:
    """List the pools that were made."""
    made = []
    make = worker_pool.WorkerPool.__init__

    def noted(pool: worker_pool.WorkerPool, *given: Any, **options: Any) -> None:
        make(pool, *given, **options)
        made.append(pool)

    monkeypatch.setattr(worker_pool.WorkerPool, "__init__", noted)
    return made


def vectors(catalog: Catalog) -> dict[str, bytes]:
    names = list(catalog.ids())
    return {n: np.asarray(v).tobytes() for n, v in zip(names, catalog.get_vectors(names))}  # noqa: B905


def made(folder: Path) -> tuple[dict[str, bytes], list[Any]]:
    """Import titles in one go and another; return vectors, and answers by words."""
    with Catalog.open(folder, auto_seal=False) as catalog:
        catalog.add(TITLES[:40], embed=False)
        catalog.embed_pending()
        catalog.add(TITLES[40:], embed=False)
        catalog.embed_pending()
        catalog.seal()
        assert catalog.info()["pending"] == 0
        assert problems(catalog) == []
        assert catalog.verify().ok
        return vectors(catalog), [catalog.search(text, 50) for text in ("river night", "jaws")]


def test_the_same_to_the_bit_as_with_one_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pools: list[worker_pool.WorkerPool]
) -> None:
    shared = made(tmp_path / "two")
    assert len(pools) == 3  # a first fit, what was added to it, and documents
    monkeypatch.setattr(worker_pool, "usable_cores", lambda: 1)
    assert made(tmp_path / "one") == shared
    assert len(pools) == 3
    assert not any(pool._workers() for pool in pools)  # nobody is left


def test_titles_added_at_once_have_the_same_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pools: list[worker_pool.WorkerPool]
) -> None:
    monkeypatch.setattr(text_embedding, "_SHARED", 5)
    found = []
    for cores in (2, 1):
        monkeypatch.setattr(worker_pool, "usable_cores", lambda cores=cores: cores)
        with Catalog.open(tmp_path / str(cores), auto_seal=False) as catalog:
            catalog.add(TITLES[:40])  # fits
            pools.clear()
            catalog.add(TITLES[40:])
            assert len(pools) == cores - 1
            assert not any(pool._workers() for pool in pools)
            assert catalog.info()["pending"] == 0
            found.append(vectors(catalog))
    assert found[0] == found[1]


def test_a_killed_process_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pools: list[worker_pool.WorkerPool]
) -> None:
    def kill_one(done: int, total: int, stage: str) -> None:
        for pool in pools:
            for worker in pool._workers()[:1]:
                os.kill(worker.process.pid, signal.SIGKILL)

    with Catalog.open(tmp_path / "killed", auto_seal=False) as catalog:
        catalog.add(TITLES, embed=False)
        catalog.embed_pending(kill_one)
        catalog.seal(kill_one)
        found = vectors(catalog)
        assert problems(catalog) == []
    monkeypatch.setattr(worker_pool, "usable_cores", lambda: 1)
    with Catalog.open(tmp_path / "one", auto_seal=False) as catalog:
        catalog.add(TITLES, embed=False)
        catalog.seal()
        assert vectors(catalog) == found


def test_an_interrupt_leaves_what_was_embedded_and_no_process(
    tmp_path: Path, pools: list[worker_pool.WorkerPool]
) -> None:
    def interrupt(done: int, total: int, stage: str) -> None:
        if stage == "embedding" and done >= 20:
            raise KeyboardInterrupt

    with Catalog.open(tmp_path, auto_seal=False) as catalog:
        catalog.add(TITLES[:40])
        catalog.add(TITLES[40:], embed=False)
        with pytest.raises(KeyboardInterrupt):
            catalog.embed_pending(interrupt)
        assert catalog.info()["pending"] == len(TITLES) - 40 - 20
    assert not any(pool._workers() for pool in pools)
    with Catalog.open(tmp_path, auto_seal=False) as catalog:
        catalog.embed_pending()  # goes on from there
        assert catalog.info()["pending"] == 0
        assert catalog.verify().ok


def test_what_changes_while_it_is_embedded_is_embedded_as_it_is_then(tmp_path: Path) -> None:
    changed = []

    def change(done: int, total: int, stage: str) -> None:
        if stage == "embedding" and not changed:
            changed.append(done)
            catalog.add(
                [Title("m59", "movie", "Story 59", overview="a zeppelin race")], embed=False
            )
            catalog.add([Title("m58", "movie", "Story 58", overview="a violin concert")])
            catalog.delete("m57")

    with Catalog.open(tmp_path, auto_seal=False) as catalog:
        catalog.add(TITLES[:40])
        catalog.add(TITLES[40:], embed=False)
        catalog.embed_pending(change)
        assert changed
        assert catalog.info()["pending"] == 0
        embedder = catalog._text.embedder(catalog._manager.current())
        assert embedder is not None
        some = [title for title in catalog.get_many(catalog.ids()) if title is not None]
        wanted = embedder.embed_titles(some)
        found = catalog.get_vectors([title.id for title in some])
        np.testing.assert_array_equal(np.stack(found), wanted)
        with catalog._store.read() as txn:
            assert len(embeddings.rows(txn, catalog._store.meta.space)) == len(TITLES) - 1
