"""Reads rows by SELECT and COPY: all of a table at one moment, some by key, what changed since."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from tv5core.postgres.connection import Connection, Connector, translated
from tv5core.postgres.mapping import TableMapping
from tv5core.postgres.table import names

__all__ = ["copy_all", "rows_by_key", "rows_since", "take_snapshot"]

Row: TypeAlias = Any

_BATCH = 1_000
_QUEUED = 8
_RANGES = 4  # for each worker, so that none ends long before the others
_END: list[Row] = []


def take_snapshot(connection: Connection) -> tuple[str, str]:
    """Begin a transaction that sees one moment; return its name for others, and what it sees.

    On a replica the second is empty: there, PostgreSQL does not tell which transactions ran.
    """
    with translated("export a snapshot"):
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = connection.execute(
            "SELECT pg_export_snapshot(), "
            "CASE WHEN pg_is_in_recovery() THEN '' ELSE pg_current_snapshot()::text END"
        ).fetchone()
    return (str(row[0]), str(row[1])) if row else ("", "")


def copy_all(
    connector: Connector, connection: Connection, snapshot: str, mapping: TableMapping, jobs: int
) -> Iterator[list[Row]]:
    """Yield all rows that a snapshot sees, in batches, copied by several connections.

    Parameters
    ----------
    connector : Connector
    connection : Connection
        Which exported the snapshot, and stays in its transaction meanwhile.
    snapshot : str
    mapping : TableMapping
    jobs : int
    """
    ranges = _ranges(connection, mapping, jobs * _RANGES)
    found: queue.Queue[list[Row] | BaseException] = queue.Queue(_QUEUED)
    todo: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for each in ranges:
        todo.put(each)
    stopping = threading.Event()
    with connector.pool_like(connection, jobs) as pool:
        workers = [
            threading.Thread(
                target=_work, args=(pool, snapshot, mapping, todo, found, stopping), daemon=True
            )
            for _ in range(min(jobs, len(ranges)))
        ]
        for worker in workers:
            worker.start()
        try:
            yield from _batches(found, len(workers))
        finally:
            stopping.set()
            for worker in workers:
                while worker.is_alive():
                    _drain(found)
                    worker.join(0.05)


def _batches(found: queue.Queue[Any], workers: int) -> Iterator[list[Row]]:
    while workers:
        batch = found.get()
        if isinstance(batch, BaseException):
            raise batch
        if batch is _END:
            workers -= 1
        else:
            yield batch


def _drain(found: queue.Queue[Any]) -> None:
    while not found.empty():
        found.get_nowait()


def _work(
    pool: Any,
    snapshot: str,
    mapping: TableMapping,
    todo: queue.SimpleQueue[Any],
    found: queue.Queue[Any],
    stopping: threading.Event,
) -> None:
    try:
        with translated(f"copy {mapping.table}"), pool.connection() as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            while not stopping.is_set() and not todo.empty():
                try:
                    where = todo.get_nowait()
                except queue.Empty:
                    break
                _copy(connection, mapping, where, found, stopping)
            connection.execute("ROLLBACK")
        found.put(_END)
    except BaseException as error:  # noqa: BLE001 - it is raised where the rows are read
        found.put(error)


def _copy(
    connection: Connection,
    mapping: TableMapping,
    where: Any,
    found: queue.Queue[Any],
    stopping: threading.Event,
) -> None:
    from psycopg import sql

    table, columns = names(mapping)
    query = sql.SQL("COPY (SELECT {} FROM {}{}) TO STDOUT").format(columns, table, where)
    batch: list[Row] = []
    with connection.cursor() as cursor, cursor.copy(query) as copied:
        for row in copied.rows():
            batch.append(row)
            if len(batch) >= _BATCH:
                found.put(batch)
                batch = []
                if stopping.is_set():
                    return
    if batch:
        found.put(batch)


def _ranges(connection: Connection, mapping: TableMapping, count: int) -> list[Any]:
    """Return conditions that part a table by its pages; one without any for a view."""
    from psycopg import sql

    with translated(f"size {mapping.table}"):
        row = connection.execute(
            "SELECT coalesce(max(pg_relation_size(c.oid)), 0) / current_setting('block_size')::int"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p') AND (n.nspname = %s AND c.relname = %s OR c.oid IN"
            " (SELECT relid FROM pg_partition_tree(to_regclass(%s))))",
            (*mapping.name, ".".join(f'"{part}"' for part in mapping.name)),
        ).fetchone()
    pages = int(row[0]) if row else 0
    if pages < count:
        return [sql.SQL("")]
    cuts = [pages * n // count for n in range(count)]
    made = []
    for low, high in zip(cuts, [*cuts[1:], None], strict=True):
        text = f" WHERE ctid >= '({low},0)'::tid"
        made.append(sql.SQL(text + (f" AND ctid < '({high},0)'::tid" if high else "")))
    return made


def rows_by_key(connection: Connection, mapping: TableMapping, keys: Sequence[str]) -> list[Row]:
    """Return the rows with some keys as they are now."""
    from psycopg import sql

    table, columns = names(mapping)
    query = sql.SQL("SELECT {} FROM {} WHERE {}::text = ANY(%s)").format(
        columns, table, sql.Identifier(mapping.fields["id"])
    )
    with translated(f"read {mapping.table}"):
        return connection.execute(query, (list(keys),)).fetchall()


def rows_since(connection: Connection, mapping: TableMapping, since: str) -> Iterator[list[Row]]:
    """Yield the rows changed at or after a time, oldest first, in batches; empty means all."""
    from psycopg import sql

    table, columns = names(mapping)
    time = sql.Identifier(mapping.updated_at)
    where = sql.SQL(" WHERE {} >= %s::timestamptz - %s * interval '1 s'").format(time)
    query = sql.SQL("SELECT {} FROM {}{} ORDER BY {}").format(
        columns, table, where if since else sql.SQL(""), time
    )
    with (
        translated(f"read {mapping.table}"),
        connection.transaction(),
        connection.cursor("tv5_since") as cursor,
    ):
        cursor.execute(query, (since, mapping.overlap_s) if since else ())
        while rows := cursor.fetchmany(_BATCH):
            yield rows
