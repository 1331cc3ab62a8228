"""Drop what is no longer needed, while searches and changes run.

What accumulates is bounded without this: the graph is rebuilt once a fifth of its rows
were removed (where ``auto_seal`` is on), live rows and journal are bounded, and LMDB writes
to free pages before its file grows. Optimizing does now what would be done then.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tv5core.catalog.index.manager import IndexManager
from tv5core.files.failpoints import failpoint
from tv5core.store import Store, embeddings, generations, journal
from tv5core.store.databases import used_bytes
from tv5core.store.meta import Meta
from tv5core.store.transaction import Txn
from tv5core.types import Progress

__all__ = ["OptimizeReport", "optimize", "reusable_bytes"]


class OptimizeReport(msgspec.Struct, frozen=True):
    """What optimizing reclaimed.

    Attributes
    ----------
    removed_rows : int
        Rows of deleted or replaced vectors that the index held and holds no more.
    sealed : bool
        Whether the graph was rebuilt.
    journal_entries : int
        Entries of the journal that were dropped or folded into one.
    old_vectors : int
        Vectors of abandoned embedding spaces that were deleted.
    files : list of str
        Files that nothing referred to.
    dead_readers : int
        Places of killed processes in LMDB's table of readers, which kept pages from reuse.
    bytes_before, bytes_after : int
        Size of all files of the catalogue.
    reusable_bytes : int
        Free pages within ``data.mdb``: LMDB writes to them before the file grows, but never makes
        it smaller. A compact backup does.
    """

    removed_rows: int
    sealed: bool
    journal_entries: int
    old_vectors: int
    files: list[str]
    dead_readers: int
    bytes_before: int
    bytes_after: int
    reusable_bytes: int


def optimize(store: Store, manager: IndexManager, progress: Progress | None) -> OptimizeReport:
    """Optimize a catalogue; see ``Catalog.optimize``."""
    report = manager.cancellable(progress)
    before, removed, generation = _size(store), _removed_rows(manager), manager.served.generation
    entries = _in_transaction(store, journal.count)
    report(0, 3, "tidying")
    with store.maintain(report):
        dead = store.environment.check_readers()
        files = store.tidy()
        old = embeddings.drop_spaces(store.environment, store.meta.spaces)
    failpoint("optimize: tidied")
    report(1, 3, "tidying")
    manager.seal(progress)
    failpoint("optimize: sealed")
    report(2, 3, "tidying")
    store.write(_fold)
    failpoint("optimize: folded")
    report(3, 3, "tidying")
    size = _size(store)
    return OptimizeReport(
        removed_rows=max(0, removed - _removed_rows(manager)),
        sealed=manager.served.generation != generation,
        journal_entries=max(0, entries - _in_transaction(store, journal.count)),
        old_vectors=old,
        files=files,
        dead_readers=dead,
        bytes_before=before,
        bytes_after=size,
        reusable_bytes=reusable_bytes(store),
    )


def _fold(txn: Txn, meta: Meta) -> tuple[Meta, None]:
    return journal.fold(txn, meta), None


def _in_transaction(store: Store, read: Callable[[Txn], int]) -> int:
    with store.read() as txn:
        return read(txn)


def _removed_rows(manager: IndexManager) -> int:
    index = manager.current().index
    return 0 if index is None else index.removed_count


def _size(store: Store) -> int:
    return sum(generations.file_sizes(store.folder).values())


def reusable_bytes(store: Store) -> int:
    """Return the size of the free pages within ``data.mdb``."""
    used = _in_transaction(store, used_bytes)
    return max(0, (store.folder / "data.mdb").stat().st_size - used)
