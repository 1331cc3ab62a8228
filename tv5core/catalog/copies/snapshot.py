"""Snapshots of a catalogue in object storage: published, and restored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tv5core.catalog.copies.backup import BackupReport, checked_copy
from tv5core.errors import CorruptFileError, FormatVersionError, InvalidInputError, NotACatalogError
from tv5core.files.failpoints import failpoint
from tv5core.object_storage import ObjectStore, open_store
from tv5core.snapshots import Manifest, Origin, fetch, newest_manifest, publish
from tv5core.snapshots.manifest import read_manifest
from tv5core.store import Store
from tv5core.store.copying import copy_store
from tv5core.store.meta import FORMAT, Meta
from tv5core.store.staging import drop_locks, kept_bytes, scratch, staged
from tv5core.types import Progress

__all__ = ["check_format", "publish_snapshot", "restore_snapshot"]

_SUFFIX = ".publishing"


def publish_snapshot(
    store: Store,
    url: str,
    options: Mapping[str, Any] | None,
    *,
    compact: bool,
    check: bool,
    replace: bool,
    report: Progress,
) -> BackupReport:
    """Publish a catalogue; see ``Catalog.backup``.

    It is copied beside its folder first, with links to the sealed files: what is checked is what is
    published, and however slow the network is, no transaction waits for it.
    """
    objects = open_store(url, options)
    newest = newest_manifest(objects)
    with store.read() as txn:
        _check_follows(objects, newest, store.refresh(txn), replace=replace)  # before any work
    with scratch(store.folder.with_name(store.folder.name + _SUFFIX)) as folder:
        meta = copy_store(store, folder, compact=compact, report=report, link=True)
        failpoint("publish: copied")
        checked = checked_copy(folder, report) if check else {}
        drop_locks(folder)
        lineage = _check_follows(objects, newest, meta, replace=replace)
        origin = Origin(
            uid=meta.uid,
            format=meta.format,
            space=meta.space,
            seq=meta.last_seq,
            titles=checked.get("titles", 0),
            vectors=checked.get("vectors", 0),
        )
        done = publish(objects, folder, origin, newest, lineage=lineage, report=report)
    found = done.manifest
    return BackupReport(
        objects.url,
        found.origin.titles,
        found.origin.vectors,
        found.bytes,
        snapshot=found.number,
        sent_bytes=done.sent_bytes,
    )


def _check_follows(
    objects: ObjectStore, newest: Manifest | None, meta: Meta, *, replace: bool
) -> int:
    """Check that a state may follow the newest snapshot; return the lineage it belongs to."""
    if newest is None:
        return 0
    before = newest.origin
    same, later = before.uid == meta.uid, meta.last_seq >= before.seq
    if same and later:
        return newest.lineage
    if replace:
        return newest.number + 1
    got = f"change {meta.last_seq} of it" if same else "another catalogue"
    raise InvalidInputError(
        f"{objects.url}: expected change {before.seq} or a later one of the catalogue published "
        f"there, got {got}: choose another URL, or replace it (replace=True, --replace)"
    )


def restore_snapshot(
    url: str,
    dest: Path,
    number: int | None,
    options: Mapping[str, Any] | None,
    report: Progress,
) -> BackupReport:
    """Make a catalogue of a snapshot; see ``Catalog.restore``."""
    objects = open_store(url, options)
    with staged(dest, resumable=True) as folder:
        manifest = _fetched(objects, folder, number, report)
        checked = checked_copy(folder, report)
        size = kept_bytes(folder)
    return BackupReport(
        str(dest),
        checked.get("titles", 0),
        checked.get("vectors", 0),
        size,
        snapshot=manifest.number,
    )


def _fetched(objects: ObjectStore, folder: Path, number: int | None, report: Progress) -> Manifest:
    """Fetch a snapshot, by default the newest, also where newer ones replace it meanwhile."""
    tried = 0
    while True:
        manifest = _wanted(objects, number)
        check_format(manifest, objects.url)
        if manifest.number == tried:
            raise CorruptFileError(
                f"{objects.url}: expected all chunks of snapshot {tried}, got only some: publish "
                "again"
            )
        if fetch(objects, manifest, folder, None, report).whole:
            return manifest
        tried = manifest.number


def _wanted(objects: ObjectStore, number: int | None) -> Manifest:
    found = newest_manifest(objects) if number is None else read_manifest(objects, number)
    if found is None:
        wanted = "snapshots" if number is None else f"snapshot {number}"
        raise NotACatalogError(
            f"expected {wanted} at {objects.url}, got none: `tv5 snapshots {objects.url}` lists "
            "what there is"
        )
    return found


def check_format(manifest: Manifest, url: str) -> None:
    """Raise FormatVersionError where a snapshot is of a newer format, before it is fetched."""
    if manifest.origin.format > FORMAT:
        raise FormatVersionError(
            f"{url}: expected a catalogue of format {FORMAT} or less, got {manifest.origin.format} "
            f"in snapshot {manifest.number}: a newer tv5core published it; upgrade this one"
        )
