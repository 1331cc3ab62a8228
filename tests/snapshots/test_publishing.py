"""publish: what is stored, what is not stored again, and who wins."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.snapshots.stores import CHUNK, Meddled, files, ignore, made, publish_files
from tv5core.errors import ObjectStoreError, SnapshotConflictError
from tv5core.object_storage import ObjectStore, open_store
from tv5core.snapshots import fetch, newest_manifest
from tv5core.snapshots.manifest import numbers


@pytest.fixture
def store(tmp_path: Path) -> Meddled:
    return Meddled(open_store(f"file://{tmp_path}/store"))


def fetched(store: ObjectStore, folder: Path) -> dict[str, bytes]:
    """Fetch the newest snapshot."""
    manifest = newest_manifest(store)
    assert manifest is not None
    folder.mkdir()
    assert fetch(store, manifest, folder, None, ignore).whole
    return files(folder)


def test_what_is_published_is_fetched(store: Meddled, tmp_path: Path) -> None:
    source = made(tmp_path / "a", data=3 * CHUNK + 7, graph=CHUNK, words=0)
    done = publish_files(store, source)
    assert (done.manifest.number, done.sent_bytes) == (1, 4 * CHUNK + 7)
    assert fetched(store, tmp_path / "b") == files(source)


def test_only_what_is_new_is_stored(store: Meddled, tmp_path: Path) -> None:
    source = made(tmp_path / "a", data=5 * CHUNK, graph=2 * CHUNK)
    publish_files(store, source)
    with (source / "data.mdb").open("r+b") as file:
        file.seek(2 * CHUNK + 1)
        file.write(b"new")
    done = publish_files(store, source)
    assert (done.manifest.number, done.sent_bytes) == (2, CHUNK)
    assert fetched(store, tmp_path / "b") == files(source)


def test_the_same_files_are_no_new_snapshot(store: Meddled, tmp_path: Path) -> None:
    source = made(tmp_path / "a", data=CHUNK)
    publish_files(store, source)
    done = publish_files(store, source)
    assert (done.is_new, done.sent_bytes, done.manifest.number) == (False, 0, 1)
    assert publish_files(store, source, lineage=2).manifest.number == 2


def test_interrupted_it_goes_on(store: Meddled, tmp_path: Path) -> None:
    source = made(tmp_path / "a", data=40 * CHUNK)

    def stop(done: int, _total: int, _stage: str) -> None:
        if done >= 10 * CHUNK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish_files(store, source, report=stop)
    assert newest_manifest(store) is None
    stored = len(store.puts)
    assert 10 <= stored < 40
    publish_files(store, source)
    assert len(store.puts) == 40
    assert fetched(store, tmp_path / "b") == files(source)


def test_old_leftovers_are_stored_again(store: Meddled, tmp_path: Path) -> None:
    """Pruning may be about to remove them."""
    source = made(tmp_path / "a", data=2 * CHUNK)
    publish_files(store, source)
    newest = newest_manifest(store)
    assert newest is not None
    store.delete([f"snapshots/{newest.number:010d}.json"])
    later_s = time.time() + 86_400.0
    assert publish_files(store, source, clock=lambda: later_s).sent_bytes == 2 * CHUNK


def test_a_chunk_of_the_newest_that_is_gone_is_stored_again(store: Meddled, tmp_path: Path) -> None:
    source = made(tmp_path / "a", data=2 * CHUNK)
    store.delete([f"chunks/{publish_files(store, source).manifest.files[0].chunks[0]}"])
    made(source, graph=1)
    assert publish_files(store, source).sent_bytes == CHUNK + 1
    assert fetched(store, tmp_path / "b") == files(source)


@pytest.mark.parametrize("creates", [True, False])
def test_of_two_publishers_the_second_is_told(
    store: Meddled, tmp_path: Path, creates: bool
) -> None:
    first, second = made(tmp_path / "a", data=CHUNK), made(tmp_path / "b", graph=CHUNK, data=9)
    other = Meddled(open_store(store.url))
    if creates:
        store.before_create = lambda: publish_files(other, second)
    else:  # a storage that ignores conditions: the later put stands, and both look

        def overwritten(name: str) -> None:
            if name.startswith("snapshots/"):
                store.before_get = lambda _: None
                other.delete([name])
                publish_files(other, second)

        store.creates, store.before_get = False, overwritten
    with pytest.raises(SnapshotConflictError, match=r"expected to publish snapshot 1.*again"):
        publish_files(store, first)
    assert fetched(store, tmp_path / "c") == files(second)
    store.creates, store.before_create = True, lambda: None
    assert publish_files(store, first).manifest.number == 2


def test_an_answer_that_was_lost_is_no_conflict(store: Meddled, tmp_path: Path) -> None:
    """The library sends the manifest again, and is refused because of its first try."""
    create = store.create

    def twice(name: str, data: bytes) -> bool:
        create(name, data)
        return create(name, data)

    store.create = twice  # type: ignore[method-assign]
    assert publish_files(store, made(tmp_path / "a", data=CHUNK)).manifest.number == 1


def test_taking_half_a_day_is_an_error(store: Meddled, tmp_path: Path) -> None:
    times = iter([0.0, 43_201.0])
    with pytest.raises(ObjectStoreError, match="within 12 hours"):
        publish_files(store, made(tmp_path / "a", data=9), clock=lambda: next(times))
    assert numbers(store) == []
