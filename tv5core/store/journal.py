"""Which rows changed, in order: ``seq`` (uint64, big-endian) -> the rows of one transaction.

The journal says where to look, not what happened: whoever replays it brings each row to its
*current* value, so replaying twice, or from too early, does no harm. Rows whose vector changed
are told from those of which only the title did, because an index follows the former alone.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tv5core.errors import CorruptFileError
from tv5core.store.environment import Environment, Txn

__all__ = ["append", "first_seq", "last_seq", "rows_after", "trim"]

I64 = npt.NDArray[np.int64]

_SEQ = struct.Struct(">Q")
_TRIM_BATCH = 1024


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
    value = np.asarray([len(vectors), *vectors, *titles], "<u8").tobytes()
    txn.raw.put(_SEQ.pack(seq), value, db=txn.dbs.journal)


def first_seq(txn: Txn) -> int | None:
    """Return the oldest entry kept."""
    with txn.raw.cursor(txn.dbs.journal) as cursor:
        return int(_SEQ.unpack(cursor.key())[0]) if cursor.first() else None


def last_seq(txn: Txn) -> int | None:
    """Return the newest entry kept."""
    with txn.raw.cursor(txn.dbs.journal) as cursor:
        return int(_SEQ.unpack(cursor.key())[0]) if cursor.last() else None


def rows_after(txn: Txn, seq: int, next_seq: int, *, titles: bool = False) -> I64 | None:
    """Return the rows changed after ``seq``, each once, or None where entries are missing.

    Parameters
    ----------
    seq : int
        The last entry already applied.
    next_seq : int
        The number the next entry will get.
    titles : bool
        Whether to include rows of which only the title changed.
    """
    if seq + 1 >= next_seq:
        return np.empty(0, np.int64)
    first = first_seq(txn)
    if first is None or first > seq + 1:
        return None
    found: list[I64] = []
    with txn.raw.cursor(txn.dbs.journal) as cursor:
        more = cursor.set_range(_SEQ.pack(seq + 1))
        while more:
            found.append(_rows(cursor.value(), titles))
            more = cursor.next()
    return np.unique(np.concatenate(found))


def _rows(value: memoryview, titles: bool) -> I64:
    if len(value) < 8 or len(value) % 8:
        raise CorruptFileError(f"expected a journal entry of whole rows, got {len(value)} bytes")
    numbers = np.frombuffer(bytes(value), "<u8").astype(np.int64)
    return numbers[1:] if titles else numbers[1 : 1 + int(numbers[0])]


def trim(environment: Environment, seq: int) -> None:
    """Drop the entries up to and including ``seq``, in bounded transactions."""
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
