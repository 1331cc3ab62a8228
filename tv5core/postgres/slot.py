"""A logical slot: made, read without being moved, moved once what was read is stored.

psycopg has no replication protocol; SQL has the same: ``pg_logical_slot_peek_binary_changes`` cuts
at the end of a transaction, so what it returns is whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from tv5core.errors import PostgresAccessError, PostgresError
from tv5core.postgres.connection import Connection, state_of, translated
from tv5core.postgres.mapping import TableMapping

__all__ = ["NoLogError", "Slot", "lsn_of", "lsn_text"]

# No right; no wal_level = logical, or no slot left; not on a replica; not for this kind of table.
_NO_LOG = ("42501", "55000", "53400", "0A000", "25006", "42809", "22023")


class NoLogError(PostgresAccessError):
    """The log may not or cannot be read here; the message says what is missing."""


def lsn_of(text: str) -> int:
    """Return a position of the log as a number."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) | int(low, 16)


def lsn_text(lsn: int) -> str:
    """Return a position of the log as PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


class Slot:
    """One slot and its publication.

    Parameters
    ----------
    connection : Connection
        To the primary.
    name, publication : str
    """

    def __init__(self, connection: Connection, name: str, publication: str) -> None:
        self._connection, self.name, self.publication = connection, name, publication

    def make(self, mapping: TableMapping) -> int:
        """Make publication and slot where they are not there; return where the slot stands.

        Raises
        ------
        NoLogError
        """
        import psycopg
        from psycopg import sql

        try:
            if not self._has_publication(mapping):
                self._connection.execute(
                    sql.SQL(
                        "CREATE PUBLICATION {} FOR TABLE {}"
                        " WITH (publish_via_partition_root = true)"
                    ).format(sql.Identifier(self.publication), sql.Identifier(*mapping.name))
                )
            if self.position() is None:
                self._connection.execute(
                    "SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (self.name,)
                )
        except psycopg.Error as error:
            if not state_of(error).startswith(_NO_LOG):
                with translated(f"make the slot {self.name}"):
                    raise
            said = " ".join(str(error).split())[:300]
            raise NoLogError(
                f"expected to read the log of {mapping.table}, got {state_of(error)}: {said}. It "
                "takes wal_level = logical, a role with REPLICATION that owns the table (or a "
                f"publication {self.publication} made by its owner), and a free slot; else name "
                "updated_at in the mapping"
            ) from None
        position = self.position()
        if position is None:
            raise PostgresError(f"expected a slot {self.name} after making it, got none")
        return position

    def _has_publication(self, mapping: TableMapping) -> bool:
        """Return whether the publication is there; one without the table gives nothing."""
        found = self._connection.execute(
            "SELECT p.puballtables OR EXISTS (SELECT FROM pg_publication_tables t WHERE"
            " t.pubname = p.pubname AND t.schemaname = %s AND t.tablename = %s)"
            " FROM pg_publication p WHERE p.pubname = %s",
            (*mapping.name, self.publication),
        ).fetchone()
        if found and not found[0]:
            raise PostgresAccessError(
                f"expected the publication {self.publication} to have {mapping.table}, got one "
                "without: ALTER PUBLICATION ... ADD TABLE, with publish_via_partition_root for a "
                "partitioned one"
            )
        return found is not None

    def position(self) -> int | None:
        """Return up to where the log was confirmed; None where there is no such slot here.

        Raises
        ------
        PostgresError
            The slot is of another plugin or database, or its log is gone.
        """
        with translated(f"look at the slot {self.name}"):
            found = self._connection.execute(
                "SELECT confirmed_flush_lsn::text, coalesce(plugin = 'pgoutput' AND"
                " database = current_database(), false), coalesce(wal_status, '')"
                " FROM pg_replication_slots WHERE slot_name = %s",
                (self.name,),
            ).fetchone()
        if found is None:
            return None
        if not found[1]:
            raise PostgresError(
                f"expected {self.name} to be a slot of pgoutput in this database, got another: "
                "name a slot of its own in the mapping"
            )
        return None if found[2] == "lost" or not found[0] else lsn_of(found[0])

    def end_of_log(self) -> tuple[int, float]:
        """Return up to where the log is on disk, and the server's clock."""
        with translated("tell the end of its log"):
            row = self._connection.execute(
                "SELECT pg_current_wal_flush_lsn()::text, extract(epoch FROM clock_timestamp())"
            ).fetchone()
        return (lsn_of(row[0]), float(row[1])) if row else (0, 0.0)

    def peek(self, most: int) -> Iterator[bytes]:
        """Yield the next messages, of whole transactions, about as many as asked for."""
        with (
            translated(f"read the slot {self.name}"),
            self._connection.cursor(binary=True) as cursor,
        ):
            cursor.execute(
                "SELECT data FROM pg_logical_slot_peek_binary_changes(%s, NULL, %s,"
                " 'proto_version', '1', 'publication_names', %s)",
                (self.name, most, self.publication),
            )
            for (data,) in cursor:
                yield bytes(data)

    def advance(self, lsn: int) -> None:
        """Let the server forget the log up to a position, which is stored here."""
        with translated(f"advance the slot {self.name}"):
            self._connection.execute(
                "SELECT pg_replication_slot_advance(%s, %s::pg_lsn)", (self.name, lsn_text(lsn))
            )

    def drop(self) -> bool:
        """Remove the slot; return whether there was one."""
        with translated(f"drop the slot {self.name}"):
            gone = self._connection.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                " WHERE slot_name = %s",
                (self.name,),
            ).fetchall()
        return bool(gone)

    def drop_publication(self) -> None:
        """Remove the publication, where there is one."""
        from psycopg import sql

        with translated(f"drop the publication {self.publication}"):
            self._connection.execute(
                sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(self.publication))
            )
