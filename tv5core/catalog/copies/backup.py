"""Hot copies of a catalogue, and restoring one."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tv5core.catalog.index.manager import IndexManager
from tv5core.catalog.maintenance.verification import check
from tv5core.errors import CorruptFileError, InvalidInputError
from tv5core.files.failpoints import failpoint
from tv5core.store import Store
from tv5core.store.copying import copy_store
from tv5core.store.staging import kept_bytes, staged
from tv5core.types import Progress

__all__ = ["BackupReport", "backup", "checked_copy", "restore_backup"]


class BackupReport(msgspec.Struct, frozen=True):
    """What a copy holds.

    Attributes
    ----------
    path : str
        Its folder, or the URL where it is published.
    titles, vectors : int
        Counted when the copy was checked; 0 where it was not.
    bytes : int
        Of all its files.
    snapshot : int
        Its number among those at a URL; 0 for a folder.
    sent_bytes : int
        What had to be stored at a URL; 0 where the newest snapshot there is the same.
    """

    path: str
    titles: int
    vectors: int
    bytes: int
    snapshot: int = 0
    sent_bytes: int = 0


def backup(
    store: Store, dest: Path, *, compact: bool, check: bool, report: Progress
) -> BackupReport:
    """Copy a catalogue; see ``Catalog.backup``."""
    inside = store.folder.resolve()
    if dest.resolve() == inside or inside in dest.resolve().parents:
        raise InvalidInputError(f"expected a folder outside the catalogue, got {dest}")
    with staged(dest) as folder:
        copy_store(store, folder, compact=compact, report=report)
        failpoint("backup: copied")
        checked = checked_copy(folder, report) if check else {}
        size = kept_bytes(folder)
    return BackupReport(str(dest), checked.get("titles", 0), checked.get("vectors", 0), size)


def checked_copy(folder: Path, report: Progress) -> dict[str, int]:
    """Verify a copy as it will be opened."""
    copy = Store.open(folder, create=False, read_only=True, metric="", rescoring="")
    try:
        manager = IndexManager(copy, auto_seal=False)
        found = check(copy, manager, report).report()
        manager.close()
    finally:
        copy.close()
    if not found.ok:
        raise CorruptFileError(
            f"expected a sound copy, got one where: {'; '.join(found.problems[:5])}; repair the "
            "catalogue first, or make the copy without checking it"
        )
    return found.checked


def restore_backup(source: Path, dest: Path, report: Progress) -> BackupReport:
    """Restore a backup; see ``Catalog.restore``."""
    store = Store.open(source, create=False, read_only=True, metric="", rescoring="")
    try:
        return backup(store, dest, compact=False, check=True, report=report)
    finally:
        store.close()
