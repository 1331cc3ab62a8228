"""What is published, and what of it may go.

A reader has all of its snapshot on its own disk, so removing an old one from object storage takes
nothing from under it; one that is just fetching it goes on with the newest. Manifests go first,
then the chunks that no manifest names any more, but for those stored within a day: a publisher may
be about to name them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import msgspec

from tv5core.arguments import check_int, check_real
from tv5core.errors import NotACatalogError
from tv5core.files.failpoints import failpoint
from tv5core.object_storage import ObjectStore, open_store
from tv5core.object_storage.folder import UNFINISHED
from tv5core.snapshots.manifest import (
    GRACE_S,
    Manifest,
    chunk_name,
    manifest_name,
    numbers,
    read_manifest,
    stored_chunks,
)

__all__ = ["PruneReport", "SnapshotInfo", "list_snapshots", "prune_snapshots"]

_BLOCK = 1_000
_LONGEST_S = 1e9


class SnapshotInfo(msgspec.Struct, frozen=True):
    """A snapshot that is published.

    Attributes
    ----------
    number : int
    published_s : float
        Seconds since 1970.
    titles, vectors : int
        0 where the publisher did not check, and so did not count them.
    bytes : int
        Of its files.
    new_bytes : int
        Of chunks that the snapshot before does not have.
    catalog : str
        The unique name of the catalogue.
    tv5core : str
        The version that published it.
    """

    number: int
    published_s: float
    titles: int
    vectors: int
    bytes: int
    new_bytes: int
    catalog: str
    tv5core: str


class PruneReport(msgspec.Struct, frozen=True):
    """What was removed.

    Attributes
    ----------
    snapshots : tuple of int
        Numbers of those that are no more.
    kept : int
        Snapshots that are left.
    chunks, bytes : int
        What was removed with them, or left over from interrupted publications.
    """

    snapshots: tuple[int, ...]
    kept: int
    chunks: int
    bytes: int


def list_snapshots(
    url: str, *, storage_options: Mapping[str, Any] | None = None
) -> list[SnapshotInfo]:
    """Return what is published at a URL, oldest first.

    Parameters
    ----------
    url : str
        ``s3://bucket/prefix`` or ``file:///folder``.
    storage_options : mapping, optional
        Of fsspec's file system; by default the environment decides.

    Raises
    ------
    InvalidInputError, ObjectStoreError, CorruptFileError, FormatVersionError
    """
    found, before = [], None
    for manifest in _manifests(open_store(url, storage_options)):
        found.append(_info(manifest, before))
        before = manifest
    return found


def _info(manifest: Manifest, before: Manifest | None) -> SnapshotInfo:
    known = set() if before is None else before.chunks
    sizes = {
        digest: manifest.chunk_size(file, place)
        for file in manifest.files
        for place, digest in enumerate(file.chunks)
    }
    return SnapshotInfo(
        manifest.number,
        manifest.published_s,
        manifest.origin.titles,
        manifest.origin.vectors,
        manifest.bytes,
        sum(size for digest, size in sizes.items() if digest not in known),
        manifest.origin.uid,
        manifest.tv5core,
    )


def _manifests(store: ObjectStore) -> list[Manifest]:
    read = (read_manifest(store, number) for number in numbers(store))
    return [manifest for manifest in read if manifest is not None]


def prune_snapshots(
    url: str,
    *,
    keep: int,
    keep_s: float = 0.0,
    storage_options: Mapping[str, Any] | None = None,
    clock: Callable[[], float] = time.time,
) -> PruneReport:
    """Remove old snapshots, and chunks that no snapshot has.

    Publishing may go on meanwhile. Where a manifest cannot be read, nothing is removed.

    Parameters
    ----------
    url : str
    keep : int
        The newest ones stay, so many of them; at least 1.
    keep_s : float
        So do those that a newer one followed less than so many seconds ago.
    storage_options : mapping, optional
    clock : callable

    Raises
    ------
    NotACatalogError
        Nothing is published there.
    InvalidInputError, ObjectStoreError, CorruptFileError, FormatVersionError
    """
    keep, keep_s = check_int("keep", keep, 1), check_real("keep_s", keep_s, 0.0, _LONGEST_S)
    store = open_store(url, storage_options)
    manifests, now_s = _manifests(store), clock()
    if not manifests:
        raise NotACatalogError(f"expected snapshots at {store.url}, got none")
    old = [
        manifest
        for manifest, newer in pairwise(manifests[: max(0, len(manifests) - keep + 1)])
        if now_s - newer.published_s >= keep_s
    ]
    store.delete([manifest_name(manifest.number) for manifest in old])
    failpoint("prune: manifests removed")
    chunks, count = _remove_chunks(store, now_s)
    return PruneReport(
        tuple(manifest.number for manifest in old), len(manifests) - len(old), chunks, count
    )


def _remove_chunks(store: ObjectStore, now_s: float) -> tuple[int, int]:
    """Remove old chunks that no manifest names; return how many, and their bytes."""
    stored = [one for one in stored_chunks(store) if now_s - one.modified_s > GRACE_S]
    # Manifests are read after chunks were listed: what is named meanwhile is young, or seen here.
    named = {digest for manifest in _manifests(store) for digest in manifest.chunks}
    free = [one for one in stored if one.digest not in named]
    for start in range(0, len(free), _BLOCK):
        store.delete([chunk_name(one.digest) for one in free[start : start + _BLOCK]])
        failpoint("prune: chunks removed")
    unfinished = store.entries(UNFINISHED)
    store.delete([one.name for one in unfinished if now_s - one.modified_s > GRACE_S])
    return len(free), sum(one.bytes for one in free)
