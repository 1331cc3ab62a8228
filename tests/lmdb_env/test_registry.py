"""One environment for each folder and class, counted by reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lmdb_env.owners import OWNER
from tv5core.cache.disk.environment import Environment as CacheEnvironment
from tv5core.lmdb_env import registry
from tv5core.store.environment import Environment as StoreEnvironment

MAP_BYTES = 1 << 20


def test_handles_of_one_folder_share_and_the_last_closes(tmp_path: Path) -> None:
    first = StoreEnvironment.acquire(tmp_path, OWNER, writable=True)
    link = tmp_path.parent / "link"
    link.symlink_to(tmp_path)
    assert StoreEnvironment.acquire(link, OWNER, writable=False) is first
    first.release(OWNER)
    assert registry.is_open(StoreEnvironment.identity(tmp_path))
    first.release(OWNER)
    assert not registry.is_open(StoreEnvironment.identity(tmp_path))


def test_a_release_too_many_takes_no_reference_of_others(tmp_path: Path) -> None:
    old = StoreEnvironment.acquire(tmp_path, OWNER, writable=True)
    old.release(OWNER)
    new = StoreEnvironment.acquire(tmp_path, OWNER, writable=True)
    old.release(OWNER)
    assert registry.is_open(StoreEnvironment.identity(tmp_path))
    new.release(OWNER)


def test_a_catalogue_and_a_cache_may_share_a_folder(tmp_path: Path) -> None:
    store = StoreEnvironment.acquire(tmp_path, OWNER, writable=True)
    cache = CacheEnvironment.acquire(tmp_path, MAP_BYTES, OWNER)
    assert {registry.is_open(e.identity(tmp_path)) for e in (store, cache)} == {True}
    cache.release(OWNER)
    store.release(OWNER)


def test_a_user_who_cannot_join_adds_no_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = CacheEnvironment.acquire(tmp_path, MAP_BYTES, OWNER)

    def refuse(self: CacheEnvironment, map_bytes: int) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(CacheEnvironment, "_widen", refuse)
        with pytest.raises(MemoryError):
            CacheEnvironment.acquire(tmp_path, 2 * MAP_BYTES, OWNER)
    first.release(OWNER)
    assert not registry.is_open(CacheEnvironment.identity(tmp_path))


def test_who_is_gone_holds_no_reference(tmp_path: Path) -> None:
    """An exception between acquiring and keeping, as out of a signal handler, leaves none."""
    key = CacheEnvironment.identity

    def interrupted() -> None:
        CacheEnvironment.acquire(tmp_path, MAP_BYTES, registry.Owner())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not registry.is_open(key(tmp_path))
    kept = CacheEnvironment.acquire(tmp_path, MAP_BYTES, OWNER)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert registry.is_open(key(tmp_path))
    kept.release(OWNER)
    assert not registry.is_open(key(tmp_path))


@pytest.mark.parametrize("name", ["_Entry", "add"])
def test_what_is_opened_and_not_registered_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if name == "_Entry":
            patch.setattr(registry, name, interrupted)
        else:
            patch.setattr(registry._Entry, name, interrupted)
        with pytest.raises(KeyboardInterrupt) as raised:
            StoreEnvironment.acquire(tmp_path, OWNER, writable=True)
    assert raised.value.__traceback__ is not None  # it keeps what was opened
    StoreEnvironment.acquire(tmp_path, OWNER, writable=True).release(OWNER)
