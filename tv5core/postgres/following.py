"""Follower: applies the log from a slot, batch by batch."""

from __future__ import annotations

import time

import msgspec

from tv5core.errors import PostgresError
from tv5core.postgres.batch import Batch, LogReader
from tv5core.postgres.checkpoint import Checkpoint
from tv5core.postgres.connection import Connection
from tv5core.postgres.loading import count_applied, read_rows
from tv5core.postgres.mapping import TableMapping
from tv5core.postgres.report import PostgresReport, Sink
from tv5core.postgres.rows import rows_by_key
from tv5core.postgres.slot import Slot, lsn_text
from tv5core.postgres.table import describe, reader_of
from tv5core.types import Title

__all__ = ["Follower"]

_MOST = 5_000
"""Changes read at once, at least a whole transaction."""
_QUIET_S = 10.0
"""How often the slot is moved where nothing of ours is in the log."""


class Follower:
    """Applies the log.

    Parameters
    ----------
    connection : Connection
        To the primary.
    slot : Slot
    sink : Sink
    mapping : TableMapping
    key : str
        Of the checkpoint.
    checkpoint : Checkpoint
    report : PostgresReport

    Raises
    ------
    PostgresError
        Somebody else moves the slot.
    """

    def __init__(
        self,
        connection: Connection,
        slot: Slot,
        sink: Sink,
        mapping: TableMapping,
        key: str,
        checkpoint: Checkpoint,
        report: PostgresReport,
    ) -> None:
        self._connection, self._slot, self._sink = connection, slot, sink
        self._mapping, self._key, self._report = mapping, key, report
        self.checkpoint = checkpoint
        self._reader = LogReader(mapping, sink.extra_fields(), sink.get)
        self._looked_at = 0
        self._moved_s = time.monotonic()
        self._check_position()

    def _check_position(self) -> None:
        position = self._slot.position()
        if position is not None and position > self.checkpoint.lsn:
            raise PostgresError(
                f"expected the slot {self._slot.name} at {lsn_text(self.checkpoint.lsn)} or "
                f"before, got {lsn_text(position)}: another catalogue reads it. Give each a slot "
                "of its own in its mapping, and run again with --reload"
            )

    def step(self) -> bool:
        """Apply what is in the log; return False where nothing was."""
        end, clock = self._slot.end_of_log()
        report = self._report
        if end == self._looked_at:
            report.lag_s = report.lag_bytes = 0
            return False
        batch = self._reader.read(
            self._slot.peek(_MOST), self.checkpoint.lsn, self.checkpoint.snapshot
        )
        if not batch.end:
            self._looked_at = end
            report.lag_s, report.lag_bytes = 0.0, 0
            if time.monotonic() - self._moved_s > _QUIET_S:
                self._store([], [], max(end, self.checkpoint.lsn))
            return False
        report.lag_bytes = max(0, end - batch.end)
        if batch.transactions:
            report.lag_s = max(0.0, clock - batch.committed_s)
        self._apply(batch)
        _, clock = self._slot.end_of_log()
        if batch.transactions:
            report.slowest_s = max(report.slowest_s, clock - batch.committed_s)
        return True

    def _apply(self, batch: Batch) -> None:
        self._read_again(batch)
        kept, gone = batch.split()
        if batch.is_truncated:
            here = {title.id for title in kept}
            all_of_ours = self._sink.titles_of(self._mapping.source)
            gone = [*{*gone, *(one for one in all_of_ours if one not in here)}]
        report = self._report
        report.transactions += batch.transactions
        report.replayed += batch.replayed
        report.reject(batch.rejected)
        self._store(kept, gone, max(batch.end, self.checkpoint.lsn))

    def _store(self, kept: list[Title], gone: list[str], lsn: int) -> None:
        """Store titles and position, then move the slot: never before."""
        checkpoint = msgspec.structs.replace(self.checkpoint, lsn=lsn)
        if checkpoint != self.checkpoint or kept or gone:
            stored = (self._key, checkpoint.encode())
            count_applied(self._report, self._sink.apply(kept, gone, embed=True, checkpoint=stored))
        self.checkpoint = checkpoint
        self._slot.advance(lsn)
        self._moved_s = time.monotonic()

    def _read_again(self, batch: Batch) -> None:
        """Complete titles of which the log has a part, and the catalogue nothing."""
        if not batch.reread:
            return
        table = describe(self._connection, self._mapping)
        columns = {name: table.columns[name] for name in self._mapping.columns}
        reader = reader_of(self._mapping, columns, self._sink.extra_fields())
        rows = rows_by_key(self._connection, self._mapping, list(batch.reread.values()))
        found = read_rows(self._mapping, reader, rows)
        for name in batch.reread:
            batch.titles[name] = found.titles.get(name)
        batch.rejected += found.rejected
