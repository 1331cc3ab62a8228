"""Bring a catalogue of an earlier format up to the present one, all at once.

Earlier formats stay readable, and the next sealing does the same; this does it at once.
"""

from __future__ import annotations

import msgspec

from tv5core.catalog.index.manager import IndexManager
from tv5core.catalog.maintenance.verification import KINDS
from tv5core.errors import CorruptFileError
from tv5core.files import SectionFile
from tv5core.store import Store, upgrading
from tv5core.types import Progress

__all__ = ["UpgradeReport", "upgrade"]


class UpgradeReport(msgspec.Struct, frozen=True):
    """What an upgrade did.

    Attributes
    ----------
    format : int
        The present format.
    checksums : int
        Values that were stored without a checksum and have one now.
    damaged : int
        Values that were left as they are because they are not sound; ``verify`` names them.
    rebuilt : bool
        Whether the index was built again, because its files were of an earlier version.
    """

    format: int
    checksums: int
    damaged: int
    rebuilt: bool


def upgrade(store: Store, manager: IndexManager, progress: Progress | None) -> UpgradeReport:
    """Upgrade a catalogue; see ``Catalog.upgrade``."""
    report = manager.cancellable(progress)
    with store.maintain(report):
        done = upgrading.add_checksums(store, report)
    rebuilt = _has_earlier_files(store)
    if rebuilt:
        manager.rebuild(progress)
    return UpgradeReport(store.meta.format, done.values, done.damaged, rebuilt)


def _has_earlier_files(store: Store) -> bool:
    generations = store.meta.generations
    if any(generation.words is None for generation in generations):
        return True
    return any(_is_earlier(store, file.name) for one in generations for file in one.files)


def _is_earlier(store: Store, name: str) -> bool:
    kind, newest = KINDS[name.split(".", maxsplit=1)[0]]
    try:
        file = SectionFile.open(store.folder / name, kind, newest, verify=False)
    except (CorruptFileError, OSError):
        return True
    earlier = file.version < newest or not file.has_checksums
    file.close()
    return earlier
