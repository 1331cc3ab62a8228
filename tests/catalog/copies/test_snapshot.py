"""Catalogues in object storage: published as they are, restored as they were."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.catalog.numbered import films, vectors
from tv5core import Catalog, errors
from tv5core.object_storage import open_store
from tv5core.snapshots import list_snapshots, newest_manifest
from tv5core.snapshots.manifest import encode, manifest_name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Catalog.open(tmp_path / "c") as catalog:
        catalog.add(films(0, 30), vectors(0, 30))
        catalog.seal()
        catalog.add(films(30, 40), vectors(30, 40))
    return tmp_path / "c"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/published"


def grow(folder: Path, start: int, stop: int) -> None:
    with Catalog.open(folder) as catalog:
        catalog.add(films(start, stop), vectors(start, stop))


@pytest.mark.parametrize("compact", [False, True])
def test_what_is_published_is_restored(
    folder: Path, tmp_path: Path, url: str, compact: bool
) -> None:
    stages = set()
    with Catalog.open(folder, read_only=True) as catalog:
        done = catalog.backup(
            url, compact=compact, progress=lambda done, total, stage: stages.add(stage)
        )
        want = [(hit.id, hit.score) for hit in catalog.search(vectors(7, 8)[0], 5)]
    assert (done.path, done.titles, done.snapshot) == (url, 40, 1)
    assert done.sent_bytes == done.bytes
    assert {"copying the store", "checking titles", "publishing"} <= stages
    back = Catalog.restore(url, tmp_path / "back")
    assert (back.titles, back.snapshot) == (40, 1)
    with Catalog.open(tmp_path / "back") as catalog:
        assert [(hit.id, hit.score) for hit in catalog.search(vectors(7, 8)[0], 5)] == want
        assert catalog.verify().ok
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back", "c", "published"]


def test_each_snapshot_can_be_restored(folder: Path, tmp_path: Path, url: str) -> None:
    with Catalog.open(folder, read_only=True) as catalog:
        catalog.backup(url)
    grow(folder, 40, 45)
    with Catalog.open(folder, read_only=True) as catalog:
        assert catalog.backup(url, check=False).snapshot == 2
        assert catalog.backup(url).sent_bytes == 0
    assert [one.titles for one in list_snapshots(url)] == [40, 0]
    assert Catalog.restore(url, tmp_path / "one", snapshot=1).titles == 40
    assert Catalog.restore(url, tmp_path / "two").titles == 45
    with pytest.raises(errors.NotACatalogError, match="expected snapshot 9 at file"):
        Catalog.restore(url, tmp_path / "nine", snapshot=9)


def test_sealed_files_are_linked_for_the_while_only(
    folder: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    graph = next(folder.glob("graph.*"))
    with Catalog.open(folder, read_only=True) as catalog:
        catalog.backup(url, progress=lambda *_: seen.append(graph.stat().st_nlink))
        assert max(seen) == 2
        assert graph.stat().st_nlink == 1

        def no_links(*_: object) -> None:
            raise OSError("no links here")

        monkeypatch.setattr(Path, "hardlink_to", no_links)
        assert catalog.backup(url).sent_bytes == 0


def test_another_catalogue_is_refused(folder: Path, tmp_path: Path, url: str) -> None:
    with Catalog.open(folder, read_only=True) as catalog:
        catalog.backup(url)
    with Catalog.open(tmp_path / "other") as other:
        other.add(films(0, 3), vectors(0, 3))
        with pytest.raises(errors.InvalidInputError, match=r"got another catalogue.*--replace"):
            other.backup(url)
        assert other.backup(url, replace=True).snapshot == 2
    assert not list(tmp_path.glob("*.publishing"))


def test_an_earlier_state_is_refused(folder: Path, tmp_path: Path, url: str) -> None:
    with Catalog.open(folder, read_only=True) as catalog:
        catalog.backup(tmp_path / "old")
    grow(folder, 40, 41)
    with Catalog.open(folder, read_only=True) as catalog:
        catalog.backup(url)
    with Catalog.open(tmp_path / "old", read_only=True) as old:
        with pytest.raises(errors.InvalidInputError, match=r"expected change 3 or a later one"):
            old.backup(url)
        assert old.backup(url, replace=True).titles == 40
    found = newest_manifest(open_store(url))
    assert found is not None
    assert (found.number, found.lineage) == (2, 2)


def test_a_damaged_catalogue_is_not_published(folder: Path, url: str) -> None:
    rows = next(folder.glob("rows.*"))
    raw = bytearray(rows.read_bytes())
    raw[len(raw) // 2] ^= 1
    rows.write_bytes(raw)
    refused = pytest.raises(errors.CorruptFileError, match="repair the catalogue first")
    with Catalog.open(folder, read_only=True) as catalog, refused:
        catalog.backup(url)
    assert list_snapshots(url) == []


def test_an_interrupted_restoring_goes_on(folder: Path, tmp_path: Path, url: str) -> None:
    def stop(_done: int, _total: int, stage: str) -> None:
        if stage == "checking titles":
            raise KeyboardInterrupt

    with Catalog.open(folder, read_only=True) as catalog:
        catalog.backup(url)
    with pytest.raises(KeyboardInterrupt):
        Catalog.restore(url, tmp_path / "back", progress=stop)
    assert not (tmp_path / "back").exists()
    for chunk in (tmp_path / "published" / "chunks").iterdir():
        chunk.unlink()  # all of it was fetched before
    assert Catalog.restore(url, tmp_path / "back").titles == 40
    assert not (tmp_path / "back.partial").exists()


def test_a_snapshot_without_its_chunks(folder: Path, tmp_path: Path, url: str) -> None:
    with Catalog.open(folder, read_only=True) as catalog:
        catalog.backup(url)
        next((tmp_path / "published" / "chunks").iterdir()).unlink()
        with pytest.raises(errors.CorruptFileError, match="got only some: publish again"):
            Catalog.restore(url, tmp_path / "back")
        catalog.backup(url)
    assert Catalog.restore(url, tmp_path / "back").titles == 40


def test_a_newer_format_is_refused_before_it_is_fetched(
    folder: Path, tmp_path: Path, url: str
) -> None:
    with Catalog.open(folder, read_only=True) as catalog:
        catalog.backup(url)
    store = open_store(url)
    manifest = newest_manifest(store)
    assert manifest is not None
    newer = msgspec.structs.replace(manifest.origin, format=99)
    store.put(manifest_name(1), encode(msgspec.structs.replace(manifest, origin=newer)))
    with pytest.raises(errors.FormatVersionError, match=r"format \d or less, got 99.*upgrade"):
        Catalog.restore(url, tmp_path / "back")


def test_what_belongs_to_urls_is_refused_elsewhere(folder: Path, tmp_path: Path) -> None:
    with Catalog.open(folder, read_only=True) as catalog:
        for given in ({"replace": True}, {"storage_options": {}}):
            with pytest.raises(errors.InvalidInputError, match="with a URL only"):
                catalog.backup(tmp_path / "b", **given)  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidInputError, match="snapshot with a URL only"):
        Catalog.restore(folder, tmp_path / "b", snapshot=1)
    with pytest.raises(errors.InvalidInputError, match="cache_dir with a URL only"):
        Catalog.open(folder, cache_dir=tmp_path / "cache")
