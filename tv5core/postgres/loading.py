"""The first load: all rows of one moment, and what is no longer among them removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tv5core.errors import PostgresUnavailableError
from tv5core.postgres.batch import RowSink
from tv5core.postgres.connection import Connection, Connector, translated
from tv5core.postgres.mapping import TableMapping
from tv5core.postgres.report import Applied, PostgresReport, Sink
from tv5core.postgres.rows import copy_all, take_snapshot
from tv5core.postgres.slot import lsn_text
from tv5core.postgres.table import describe, reader_of
from tv5core.postgres.values import RowReader

__all__ = ["Loaded", "count_applied", "load", "read_rows", "readers_connection"]

_STORED_AT_ONCE = 5_000
_REPLICA_S = 30.0
_LOOK_S = 0.05


@dataclass(frozen=True)
class Loaded:
    """What a load saw: which transactions, and the newest time of a change; and what to remove."""

    snapshot: str
    newest: str
    stale: list[str]


def load(
    connector: Connector,
    sink: Sink,
    mapping: TableMapping,
    lsn: int,
    jobs: int,
    report: PostgresReport,
    tell: Callable[[], None],
) -> Loaded:
    """Store all rows, without embedding them.

    Parameters
    ----------
    connector : Connector
    sink : Sink
    mapping : TableMapping
    lsn : int
        What is read is at least as new as this position of the log; 0 for any.
    jobs : int
        Connections that copy.
    report : PostgresReport
    tell : callable
        Called after each batch.
    """
    started = time.monotonic()
    with readers_connection(connector, lsn) as connection:
        table = describe(connection, mapping)
        columns = {name: table.columns[name] for name in mapping.columns}
        reader = reader_of(mapping, columns, sink.extra_fields())
        exported, snapshot = take_snapshot(connection)
        seen, newest = set[str](), ""
        place = mapping.columns.index(mapping.updated_at) if mapping.updated_at else -1
        for rows in _joined(copy_all(connector, connection, exported, mapping, jobs)):
            found = read_rows(mapping, reader, rows)
            kept, _ = found.split()
            seen.update(title.id for title in kept)
            report.rows += len(rows)
            report.reject(found.rejected)
            count_applied(report, sink.apply(kept, [], embed=False, checkpoint=None))
            if place >= 0:
                newest = max(newest, *(row[place] or "" for row in rows))
            tell()
    stale = [name for name in sink.titles_of(mapping.source) if name not in seen]
    report.loads += 1
    report.load_s += time.monotonic() - started
    return Loaded(snapshot, newest, stale)


def read_rows(
    mapping: TableMapping, reader: RowReader, rows: Sequence[Sequence[str | None]]
) -> RowSink:
    """Make titles of rows with the mapping's columns."""
    found = RowSink()
    place = mapping.columns.index(mapping.deleted_at) if mapping.deleted_at else -1
    for row in rows:
        found.put(reader, row, gone=place >= 0 and row[place] is not None)
    return found


def count_applied(report: PostgresReport, applied: Applied) -> None:
    """Add what a change did."""
    report.added += applied.added
    report.updated += applied.updated
    report.unchanged += applied.unchanged
    report.deleted += applied.deleted


def _joined(
    batches: Iterator[list[Sequence[str | None]]],
) -> Iterator[list[Sequence[str | None]]]:
    """Join batches to what is stored at once."""
    joined: list[Sequence[str | None]] = []
    for batch in batches:
        joined += batch
        if len(joined) >= _STORED_AT_ONCE:
            yield joined
            joined = []
    if joined:
        yield joined


def readers_connection(connector: Connector, lsn: int) -> Connection:
    """Connect to a replica that has come as far as a position of the log, else to the primary."""
    connection = connector.replica()
    deadline = time.monotonic() + _REPLICA_S
    try:
        while time.monotonic() < deadline:
            with translated("tell how far a replica is"):
                row = connection.execute(
                    "SELECT NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= %s::pg_lsn",
                    (lsn_text(lsn),),
                ).fetchone()
            if row and row[0]:
                return connection
            time.sleep(_LOOK_S)
    except PostgresUnavailableError:
        pass
    connection.close()
    return connector.primary()
