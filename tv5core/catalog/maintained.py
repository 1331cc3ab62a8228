"""MaintainedCatalog: how a catalogue is checked, repaired, upgraded and tidied."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from tv5core.arguments import as_list, check_callable, check_flag, check_int, check_path
from tv5core.catalog.collections.catalog import CollectionCatalog
from tv5core.catalog.copies import replica
from tv5core.catalog.copies.replica import ReplicaRecord, ReplicaRow
from tv5core.catalog.maintenance.optimization import OptimizeReport, optimize
from tv5core.catalog.maintenance.repair import check_and_repair
from tv5core.catalog.maintenance.upgrade import UpgradeReport, upgrade
from tv5core.catalog.maintenance.verification import check
from tv5core.extra_fields import check_declaration
from tv5core.store import VerifyReport
from tv5core.store.extra_fields import declare_extra_fields
from tv5core.store.meta import clear_checkpoints
from tv5core.types import ExtraType, Progress

__all__ = ["MaintainedCatalog"]

_MOST_ROWS = 1 << 62


class MaintainedCatalog(CollectionCatalog):
    """What ``Catalog`` offers to those who look after one."""

    def upgrade(self, progress: Progress | None = None) -> UpgradeReport:
        """Rewrite what an earlier format stored without checksums, and its index files.

        A catalogue of an earlier format works as it is, and :meth:`seal` does the same. Whatever
        interrupts it leaves the catalogue readable; the next upgrade continues from there.

        Raises
        ------
        DiskFullError, DiskFailureError
            What is served stays.
        """
        self._check_writable(progress)
        return upgrade(self._store, self._manager, progress)

    def optimize(self, progress: Progress | None = None) -> OptimizeReport:
        """Drop removed rows from the index, old journal entries and unused files.

        Searches and changes run meanwhile; it takes the memory and time of a sealing. Without
        it this happens once a fifth of the sealed rows are removed, where ``auto_seal`` is on.

        Parameters
        ----------
        progress : callable, optional
            Called with (done, total, stage); an exception it raises ends the work and leaves the
            catalogue as it was, but for what was tidied.

        Returns
        -------
        OptimizeReport
            ``data.mdb`` does not become smaller, but writes to its ``reusable_bytes`` before it
            grows.

        Raises
        ------
        DiskFullError, DiskFailureError
            What is served stays.
        """
        self._check_writable(progress)
        return optimize(self._store, self._manager, progress)

    def verify(
        self,
        progress: Progress | None = None,
        *,
        repair: bool = False,
        quarantine: str | os.PathLike[str] | None = None,
    ) -> VerifyReport:
        """Check every file, title, vector and reference, and the graph against the vectors.

        Searches and changes run meanwhile. Every byte of every file is read and every code
        computed again, so it takes about as long as building the graph.

        Parameters
        ----------
        progress : callable, optional
            An exception it raises ends the check.
        repair : bool
            Rebuild what can be rebuilt from the titles and vectors, which are not touched where
            they are sound; then check again.
        quarantine : path-like, optional
            When repairing, move titles that cannot be decoded to this file of JSON Lines.

        Returns
        -------
        VerifyReport
            ``repaired`` also lists what opening the catalogue recovered.

        Raises
        ------
        ReadOnlyError
            A repair through a read-only handle.
        """
        self._current()
        check_callable("progress", progress)
        if not check_flag("repair", repair):
            return check(self._store, self._manager, progress, self._text, self._second).report()
        self._check_writable()
        aside = None if quarantine is None else check_path(quarantine)
        return check_and_repair(
            self._store, self._manager, self._text, self._second, progress, aside
        )

    def declare(self, extra_fields: Mapping[str, ExtraType]) -> None:
        """Declare fields of your own beside those there are; see :meth:`open`.

        Raises
        ------
        InvalidInputError
            A name or a type is wrong, or a field is declared with another type.
        """
        self._check_writable()
        declare_extra_fields(self._store, check_declaration(extra_fields))

    def clear_checkpoints(self, prefix: str) -> int:
        """Delete the checkpoints whose keys have a prefix; return how many there were."""
        self._check_writable()
        return self._store.write(lambda txn, m: (m, clear_checkpoints(txn, prefix)))

    def replica_record(self) -> ReplicaRecord:
        """Return what a replica of all or some titles needs to know besides them."""
        self._current()
        return replica.record_of(self._store)

    def replica_rows(self, rows: Sequence[int]) -> list[ReplicaRow]:
        """Return what is stored in some rows now, bit for bit, deleted ones included."""
        numbers = [check_int("a row", row, 0, _MOST_ROWS) for row in as_list("rows", rows)]
        self._check_open()
        return replica.rows_of(self._store, numbers)

    def replica_rows_after(self, row: int, limit: int) -> list[ReplicaRow]:
        """Return what is stored in the next rows after one that have a title."""
        row = check_int("row", row, -1, _MOST_ROWS)
        limit = check_int("limit", limit, 1)
        self._check_open()
        return replica.rows_after(self._store, row, limit)
