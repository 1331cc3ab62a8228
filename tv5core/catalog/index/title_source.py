"""Where documents are made from: the titles of a store."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tv5core.catalog.index.background import BackgroundWorker, give_way
from tv5core.catalog.index.recovery_log import RecoveryLog
from tv5core.errors import CorruptFileError, FormatVersionError
from tv5core.query.document_index import TitleSource
from tv5core.query.document_processes import made_in_processes
from tv5core.query.documents import DocumentSegment
from tv5core.query.parts import PARTS
from tv5core.store import Store, titles
from tv5core.types import Title
from tv5core.worker_pool import processes_for

__all__ = ["StoredTitles"]

I64 = npt.NDArray[np.int64]

log = logging.getLogger("tv5core")

_AT_ONCE = 256
"""Titles read in one transaction."""
_LISTED_AT_ONCE = 16_384
_MANY = 10_000
"""Titles whose documents take seconds to make."""


class StoredTitles:
    """Reads the titles of a store in short transactions.

    A damaged title is left out, and noted.
    """

    def __init__(self, store: Store, recovery: RecoveryLog, background: BackgroundWorker) -> None:
        self._store, self._recovery, self._background = store, recovery, background
        self.source = TitleSource(
            self.load, self._all_rows, lambda: store.meta.extra_fields, PARTS, self._shared
        )

    def _shared(
        self, blocks: Iterator[tuple[I64, list[Title]]], count: int
    ) -> Iterator[DocumentSegment] | None:
        """Make documents in processes, where there are many."""
        behind = self._background.is_current
        number = processes_for(count, behind=behind)
        if not number:
            return None
        return made_in_processes(blocks, self._store.meta.extra_fields, number, behind=behind)

    def rows(self) -> I64:
        """Return the rows of all titles, in ascending order."""
        blocks = [np.asarray(some, np.int64) for some in self._row_blocks()]
        return np.concatenate([np.empty(0, np.int64), *blocks])

    def _all_rows(self) -> I64:
        """Return the rows of all titles; say so where making their documents takes long.

        A catalogue of an earlier format has none in files, and neither has one never sealed.
        """
        rows = self.rows()
        if len(rows) >= _MANY and not self._store.maintenance.locked():  # which sealing holds
            log.warning(
                "%s: documents of %s titles are made in memory, as none in files can be used; "
                "sealing the catalogue (tv5 seal) keeps them",
                self._store.folder,
                f"{len(rows):,}",
            )
        return rows

    def _row_blocks(self) -> Iterator[list[int]]:
        last = -1
        while True:
            with self._store.read() as txn:
                some = titles.rows_after(txn, last, _LISTED_AT_ONCE)
            if not some:
                return
            yield some
            last = some[-1]

    def load(self, rows: I64) -> tuple[I64, list[Title]]:
        """Return those of some rows that have a title, and the titles."""
        found: list[tuple[int, Title]] = []
        for start in range(0, len(rows), _AT_ONCE):
            found += self._load(rows[start : start + _AT_ONCE].tolist())
            if self._background.is_current:
                give_way()
        return np.asarray([row for row, _ in found], np.int64), [title for _, title in found]

    def _load(self, rows: list[int]) -> list[tuple[int, Title]]:
        found: list[tuple[int, Title]] = []
        with self._store.read() as txn:
            for row in rows:
                try:
                    title = titles.by_row(txn, row)
                except FormatVersionError:
                    raise
                except CorruptFileError:
                    self._recovery.leave_out_title(row)
                    continue
                if title is not None:
                    found.append((row, title))
        return found
