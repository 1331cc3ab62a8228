"""Files to publish, and a store that misbehaves as it is told to."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path

from tv5core.object_storage import ObjectStore, StoredObject
from tv5core.snapshots import Manifest, Origin, Published, newest_manifest, publish

__all__ = ["CHUNK", "ORIGIN", "Meddled", "files", "ignore", "made", "publish_files"]

CHUNK = 1_000
ORIGIN = Origin(uid="u", format=5, space=0, seq=1)


def ignore(_done: int, _total: int, _stage: str) -> None:
    """Ignore a report."""


def made(folder: Path, **sizes: int) -> Path:
    """Make files of random bytes, ``data=2500`` for ``data.mdb``; the same for the same size."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in sizes.items():
        suffix = "mdb" if name == "data" else "000001.tv5"
        (folder / f"{name}.{suffix}").write_bytes(random.Random(name).randbytes(size))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """Return the contents of a folder by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def publish_files(store: ObjectStore, folder: Path, **options: object) -> Published:
    """Publish a folder after the newest snapshot."""
    given = {"lineage": 0, "report": ignore, "chunk_bytes": CHUNK, **options}
    return publish(store, folder, ORIGIN, newest_manifest(store), **given)  # type: ignore[arg-type]


class Meddled:
    """A store of which some calls do something else first, or instead."""

    def __init__(self, store: ObjectStore) -> None:
        self._store, self.url = store, store.url
        self.gets: list[str] = []
        self.puts: list[str] = []
        self.before_get: Callable[[str], bytes | None] = lambda _: None
        self.before_create: Callable[[], object] = lambda: None
        self.creates = True

    def entries(self, folder: str) -> list[StoredObject]:
        """List."""
        return self._store.entries(folder)

    def get(self, name: str, limit_bytes: int) -> bytes | None:
        """Get, or give what the test says."""
        self.gets.append(name)
        given = self.before_get(name)
        return self._store.get(name, limit_bytes) if given is None else given

    def put(self, name: str, data: bytes) -> None:
        """Put."""
        self.puts.append(name)
        self._store.put(name, data)

    def create(self, name: str, data: bytes) -> bool:
        """Create; where ``creates`` is false, as a storage that ignores conditions does."""
        self.before_create()
        if self.creates:
            return self._store.create(name, data)
        self._store.put(name, data)
        return True

    def delete(self, names: Iterable[str]) -> None:
        """Delete."""
        self._store.delete(names)


def manifest_of(store: ObjectStore) -> Manifest:
    """Return the newest manifest."""
    found = newest_manifest(store)
    assert found is not None
    return found
