"""What is derived from titles, and changes with them in the same transaction.

Everything that is computed from titles and stored beside them is a member of the tuple that the
store is opened with, :data:`DERIVED` if nothing else is given. Each change of a title passes
through all members, ``verify`` checks each of them against the titles in both directions, and
``repair`` makes each agree again.

To add one (postings of words, say), write a class with the methods of
:class:`~tv5core.store.transaction.Derived`, or use :class:`RowIndex`, and pass it to
``Store.open(derived=...)``; it may come from another package, with an analyser in it. Where the
member is there to stay, raise ``FORMAT`` in ``tv5core.store.meta``: an older tv5core would not
update it. A catalogue written before is upgraded when it is next opened for writing, as it is
when a member's ``version`` has changed; until then, a reader finds the database missing or
stale.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import lmdb

from tv5core.errors import CorruptFileError, InvalidInputError
from tv5core.store.aliases import aliases
from tv5core.store.transaction import Derived, Entry, Lookup, Strays, Txn
from tv5core.types import Title

__all__ = ["DERIVED", "MAX_KEY_BYTES", "RowIndex", "key_of"]

MAX_KEY_BYTES = 256
"""Longest text looked up; what is longer is no key, and neither is what is empty."""

_ROW = struct.Struct(">Q")


@dataclass(frozen=True)
class RowIndex:
    """Text -> rows of the titles that carry it: ids, aliases, and postings of any kind.

    Attributes
    ----------
    name : str
        Also of its sub-database.
    singular : str
        One of its keys, in messages.
    version : int
    several : bool
        Whether several titles may share a key.
    entries : callable
        From a title to its keys.
    """

    name: str
    singular: str
    version: int
    several: bool
    entries: Callable[[Title], Iterable[str]]

    @property
    def databases(self) -> Mapping[str, bool]:
        """Its one sub-database."""
        return {self.name: self.several}

    def _database(self, txn: Txn) -> lmdb._Database:
        return txn.dbs.derived[self.name]

    def change(self, txn: Txn, row: int, old: Title | None, new: Title | None) -> None:
        """See :class:`Derived`."""
        before = set(self.entries(old)) if old is not None else set()
        after = set(self.entries(new)) if new is not None else set()
        if before == after:
            return
        database, value = self._database(txn), _ROW.pack(row)
        for text in before - after:
            txn.raw.delete(key_of(text), value if self.several else b"", db=database)
        for text in after - before:
            txn.raw.put(key_of(text), value, db=database)

    def missing(self, txn: Txn, row: int, title: Title) -> list[str]:
        """See :class:`Derived`."""
        value = _ROW.pack(row)
        with txn.raw.cursor(self._database(txn)) as cursor:
            return [text for text in self.entries(title) if not self._leads(cursor, text, value)]

    def _leads(self, cursor: lmdb.Cursor[memoryview], text: str, value: bytes) -> bool:
        if self.several:
            return bool(cursor.set_key_dup(key_of(text), value))
        return bool(cursor.set_key(key_of(text))) and bytes(cursor.value()) == value

    def fill(self, txn: Txn, row: int, title: Title) -> int:
        """See :class:`Derived`; a key that leads to another title's row is left to it."""
        value, database = _ROW.pack(row), self._database(txn)
        lost = self.missing(txn, row, title)
        return sum(
            bool(txn.raw.put(key_of(text), value, overwrite=self.several, db=database))
            for text in lost
        )

    def strays(self, txn: Txn, title_in: Lookup, after: Entry | None, limit: int) -> Strays:
        """See :class:`Derived`."""
        found: list[Entry] = []
        entry, looked_at = after, 0
        with txn.raw.cursor(self._database(txn)) as cursor:
            more = _go_past(cursor, after, several=self.several)
            while more and looked_at < limit:
                entry = bytes(cursor.key()), bytes(cursor.value())
                looked_at += 1
                if not self._is_accounted_for(entry, title_in):
                    found.append(entry)
                more = cursor.next()
        return Strays(found, entry if more else None, looked_at)

    def _is_accounted_for(self, entry: Entry, title_in: Lookup) -> bool:
        key, value = entry
        if len(value) != _ROW.size:
            return False
        try:
            title = title_in(_ROW.unpack(value)[0])
        except CorruptFileError:
            return True  # who can tell; it stays until the title itself is dealt with
        return title is not None and any(key_of(text) == key for text in self.entries(title))

    def describe(self, entry: Entry) -> str:
        """See :class:`Derived`."""
        key, value = entry
        row = str(_ROW.unpack(value)[0]) if len(value) == _ROW.size else f"{value[:16]!r}"
        return f"the {self.singular} {key.decode('utf-8', 'replace')!r} of row {row}"

    def drop(self, txn: Txn, entry: Entry) -> None:
        """See :class:`Derived`."""
        key, value = entry
        txn.raw.delete(key, value if self.several else b"", db=self._database(txn))


def key_of(text: str) -> bytes:
    """Encode text to look up; what no stored text can equal gives a key that nothing has.

    Raises
    ------
    InvalidInputError
        Not text.
    """
    if not isinstance(text, str):
        raise InvalidInputError(f"expected text to look up, got a {type(text).__name__}")
    try:
        key = text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which no stored text has
        return b"\0"
    return key if 1 <= len(key) <= MAX_KEY_BYTES else b"\0"


def _go_past(cursor: lmdb.Cursor[memoryview], entry: Entry | None, *, several: bool) -> bool:
    """Move to the first entry after one, which may be gone; return whether there is any."""
    if entry is None:
        return bool(cursor.first())
    key, value = entry
    if several and cursor.set_range_dup(key, value):
        return bool(cursor.next()) if bytes(cursor.value()) == value else True
    found = bool(cursor.set_range(key))
    if found and bytes(cursor.key()) == key:
        return bool(cursor.next_nodup())
    return found


DERIVED: tuple[Derived, ...] = (
    RowIndex("ids", "id", 1, several=False, entries=lambda title: (title.id,)),
    RowIndex("aliases", "alias", 1, several=True, entries=aliases),
)
"""What every catalogue derives: the rows of ids, and those of aliases."""
