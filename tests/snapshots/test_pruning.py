"""Listing and pruning: what stays, whatever others do meanwhile."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.snapshots.stores import CHUNK, files, ignore, made, manifest_of, publish_files
from tv5core.errors import CorruptFileError, InvalidInputError, NotACatalogError
from tv5core.object_storage import ObjectStore, open_store
from tv5core.snapshots import fetch, list_snapshots, prune_snapshots
from tv5core.snapshots.manifest import manifest_name, numbers, stored_chunks

DAY_S = 86_400.0


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    """Five snapshots that share a chunk, an hour apart."""
    store = open_store(f"file://{tmp_path}/store")
    now = time.time()
    for number in range(5):
        folder = made(tmp_path / "source", graph=CHUNK)
        (folder / "data.mdb").write_bytes(bytes([number]) * CHUNK)
        publish_files(store, folder, clock=lambda n=number: now + n * 3_600.0)
    return store


def test_what_is_published_is_listed(store: ObjectStore) -> None:
    found = list_snapshots(store.url)
    assert [one.number for one in found] == [1, 2, 3, 4, 5]
    assert [one.bytes for one in found] == [2 * CHUNK] * 5
    assert [one.new_bytes for one in found] == [2 * CHUNK, *[CHUNK] * 4]


@pytest.mark.parametrize(
    ("keep", "keep_s", "left"),
    [(2, 0.0, [4, 5]), (1, 0.0, [5]), (9, 0.0, [1, 2, 3, 4, 5]), (1, DAY_S - 5_000, [4, 5])],
)
def test_old_ones_go_and_the_rest_is_whole(
    store: ObjectStore, tmp_path: Path, keep: int, keep_s: float, left: list[int]
) -> None:
    later_s = time.time() + 4 * 3_600.0 + DAY_S - 7_200
    report = prune_snapshots(store.url, keep=keep, keep_s=keep_s, clock=lambda: later_s)
    assert numbers(store) == left
    assert (report.kept, len(report.snapshots)) == (len(left), 5 - len(left))
    later_s += DAY_S
    prune_snapshots(store.url, keep=keep, keep_s=keep_s + DAY_S, clock=lambda: later_s)
    assert len(stored_chunks(store)) == 1 + len(left)
    (tmp_path / "b").mkdir()
    assert fetch(store, manifest_of(store), tmp_path / "b", None, ignore).whole
    assert files(tmp_path / "b") == files(tmp_path / "source")


def test_young_chunks_stay_for_who_is_about_to_name_them(store: ObjectStore) -> None:
    store.put(f"chunks/{'a' * 64}", b"of an interrupted publication")
    assert prune_snapshots(store.url, keep=1).chunks == 0
    assert len(stored_chunks(store)) == 7
    report = prune_snapshots(store.url, keep=1, clock=lambda: time.time() + DAY_S + 60)
    assert report.chunks == 5
    assert len(stored_chunks(store)) == 2


def test_with_a_manifest_that_cannot_be_read_nothing_goes(store: ObjectStore) -> None:
    store.put(manifest_name(2), b"{}")
    with pytest.raises(CorruptFileError):
        prune_snapshots(store.url, keep=1, clock=lambda: time.time() + 9 * DAY_S)
    assert len(numbers(store)) == 5
    assert len(stored_chunks(store)) == 6


def test_arguments_are_checked(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="expected keep to be an integer >= 1, got 0"):
        prune_snapshots(store.url, keep=0)
    with pytest.raises(InvalidInputError, match="keep_s"):
        prune_snapshots(store.url, keep=1, keep_s=float("nan"))
    with pytest.raises(NotACatalogError, match="expected snapshots"):
        prune_snapshots(f"file://{tmp_path}/none", keep=1)
    assert list_snapshots(f"file://{tmp_path}/none") == []
