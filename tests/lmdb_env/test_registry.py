"""One environment for each folder and class, counted by reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from tv5core.cache.disk.environment import Environment as CacheEnvironment
from tv5core.lmdb_env import registry
from tv5core.store.environment import Environment as StoreEnvironment

MAP_BYTES = 1 << 20


def test_handles_of_one_folder_share_and_the_last_closes(tmp_path: Path) -> None:
    first = StoreEnvironment.acquire(tmp_path, writable=True)
    link = tmp_path.parent / "link"
    link.symlink_to(tmp_path)
    assert StoreEnvironment.acquire(link, writable=False) is first
    first.release()
    assert registry.is_open(StoreEnvironment.identity(tmp_path))
    first.release()
    assert not registry.is_open(StoreEnvironment.identity(tmp_path))


def test_a_release_too_many_takes_no_reference_of_others(tmp_path: Path) -> None:
    old = StoreEnvironment.acquire(tmp_path, writable=True)
    old.release()
    new = StoreEnvironment.acquire(tmp_path, writable=True)
    old.release()
    assert registry.is_open(StoreEnvironment.identity(tmp_path))
    new.release()


def test_a_catalogue_and_a_cache_may_share_a_folder(tmp_path: Path) -> None:
    store = StoreEnvironment.acquire(tmp_path, writable=True)
    cache = CacheEnvironment.acquire(tmp_path, MAP_BYTES)
    assert {registry.is_open(e.identity(tmp_path)) for e in (store, cache)} == {True}
    cache.release()
    store.release()


def test_a_user_who_cannot_join_adds_no_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = CacheEnvironment.acquire(tmp_path, MAP_BYTES)

    def refuse(self: CacheEnvironment, map_bytes: int) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(CacheEnvironment, "_widen", refuse)
        with pytest.raises(MemoryError):
            CacheEnvironment.acquire(tmp_path, 2 * MAP_BYTES)
    first.release()
    assert not registry.is_open(CacheEnvironment.identity(tmp_path))
