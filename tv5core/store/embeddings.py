"""Vectors on disk: float32 as given, by space and row.

A space is one version of the embedding. A new one is filled while the present one is
served, and taken over in one transaction.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tv5core.errors import CorruptFileError
from tv5core.store.environment import Environment
from tv5core.store.transaction import Txn

__all__ = [
    "Gathered",
    "bytes_of",
    "delete",
    "drop_spaces",
    "equals",
    "gather",
    "get",
    "has_other_spaces",
    "is_sound",
    "put",
    "put_bytes",
    "put_or_delete",
    "rows",
]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_KEY = struct.Struct(">IQ")
_DROP_BATCH = 4096

key = _KEY.pack


class Gathered(NamedTuple):
    """Some rows' vectors.

    Attributes
    ----------
    rows : int64[m]
        Those that have a vector.
    vectors : float32[m, dim]
    absent : int64[n - m]
        Those that have none.
    """

    rows: I64
    vectors: F32
    absent: I64


def put(txn: Txn, space: int, row: int, vector: F32) -> None:
    """Store one vector, float32[dim]."""
    txn.raw.put(key(space, row), vector.astype("<f4", copy=False).tobytes(), db=txn.dbs.vectors)


def put_bytes(txn: Txn, space: int, row: int, data: bytes) -> None:
    """Store one vector in its form on disk."""
    txn.raw.put(key(space, row), data, db=txn.dbs.vectors)


def delete(txn: Txn, space: int, row: int) -> bool:
    """Remove one vector; return whether there was one."""
    return txn.raw.delete(key(space, row), db=txn.dbs.vectors)


def put_or_delete(txn: Txn, space: int, row: int, vector: F32 | None) -> None:
    """Store a row's vector, or remove it where it has none."""
    if vector is None:
        delete(txn, space, row)
    else:
        put(txn, space, row, vector)


def get(txn: Txn, space: int, row: int) -> F32 | None:
    """Return a copy of one vector, float32[dim]."""
    data = txn.raw.get(key(space, row), db=txn.dbs.vectors)
    return None if data is None else np.frombuffer(data, "<f4").astype(np.float32)


def equals(txn: Txn, space: int, row: int, vector: F32) -> bool:
    """Return whether a row's stored vector is exactly this one."""
    data = txn.raw.get(key(space, row), db=txn.dbs.vectors)
    return data is not None and bytes(data) == vector.astype("<f4", copy=False).tobytes()


def bytes_of(txn: Txn, space: int, row: int) -> bytes | None:
    """Return what is stored as a row's vector, whether it is one or not."""
    data = txn.raw.get(key(space, row), db=txn.dbs.vectors)
    return None if data is None else bytes(data)


def is_sound(data: bytes, dim: int) -> bool:
    """Return whether what is stored is a vector of that width, finite and with a direction."""
    if len(data) != 4 * dim:
        return False
    vector = np.frombuffer(data, "<f4")
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(0 < float(vector.dot(vector)) < np.inf)


def gather(txn: Txn, space: int, wanted: I64, dim: int) -> Gathered:
    """Return copies of several vectors.

    Raises
    ------
    CorruptFileError
        A stored vector has another width than ``dim``.
    """
    get_value, vectors = txn.raw.get, txn.dbs.vectors
    values = [get_value(key(space, row), db=vectors) for row in wanted.tolist()]
    present = np.fromiter((v is not None for v in values), bool, len(values))
    found = [v for v in values if v is not None]
    if any(len(v) != 4 * dim for v in found):
        raise CorruptFileError(f"expected stored vectors of {dim} dimensions, got others")
    matrix = np.frombuffer(b"".join(found), "<f4").reshape(len(found), dim)
    return Gathered(wanted[present], matrix.astype(np.float32, copy=False), wanted[~present])


def rows(txn: Txn, space: int) -> I64:
    """Return all rows with a vector in a space, ascending."""
    found = bytearray()
    with txn.raw.cursor(txn.dbs.vectors) as cursor:
        more = cursor.set_range(key(space, 0))
        end = key(space + 1, 0)
        while more and (here := bytes(cursor.key())) < end:
            found += here[4:]
            more = cursor.next()
    return np.frombuffer(bytes(found), ">u8").astype(np.int64)


def drop_spaces(environment: Environment, keep: int) -> int:
    """Delete the vectors of every other space, in bounded transactions; return how many."""
    dropped = 0
    while some := environment.write(lambda txn: _drop_some(txn, keep)):
        dropped += some
    return dropped


def has_other_spaces(txn: Txn, keep: int) -> bool:
    """Return whether vectors of another space are left."""
    with txn.raw.cursor(txn.dbs.vectors) as cursor:
        first = cursor.first() and _KEY.unpack(cursor.key())[0] != keep
        return first or (cursor.last() and _KEY.unpack(cursor.key())[0] != keep)


def _drop_some(txn: Txn, keep: int) -> int:
    dropped = 0
    with txn.raw.cursor(txn.dbs.vectors) as cursor:
        for start, end in ((b"", key(keep, 0)), (key(keep + 1, 0), None)):
            more = cursor.set_range(start) if start else cursor.first()
            while more and dropped < _DROP_BATCH and (end is None or bytes(cursor.key()) < end):
                # It says True also where nothing comes after, with an empty key then.
                more = cursor.delete() and len(cursor.key()) > 0
                dropped += 1
    return dropped
