"""Which rows changed, in order: ``seq`` (uint64, big-endian) -> the rows of one transaction.

The journal says where to look, not what happened: a replay brings each row to its *current*
value, so replaying twice, or from too early, is harmless. An entry lists rows whose vector changed
apart from rows of which only the title did, because an index follows only the former.

What many transactions changed is the union of what each did, so a journal that has grown long is
folded: its older entries become one, under the number of the last of them. The record keeps where
that one begins (``journal_from``). So a journal stays short however often the same rows change.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.errors import CorruptFileError
from tv5core.store.checked_values import CHECKSUM_BYTES, body_of, with_checksum
from tv5core.store.environment import Environment
from tv5core.store.meta import Meta
from tv5core.store.transaction import Txn

__all__ = [
    "append",
    "begin",
    "count",
    "entries_after",
    "entry",
    "first_seq",
    "fold",
    "is_checked",
    "last_seq",
    "rows_after",
    "trim",
]

I64 = npt.NDArray[np.int64]

_SEQ = struct.Struct(">Q")
_TRIM_BATCH = 1024
FOLD_ENTRIES = 10_000
"""Entries from which the journal is folded: some 50 ms, once in so many transactions."""
KEPT_ENTRIES = 1_000
"""The newest, left as they are: readers in step need not look at rows they know."""
FORGET_ROWS = 100_000
"""Rows an entry may name that no generation waits for, before readers must reopen instead."""


def append(txn: Txn, seq: int, vectors: Sequence[int], titles: Sequence[int]) -> None:
    """Note the rows one transaction changed.

    Parameters
    ----------
    seq : int
        The entry's number.
    vectors : sequence of int
        Rows whose vector was stored, replaced or removed.
    titles : sequence of int
        Rows of which only the title was.
    """
    key, body = _SEQ.pack(seq), np.asarray([len(vectors), *vectors, *titles], "<u8").tobytes()
    txn.raw.put(key, with_checksum(key, body), db=txn.dbs.journal)


def first_seq(txn: Txn) -> int | None:
    """Return the oldest entry kept."""
    with txn.raw.cursor(txn.dbs.journal) as cursor:
        return int(_SEQ.unpack(cursor.key())[0]) if cursor.first() else None


def last_seq(txn: Txn) -> int | None:
    """Return the newest entry kept."""
    with txn.raw.cursor(txn.dbs.journal) as cursor:
        return int(_SEQ.unpack(cursor.key())[0]) if cursor.last() else None


def count(txn: Txn) -> int:
    """Count entries."""
    return txn.raw.stat(txn.dbs.journal)["entries"]


def begin(txn: Txn, meta: Meta) -> int | None:
    """Return the first entry the journal covers, folded or not; None where it is empty."""
    first = first_seq(txn)
    return first if first is None or not meta.journal_from else meta.journal_from


def rows_after(txn: Txn, seq: int, meta: Meta, *, titles: bool = False) -> I64 | None:
    """Return the rows changed after ``seq``, each once, or None where entries are missing.

    An entry that is not what was stored raises CorruptFileError: nobody knows what it named.

    Where ``seq`` is within a folded entry, rows that changed before are among them.

    Parameters
    ----------
    seq : int
        The last entry already applied.
    meta : Meta
        The record as the transaction sees it.
    titles : bool
        Whether to include rows of which only the title changed.
    """
    if seq + 1 >= meta.next_seq:
        return np.empty(0, np.int64)
    first = begin(txn, meta)
    if first is None or first > seq + 1:
        return None
    found: list[I64] = []
    with txn.raw.cursor(txn.dbs.journal) as cursor:
        more = cursor.set_range(_SEQ.pack(seq + 1))
        while more:
            found.append(_rows(bytes(cursor.key()), bytes(cursor.value()), titles))
            more = cursor.next()
    return np.unique(np.concatenate(found))


def entries_after(txn: Txn, seq: int) -> Iterator[tuple[int, I64, I64]]:
    """Yield the number of each later entry, and its rows as :func:`entry` returns them."""
    with txn.raw.cursor(txn.dbs.journal) as cursor:
        more = cursor.set_range(_SEQ.pack(seq + 1))
        while more:
            key = bytes(cursor.key())
            yield int(_SEQ.unpack(key)[0]), *entry(key, bytes(cursor.value()))
            more = cursor.next()


def _rows(key: bytes, value: bytes, titles: bool) -> I64:
    vectors, others = entry(key, value)
    return np.concatenate([vectors, others]) if titles else vectors


def is_checked(value: bytes) -> bool:
    """Return whether an entry has the length of one with a checksum."""
    return len(value) % 8 == CHECKSUM_BYTES


def entry(key: bytes, value: bytes) -> tuple[I64, I64]:
    """Return the rows whose vector changed, and those of which only the title did.

    Raises
    ------
    CorruptFileError
        It is not the entry that was stored.
    """
    if is_checked(value):
        value = body_of(key, value, "a journal entry")
    if len(value) < 8 or len(value) % 8:
        raise CorruptFileError(f"expected a journal entry of whole rows, got {len(value)} bytes")
    numbers = np.frombuffer(value, "<u8").astype(np.int64)
    stop = 1 + int(numbers[0])
    if not 1 <= stop <= len(numbers) or int(numbers.min()) < 0:
        raise CorruptFileError(f"expected a journal entry of {len(numbers) - 1} rows, got others")
    return numbers[1:stop], numbers[stop:]


def fold(txn: Txn, meta: Meta, *, keep: int | None = None, forget: bool = False) -> Meta:
    """Make one entry of all but the newest; return the record that goes with it.

    Parameters
    ----------
    keep : int, optional
        How many to leave as they are; ``KEPT_ENTRIES`` if left out.
    forget : bool
        Whether to drop the entry where it names more rows than ``FORGET_ROWS`` and than twice
        the titles there are: a reader that is behind must then look at all rows.
    """
    first = begin(txn, meta)
    last = meta.last_seq - (KEPT_ENTRIES if keep is None else keep)
    if first is None or first_seq(txn) == last or first > last:
        return meta
    vectors, others = _taken(txn, last)
    many = max(FORGET_ROWS, 2 * txn.raw.stat(txn.dbs.titles)["entries"])
    if forget and len(vectors) + len(others) > many:
        return msgspec.structs.replace(meta, journal_from=0)
    append(txn, last, vectors.tolist(), others.tolist())
    return msgspec.structs.replace(meta, journal_from=first)


def _taken(txn: Txn, last: int) -> tuple[I64, I64]:
    """Delete the entries up to ``last``; return the rows whose vector changed, and the others."""
    vectors: list[I64] = [np.empty(0, np.int64)]
    others: list[I64] = [np.empty(0, np.int64)]
    with txn.raw.cursor(txn.dbs.journal) as cursor:
        while cursor.first() and _SEQ.unpack(cursor.key())[0] <= last:
            some = entry(bytes(cursor.key()), bytes(cursor.value()))
            vectors.append(some[0])
            others.append(some[1])
            cursor.delete()
    changed = np.unique(np.concatenate(vectors))
    return changed, np.setdiff1d(np.concatenate(others), changed)


def trim(environment: Environment, seq: int) -> None:
    """Drop the entries up to and including ``seq``, in bounded transactions.

    The record's ``journal_from`` must name none of them.
    """
    with environment.read() as txn:
        first = first_seq(txn)
    if first is None or first > seq:
        return
    while environment.write(lambda txn: _trim_some(txn, seq)):
        pass


def _trim_some(txn: Txn, seq: int) -> bool:
    with txn.raw.cursor(txn.dbs.journal) as cursor:
        for _ in range(_TRIM_BATCH):
            if not cursor.first() or _SEQ.unpack(cursor.key())[0] > seq:
                return False
            cursor.delete()
    return True
