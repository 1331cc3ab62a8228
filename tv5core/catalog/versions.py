"""Whether an answer may have changed: for layers that keep answers.

A catalogue has a unique name, and a version that every change increases. An answer to a search is
current while the version is the same; a title is current until the journal names its row.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tv5core.errors import CatalogError, CorruptFileError
from tv5core.store import Store, journal
from tv5core.store.meta import Meta, read_meta
from tv5core.store.transaction import Txn
from tv5core.types import Title

__all__ = ["Changes", "RowChanges", "Version", "VersionReader", "VersionedTitle"]

I64 = npt.NDArray[np.int64]

_ROWS_KEPT = 200_000


class Version(NamedTuple):
    """Increases with every change of a title or a vector, in any process.

    Attributes
    ----------
    space : int
        Grows when all titles are embedded again.
    seq : int
        Grows with every transaction that adds, changes or deletes.
    """

    space: int
    seq: int


class VersionedTitle(NamedTuple):
    """A title, its row, and the version it was read at."""

    title: Title
    row: int
    seq: int


class Changes(NamedTuple):
    """Which rows changed after some version.

    Attributes
    ----------
    seq : int
        As of when.
    rows : int64[n] or None
        None where that is no longer known: any row may have changed.
    """

    seq: int
    rows: I64 | None


class VersionReader:
    """Read a store's version; cheap enough to be called before every answer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: tuple[int, Version] = (-1, Version(-1, -1))

    def identity(self) -> str:
        """Return a name that no other catalogue has, not even a later one in the same folder."""
        with self._store.read() as txn:
            uid = _read_meta(self._store, txn).uid
        folder = self._store.folder.resolve()
        if not uid:  # made before catalogues had one
            status = (folder / "data.mdb").stat()
            uid = f"{status.st_dev:x}.{status.st_ino:x}"
        return f"{uid}:{folder}"

    def version(self) -> Version:
        """Return the present version, of what any process has committed."""
        if self._store.writable:
            meta = self._store.meta
            return Version(meta.space, meta.last_seq)
        last = self._store.environment.last_transaction()
        seen = self._seen
        if last != seen[0]:
            with self._store.read() as txn:
                meta = _read_meta(self._store, txn)
            # The transaction read may be a later one; then the next call only looks again.
            seen = self._seen = (last, Version(meta.space, meta.last_seq))
        return seen[1]

    def stored(self, row: int, title: Title, txn: Txn) -> VersionedTitle:
        """Return a row's title together with the version it was read at."""
        return VersionedTitle(title, row, _read_meta(self._store, txn).last_seq)

    def changes(self, seq: int) -> Changes:
        """Return the rows changed after a version."""
        with self._store.read() as txn:
            meta = _read_meta(self._store, txn)
            if seq > meta.last_seq:  # an older copy of the catalogue was restored
                return Changes(meta.last_seq, None)
            try:
                return Changes(meta.last_seq, journal.rows_after(txn, seq, meta, titles=True))
            except CorruptFileError:  # an entry is damaged: any row may have changed
                return Changes(meta.last_seq, None)


def _read_meta(store: Store, txn: Txn) -> Meta:
    meta = read_meta(txn)
    if meta is None:
        raise CatalogError(f"{store.folder}: expected a catalogue, got none any more")
    return meta


class Versioned(Protocol):
    """What :class:`RowChanges` needs of a catalogue."""

    def version(self) -> Version:
        """Return the present version."""

    def changes(self, seq: int) -> Changes:
        """Return which rows changed after a version."""


class RowChanges:
    """Whether what was read of a row is still what the catalogue has.

    Keeps, of each row changed since a version (the base), the version by which it had; what
    was read before the base is judged by reading more of the journal, once.

    Parameters
    ----------
    catalog : Versioned
    """

    def __init__(self, catalog: Versioned) -> None:
        self._catalog = catalog
        self._base = self._seen = catalog.version().seq
        self._changed: dict[int, int] = {}

    def current(self, row: int, seq: int, *, exactly: bool = False) -> bool:
        """Return whether a row is as it was at a version.

        Parameters
        ----------
        row, seq : int
        exactly : bool
            Whether any change at all counts, not only one of this row.
        """
        now = self._catalog.version().seq
        if seq == now or exactly:
            return seq == now
        if now != self._seen:
            self._read_changes()
        if seq > self._seen or (seq < self._base and not self._extend(seq)):
            return False
        return self._changed.get(row, 0) <= seq

    def _read_changes(self) -> None:
        changes = self._catalog.changes(self._seen)
        if changes.rows is None or len(self._changed) + len(changes.rows) > _ROWS_KEPT:
            self._base, self._changed = changes.seq, {}
        else:
            # As of the newest: a value read in between is loaded once more than need be.
            self._changed.update(dict.fromkeys(changes.rows.tolist(), changes.seq))
        self._seen = changes.seq

    def _extend(self, seq: int) -> bool:
        """Move the base back to a version that the journal still reaches."""
        changes = self._catalog.changes(seq)
        if changes.rows is None or len(changes.rows) > _ROWS_KEPT:
            return False
        for row in changes.rows.tolist():
            self._changed.setdefault(row, self._base)
        self._base = seq
        return True
