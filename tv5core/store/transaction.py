"""A transaction on a catalogue's LMDB, and what it may touch: databases, derived data.

They are declared together because each names the others: a transaction carries the members that
follow its changes of titles, and those work in transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, TypeAlias

import lmdb

from tv5core.lmdb_env import transaction
from tv5core.types import Title

__all__ = ["Databases", "Derived", "Entry", "Lookup", "Strays", "Txn"]


class Databases(NamedTuple):
    """Handles of a catalogue's databases.

    Attributes
    ----------
    meta
        The catalogue's record, and checkpoints by key.
    titles, pending
        See ``store.titles``.
    vectors
        See ``store.embeddings``.
    journal
        See ``store.journal``.
    derived : dict
        Databases of what is derived from titles, by name; see ``store.derived``.
    members : tuple of Derived
        What follows each change of a title.
    """

    meta: lmdb._Database
    titles: lmdb._Database
    vectors: lmdb._Database
    pending: lmdb._Database
    journal: lmdb._Database
    derived: dict[str, lmdb._Database]
    members: tuple[Derived, ...]


Txn: TypeAlias = transaction.Txn[Databases]
"""A transaction; its values must be copied or decoded before it ends."""

Entry = tuple[bytes, bytes]
"""A key and its value in a sub-database."""

Lookup = Callable[[int], "Title | None"]
"""From a row to its title; raises CorruptFileError where it cannot be decoded."""


class Strays(NamedTuple):
    """Part of a walk over a member's entries.

    Attributes
    ----------
    found : list of Entry
        Those that no title accounts for.
    last : Entry or None
        Where to continue; None after the end.
    looked_at : int
    """

    found: list[Entry]
    last: Entry | None
    looked_at: int


class Derived(Protocol):
    """One kind of derived data; every method runs inside the caller's transaction.

    Attributes
    ----------
    name : str
    version : int
        Moves when the same titles give other entries than before.
    databases : mapping of str to bool
        Sub-databases by name; True where a key has several values, of one length.
    """

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def version(self) -> int:
        """Which entries a title gives."""
        ...

    @property
    def databases(self) -> Mapping[str, bool]:
        """Sub-databases it keeps."""
        ...

    def change(self, txn: Txn, row: int, old: Title | None, new: Title | None) -> None:
        """Follow a title's change: added (no old), replaced, or removed (no new)."""
        ...

    def missing(self, txn: Txn, row: int, title: Title) -> list[str]:
        """Return, as text, what should be there for a title and is not."""
        ...

    def fill(self, txn: Txn, row: int, title: Title) -> int:
        """Store what is missing for a title; return how much."""
        ...

    def strays(self, txn: Txn, title_in: Lookup, after: Entry | None, limit: int) -> Strays:
        """Look at up to ``limit`` entries after one, for those that no title accounts for."""
        ...

    def describe(self, entry: Entry) -> str:
        """Name an entry in a message."""
        ...

    def drop(self, txn: Txn, entry: Entry) -> None:
        """Remove an entry."""
        ...
