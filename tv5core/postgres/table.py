"""A table as it is now: its columns, its key, and whether its log may be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tv5core.errors import InvalidInputError, SchemaDriftError
from tv5core.postgres.connection import Connection, translated
from tv5core.postgres.mapping import TableMapping
from tv5core.postgres.values import RowReader

__all__ = ["Table", "describe", "names", "reader_of"]

_COLUMNS = """
SELECT c.oid, c.relkind::text, c.relreplident::text, a.attname::text, a.atttypid::oid::bigint,
       coalesce(i.indrelid IS NOT NULL, false)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND a.attnum = ANY (i.indkey)
     AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END
WHERE n.nspname = %s AND c.relname = %s ORDER BY a.attnum
"""
_TABLES = ("r", "p")


@dataclass(frozen=True)
class Table:
    """What a table, or a view, is.

    Attributes
    ----------
    columns : dict of str to int
        Names to numbers of types, in order.
    keys : tuple of str
        Columns by which the log names a row that is gone.
    is_table : bool
        Not a view: it has a log.
    """

    columns: dict[str, int]
    keys: tuple[str, ...]
    is_table: bool

    def check_key(self, mapping: TableMapping) -> None:
        """Raise InvalidInputError where the log would not say which title is gone."""
        key = mapping.fields["id"]
        if self.keys != (key,):
            raise InvalidInputError(
                f"expected {key} to be the primary key of {mapping.table} (or the index of its "
                f"REPLICA IDENTITY), got {', '.join(self.keys) or 'none'}: deletions name rows "
                "by it"
            )


def describe(connection: Connection, mapping: TableMapping) -> Table:
    """Look a table up, and check it against its mapping.

    Raises
    ------
    SchemaDriftError
        It is not there, or a column of the mapping is not.
    """
    with translated(f"describe {mapping.table}"):
        rows = connection.execute(_COLUMNS, mapping.name).fetchall()
    if not rows:
        raise SchemaDriftError(
            f"expected a table {'.'.join(mapping.name)} there, got none: name it with its schema"
        )
    columns = {name: int(kind) for _, _, _, name, kind, _ in rows}
    mapping.check_columns(columns)
    identity, relkind = rows[0][2], rows[0][1]
    keys = tuple(r[3] for r in rows if r[5])
    if identity == "f":  # whole rows: any column names them
        keys = (mapping.fields["id"],)
    return Table(columns, () if identity == "n" else keys, relkind in _TABLES)


def reader_of(
    mapping: TableMapping, columns: Mapping[str, int], extra_fields: Mapping[str, str]
) -> RowReader:
    """Return what reads rows of these columns; raises SchemaDriftError where one is missing."""
    mapping.check_columns(columns)
    return RowReader(
        mapping.fields,
        mapping.constants,
        list(columns.items()),
        extra_fields,
        prefix=mapping.id_prefix,
        source=mapping.source,
    )


def names(mapping: TableMapping) -> tuple[Any, Any]:
    """Return the table and the list of its columns as parts of SQL."""
    from psycopg import sql

    return (
        sql.Identifier(*mapping.name),
        sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(c)) for c in mapping.columns),
    )
