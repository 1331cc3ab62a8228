"""Shelf: one fetches for all, and what somebody holds stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.snapshots.stores import CHUNK, files, ignore, made, manifest_of, publish_files
from tv5core.errors import CatalogError, InvalidInputError, ObjectStoreError
from tv5core.object_storage import ObjectStore, open_store
from tv5core.snapshots import Shelf
from tv5core.snapshots.shelf import ShelfState


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    store = open_store(f"file://{tmp_path}/store")
    publish_files(store, made(tmp_path / "source", data=2 * CHUNK, graph=CHUNK))
    return store


@pytest.fixture
def shelf(store: ObjectStore, tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "shelf", store.url)


def bring_next(shelf: Shelf, store: ObjectStore, source: Path, size: int) -> None:
    publish_files(store, made(source, data=size))
    found = shelf.look(store)
    assert found is not None
    assert shelf.bring(store, found, ignore).whole


def test_snapshots_come_go_and_stay_where_they_are_held(
    shelf: Shelf, store: ObjectStore, tmp_path: Path
) -> None:
    assert shelf.newest() is None
    bring_next(shelf, store, tmp_path / "source", 1)
    first = shelf.newest()
    assert first is not None
    assert first.manifest == manifest_of(store)
    assert shelf.look(store) is None
    held = shelf.hold(first)
    assert held is not None
    bring_next(shelf, store, tmp_path / "source", 2)
    newest = shelf.newest()
    assert newest is not None
    assert newest.number == first.number + 1
    assert shelf.remove_older(newest.number) == []
    held.release()
    assert shelf.remove_older(newest.number) == [first.number]
    assert shelf.hold(first) is None
    assert {**files(newest.folder), "writer.lock": b""} == {
        **files(tmp_path / "source"),
        "writer.lock": b"",
    }


def test_one_leads(shelf: Shelf, tmp_path: Path) -> None:
    other = Shelf(tmp_path / "shelf", shelf.url)
    lead = shelf.lead()
    assert lead is not None
    assert other.lead() is None
    lead.release()
    again = other.lead()
    assert again is not None
    again.release()


def test_what_was_found_is_told_to_all(shelf: Shelf, tmp_path: Path) -> None:
    assert shelf.state == ShelfState()
    shelf.note(ShelfState(3.0, "wrong"))
    assert Shelf(tmp_path / "shelf", shelf.url).state == ShelfState(3.0, "wrong")
    (tmp_path / "shelf" / "state.json").write_bytes(b"{")
    assert shelf.state == ShelfState()


def test_another_url_needs_another_folder(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="expected snapshots of s3://b/c, got those of"):
        Shelf(tmp_path / "shelf", "s3://b/c")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").touch()
    with pytest.raises(InvalidInputError, match=r"expected a new folder.*with notes"):
        Shelf(tmp_path / "mine", shelf.url)
    with pytest.raises(CatalogError, match="expected a folder for snapshots"):
        Shelf(tmp_path / "mine" / "notes" / "below", shelf.url)
    assert (tmp_path / "mine" / "notes").exists()


def test_a_damaged_snapshot_of_which_the_manifest_is_lost_is_fetched_again(
    shelf: Shelf, store: ObjectStore, tmp_path: Path
) -> None:
    bring_next(shelf, store, tmp_path / "source", 1)
    bring_next(shelf, store, tmp_path / "source", 2)
    (tmp_path / "shelf" / "snapshots" / "0000000003.json").write_bytes(b"")
    found = shelf.look(store)
    assert found is not None
    assert shelf.bring(store, found, ignore).whole
    newest = shelf.newest()
    assert newest is not None
    assert newest.number == 3


def test_a_place_that_begins_anew_is_told(shelf: Shelf, store: ObjectStore, tmp_path: Path) -> None:
    bring_next(shelf, store, tmp_path / "source", 1)
    store.delete([one.name for one in store.entries("snapshots")])
    with pytest.raises(ObjectStoreError, match="expected snapshot 2 or a newer one, got none"):
        shelf.look(store)
