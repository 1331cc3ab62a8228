"""What transactions of the log make of titles: the last state of each, stored or gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tv5core.errors import SchemaDriftError
from tv5core.postgres import pgoutput
from tv5core.postgres.checkpoint import is_visible
from tv5core.postgres.mapping import TableMapping
from tv5core.postgres.table import reader_of
from tv5core.postgres.values import Rejected, RowReader
from tv5core.types import Title

__all__ = ["Batch", "LogReader", "RowSink"]


@dataclass
class RowSink:
    """Titles by id, None where one is to be removed; and rows that are no titles."""

    titles: dict[str, Title | None] = field(default_factory=dict)
    rejected: list[str] = field(default_factory=list)

    def put(
        self,
        reader: RowReader,
        values: Sequence[str | bytes | None],
        *,
        gone: bool = False,
        old: Title | None = None,
    ) -> None:
        """Take a row; one that is no title is removed, and noted."""
        try:
            name = reader.id_of(values)
        except Rejected as error:
            self.rejected.append(f"?: {error}")
            return
        self.titles.pop(name, None)  # the order is that of the last change
        try:
            self.titles[name] = None if gone else reader.title(values, old)
        except Rejected as error:
            self.titles[name] = None
            self.rejected.append(f"{name}: {error}")

    def split(self) -> tuple[list[Title], list[str]]:
        """Return the titles to store, and the ids to remove."""
        kept = [title for title in self.titles.values() if title is not None]
        return kept, [name for name, title in self.titles.items() if title is None]


@dataclass
class Batch(RowSink):
    """What some transactions changed.

    Attributes
    ----------
    end : int
        Where the last of them ends in the log; 0 where there is none.
    transactions, replayed : int
        Applied, and passed over since they are in the catalogue already.
    committed_s : float
        When the last was committed.
    is_truncated : bool
        All titles of the table are gone but for those here.
    reread : dict of str to str
        Ids to keys of rows whose values the log does not have in full.
    """

    end: int = 0
    transactions: int = 0
    replayed: int = 0
    committed_s: float = 0.0
    is_truncated: bool = False
    reread: dict[str, str] = field(default_factory=dict)


_Read = tuple[pgoutput.Change, RowReader, list[str]] | None
"""A change with the table as it was then; None where all rows are gone."""


class LogReader:
    """Reads messages of the log into batches.

    Parameters
    ----------
    mapping : TableMapping
    extra_fields : mapping of str to str
    stored : callable
        Returns the title in the catalogue under an id, or None.
    """

    def __init__(
        self,
        mapping: TableMapping,
        extra_fields: Mapping[str, str],
        stored: Callable[[str], Title | None],
    ) -> None:
        self._mapping, self._extra_fields, self._stored = mapping, extra_fields, stored
        self._name = ".".join(mapping.name)
        self._relations: dict[int, tuple[RowReader, list[str]]] = {}

    def read(self, messages: Iterable[bytes], lsn: int, snapshot: str) -> Batch:
        """Return what transactions change that end behind a position and a snapshot did not see.

        Raises
        ------
        SchemaDriftError
            A column of the mapping is no longer there.
        """
        batch, changes = Batch(), list[_Read]()
        begun = pgoutput.Begin(0, 0.0)
        for data in messages:
            message = pgoutput.decode(data)
            if isinstance(message, pgoutput.Begin):
                begun, changes = message, []
            elif isinstance(message, pgoutput.Relation):
                self._note(message, is_seen=is_visible(begun.xid, snapshot))
            elif isinstance(message, pgoutput.Commit):
                batch.end = message.end
                if message.end <= lsn or is_visible(begun.xid, snapshot):
                    batch.replayed += 1
                    continue
                batch.transactions += 1
                batch.committed_s = begun.committed_s
                self._apply(batch, changes)
            elif isinstance(message, pgoutput.Truncate):
                if self._relations.keys() & set(message.relations):
                    changes.append(None)
            elif message is not None and message.relation in self._relations:
                # As the table is here: one transaction may change it, and rows before and after.
                changes.append((message, *self._relations[message.relation]))
        return batch

    def _note(self, relation: pgoutput.Relation, *, is_seen: bool) -> None:
        """Take note of a table as it is from here on in the log."""
        if relation.name != self._name:
            return
        try:
            reader = reader_of(self._mapping, dict(relation.columns), self._extra_fields)
        except SchemaDriftError:
            if is_seen:
                return  # the first load read it as it was mended
            raise
        self._relations[relation.id] = reader, [name for name, _ in relation.columns]

    def _apply(self, batch: Batch, changes: list[_Read]) -> None:
        for read in changes:
            if read is None:
                batch.titles.clear()
                batch.reread.clear()
                batch.is_truncated = True
            else:
                self._change(batch, *read)

    def _change(
        self, batch: Batch, change: pgoutput.Change, reader: RowReader, columns: list[str]
    ) -> None:
        named = change.old if change.old is not None else change.new
        if named is None:
            return
        try:
            old_id = reader.id_of(named)
        except Rejected as error:
            batch.rejected.append(f"?: {error}")
            return
        new = change.new
        old = None
        if new is not None and pgoutput.UNCHANGED in new:
            old = self._title(batch, old_id)
        if new is None or reader.id_of(new) != old_id:
            batch.titles.pop(old_id, None)
            batch.titles[old_id] = None
            batch.reread.pop(old_id, None)
        if new is not None:
            self._put(batch, reader, new, columns, old)

    def _put(
        self,
        batch: Batch,
        reader: RowReader,
        new: pgoutput.Columns,
        columns: list[str],
        old: Title | None,
    ) -> None:
        place = columns.index(self._mapping.deleted_at) if self._mapping.deleted_at else -1
        gone = place >= 0 and new[place] is not None
        batch.put(reader, new, gone=gone, old=old)
        name = reader.id_of(new)
        batch.reread.pop(name, None)
        if old is None and not gone and pgoutput.UNCHANGED in new:
            batch.reread[name] = name.removeprefix(self._mapping.id_prefix)

    def _title(self, batch: Batch, name: str) -> Title | None:
        """Return a title as it is before a change: as this batch has it, or the catalogue."""
        if name in batch.titles:
            return None if name in batch.reread else batch.titles[name]
        return None if batch.is_truncated else self._stored(name)
