"""fetch: from near and from afar, verified, resumed, and never half."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.snapshots.stores import CHUNK, Meddled, files, ignore, made, manifest_of, publish_files
from tv5core.errors import CorruptFileError, DiskFullError
from tv5core.object_storage import open_store
from tv5core.snapshots import fetch
from tv5core.snapshots.fetching import Earlier


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return made(tmp_path / "source", data=6 * CHUNK + 1, graph=3 * CHUNK)


@pytest.fixture
def store(source: Path, tmp_path: Path) -> Meddled:
    made_store = Meddled(open_store(f"file://{tmp_path}/store"))
    publish_files(made_store, source)
    made_store.gets.clear()
    return made_store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def test_interrupted_it_goes_on(store: Meddled, source: Path, folder: Path) -> None:
    def stop(done: int, _total: int, _stage: str) -> None:
        if done > 2 * CHUNK:
            raise KeyboardInterrupt

    manifest = manifest_of(store)
    with pytest.raises(KeyboardInterrupt):
        fetch(store, manifest, folder, None, stop)
    (folder / "graph.000009.tv5").write_bytes(b"of another fetch")
    received = fetch(store, manifest, folder, None, ignore).received_bytes
    assert received < manifest.bytes - 2 * CHUNK
    assert files(folder) == files(source)


def test_what_is_near_is_linked_or_copied(
    store: Meddled, source: Path, folder: Path, tmp_path: Path
) -> None:
    first = manifest_of(store)
    fetch(store, first, folder, None, ignore)
    with (source / "data.mdb").open("r+b") as file:
        file.write(b"new")
    publish_files(store, source)
    store.gets.clear()
    (tmp_path / "next").mkdir()
    done = fetch(store, manifest_of(store), tmp_path / "next", Earlier(folder, first), ignore)
    assert done.received_bytes == CHUNK
    assert files(tmp_path / "next") == files(source)
    assert (tmp_path / "next" / "graph.000001.tv5").samefile(folder / "graph.000001.tv5")
    assert not (tmp_path / "next" / "data.mdb").samefile(folder / "data.mdb")


def test_damage_near_is_not_taken_over(
    store: Meddled, source: Path, folder: Path, tmp_path: Path
) -> None:
    first = manifest_of(store)
    fetch(store, first, folder, None, ignore)
    made(source, words=1)
    with (source / "data.mdb").open("ab") as file:
        file.write(b"grown")
    publish_files(store, source)
    (folder / "data.mdb").write_bytes(bytes(6 * CHUNK + 1))
    (tmp_path / "next").mkdir()
    fetch(store, manifest_of(store), tmp_path / "next", Earlier(folder, first), ignore)
    assert files(tmp_path / "next") == files(source)


def test_a_linked_file_is_never_written_into(
    store: Meddled, source: Path, folder: Path, tmp_path: Path
) -> None:
    """What an interrupted fetch linked may be of a snapshot that is in use."""
    other = tmp_path / "in use"
    other.write_bytes(b"in use" * CHUNK)
    (folder / "data.mdb").hardlink_to(other)
    fetch(store, manifest_of(store), folder, None, ignore)
    assert other.read_bytes() == b"in use" * CHUNK
    assert files(folder) == files(source)


def test_a_torn_answer_is_asked_for_again(store: Meddled, source: Path, folder: Path) -> None:
    torn: set[str] = set()

    def once(name: str) -> bytes | None:
        if name in torn:
            return None
        torn.add(name)
        return b"torn"

    store.before_get = once
    fetch(store, manifest_of(open_store(store.url)), folder, None, ignore)
    assert files(folder) == files(source)


@pytest.mark.parametrize("got", [b"", bytes(CHUNK), bytes(CHUNK + 1)])
def test_a_wrong_chunk_is_damage(store: Meddled, folder: Path, got: bytes) -> None:
    manifest = manifest_of(store)
    store.before_get = lambda _: got
    with pytest.raises(CorruptFileError, match=r"chunks/[0-9a-f]{64}: expected .* SHA-256"):
        fetch(store, manifest, folder, None, ignore)


def test_a_chunk_that_is_gone_is_told(store: Meddled, folder: Path) -> None:
    manifest = manifest_of(store)
    store.delete([f"chunks/{manifest.files[0].chunks[-1]}"])
    assert not fetch(store, manifest, folder, None, ignore).whole


def test_no_room_is_seen_before_anything_is_fetched(
    store: Meddled, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
    manifest = manifest_of(store)
    store.gets.clear()
    with pytest.raises(DiskFullError, match="expected 9,001 bytes of room for a snapshot, got 1"):
        fetch(store, manifest, folder, None, ignore)
    assert store.gets == []
    assert list(folder.iterdir()) == []
