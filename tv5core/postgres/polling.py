"""Poller: where the log may not be read, looks for what changed since, and listens to NOTIFY.

Rows changed shortly before the newest change seen are read again, since a transaction that began
earlier may commit later. Deletions are known by the keys that NOTIFY names, and by comparing all
keys at the start and from time to time.
"""

from __future__ import annotations

import time

import msgspec

from tv5core.postgres.batch import RowSink
from tv5core.postgres.checkpoint import Checkpoint
from tv5core.postgres.connection import Connection, Connector, translated
from tv5core.postgres.loading import count_applied, read_rows
from tv5core.postgres.mapping import TableMapping
from tv5core.postgres.report import PostgresReport, Sink
from tv5core.postgres.rows import rows_by_key, rows_since
from tv5core.postgres.table import describe, reader_of

__all__ = ["Poller"]

_COMPARE_S = 300.0


class Poller:
    """Polls one table.

    Parameters
    ----------
    connector : Connector
    sink : Sink
    mapping : TableMapping
    key : str
        Of the checkpoint.
    checkpoint : Checkpoint
    report : PostgresReport
    """

    def __init__(
        self,
        connector: Connector,
        sink: Sink,
        mapping: TableMapping,
        key: str,
        checkpoint: Checkpoint,
        report: PostgresReport,
    ) -> None:
        self._sink, self._mapping, self._key, self._report = sink, mapping, key, report
        self.checkpoint = checkpoint
        self._listening = self._listen(connector) if mapping.channel else None
        self._connection = self._listening or connector.primary()
        table = describe(self._connection, mapping)
        columns = {name: table.columns[name] for name in mapping.columns}
        self._reader = reader_of(mapping, columns, sink.extra_fields())
        self._compared_s = -_COMPARE_S
        self._current_s = time.monotonic()

    def _listen(self, connector: Connector) -> Connection:
        """Listen at the primary: a replica cannot."""
        from psycopg import sql

        connection = connector.primary()
        with translated("listen"):
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._mapping.channel)))
        return connection

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def step(self) -> bool:
        """Apply what has changed; return False where nothing had."""
        began_s = time.monotonic()
        changed = self._since()
        if began_s - self._compared_s >= _COMPARE_S:
            changed = self._compare() or changed
            self._compared_s = began_s
        self._report.lag_s = time.monotonic() - began_s
        self._current_s = began_s
        return changed

    def wait(self, seconds: float) -> None:
        """Wait for so long, or for a notification, and read again the rows it names."""
        if self._listening is None:
            time.sleep(seconds)
            return
        with translated("listen"):
            heard = list(self._listening.notifies(timeout=seconds, stop_after=1))
        keys = [note.payload for note in heard if note.payload]
        if keys:
            self._read_keys(keys)

    def _since(self) -> bool:
        place = self._mapping.columns.index(self._mapping.updated_at)
        changed, cursor = False, self.checkpoint.cursor
        for rows in rows_since(self._connection, self._mapping, cursor):
            newest = max(cursor, *(row[place] or "" for row in rows))
            changed = self._store(read_rows(self._mapping, self._reader, rows), newest) or changed
        return changed

    def _read_keys(self, keys: list[str]) -> None:
        found = read_rows(
            self._mapping, self._reader, rows_by_key(self._connection, self._mapping, keys)
        )
        for key in keys:
            found.titles.setdefault(self._mapping.id_prefix + key, None)
        self._store(found, self.checkpoint.cursor)

    def _compare(self) -> bool:
        """Remove titles whose rows are gone."""
        from psycopg import sql

        query = sql.SQL("SELECT {}::text FROM {}").format(
            sql.Identifier(self._mapping.fields["id"]), sql.Identifier(*self._mapping.name)
        )
        before = self._sink.titles_of(self._mapping.source)
        with translated(f"read the keys of {self._mapping.table}"):
            prefix = self._mapping.id_prefix
            there = {prefix + row[0] for row in self._connection.execute(query) if row[0]}
        gone = RowSink(dict.fromkeys(name for name in before if name not in there))
        return self._store(gone, self.checkpoint.cursor)

    def _store(self, found: RowSink, cursor: str) -> bool:
        """Store what differs, with how far it reaches; return whether anything does."""
        kept, gone = found.split()
        kept = [title for title in kept if self._sink.get(title.id) != title]
        gone = [name for name in gone if self._sink.get(name) is not None]
        checkpoint = msgspec.structs.replace(self.checkpoint, cursor=cursor)
        if not kept and not gone and checkpoint == self.checkpoint:
            return False
        applied = self._sink.apply(
            kept, gone, embed=True, checkpoint=(self._key, checkpoint.encode())
        )
        count_applied(self._report, applied)
        if kept or gone:
            self._report.reject(found.rejected)
            self._report.slowest_s = max(self._report.slowest_s, time.monotonic() - self._current_s)
        self.checkpoint = checkpoint
        return bool(kept or gone)
