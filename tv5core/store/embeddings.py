"""Vectors on disk: float32 as given, by space and row, with a checksum from format 5 on.

A space is one version of the embedding. A new one is filled while the present one is
served, and taken over in one transaction. The numbers of second spaces begin at ``SECOND``.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tv5core.errors import CorruptFileError
from tv5core.store.checked_values import CHECKSUM_BYTES, body_of, is_intact, with_checksum
from tv5core.store.environment import Environment
from tv5core.store.transaction import Txn

__all__ = [
    "SECOND",
    "Gathered",
    "bytes_of",
    "delete",
    "drop_spaces",
    "equals",
    "gather",
    "get",
    "has_other_spaces",
    "is_checked",
    "key",
    "misplaced",
    "problem",
    "put",
    "put_bytes",
    "put_or_delete",
    "rows",
    "rows_from",
    "space_and_row",
    "vector_bytes",
]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_KEY = struct.Struct(">IQ")
_STORED = np.dtype("<f4")  # made once: NumPy parses the name at each use
_DROP_BATCH = 4096

SECOND = 1 << 31
"""The lowest number of a second space: first ones never get there."""

key = _KEY.pack


class Gathered(NamedTuple):
    """Some rows' vectors.

    Attributes
    ----------
    rows : int64[m]
        Those that have a vector.
    vectors : float32[m, dim]
    absent : int64[l]
        Those that have none.
    damaged : int64[n - m - l]
        Those whose vector is not what was stored, or is none.
    """

    rows: I64
    vectors: F32
    absent: I64
    damaged: I64


def put(txn: Txn, space: int, row: int, vector: F32) -> None:
    """Store one vector, float32[dim]."""
    put_bytes(txn, space, row, vector.astype(_STORED, copy=False).tobytes())


def put_bytes(txn: Txn, space: int, row: int, data: bytes) -> None:
    """Store one vector, given as the bytes of its little-endian float32."""
    where = key(space, row)
    txn.raw.put(where, with_checksum(where, data), db=txn.dbs.vectors)


def delete(txn: Txn, space: int, row: int) -> bool:
    """Remove one vector; return whether there was one."""
    return txn.raw.delete(key(space, row), db=txn.dbs.vectors)


def put_or_delete(txn: Txn, space: int, row: int, vector: F32 | None) -> None:
    """Store a row's vector, or remove it where it has none."""
    if vector is None:
        delete(txn, space, row)
    else:
        put(txn, space, row, vector)


def get(txn: Txn, space: int, row: int, dim: int) -> F32 | None:
    """Return a copy of one vector, float32[dim].

    Raises
    ------
    CorruptFileError
        What is stored is not that vector.
    """
    where = key(space, row)
    data = txn.raw.get(where, db=txn.dbs.vectors)
    if data is None:
        return None
    intact = is_checked(data, dim) and is_intact(where, data)
    if not intact and (wrong := problem(space, row, bytes(data), dim)):
        raise CorruptFileError(f"row {row}: {wrong}; repair the catalogue")
    return np.frombuffer(data, _STORED, dim).astype(np.float32)


def equals(txn: Txn, space: int, row: int, vector: F32) -> bool:
    """Return whether a row's stored vector is exactly this one, and intact."""
    where = key(space, row)
    data = txn.raw.get(where, db=txn.dbs.vectors)
    given = vector.astype(_STORED, copy=False).tobytes()
    return data is not None and bytes(data) in (given, with_checksum(where, given))


def bytes_of(txn: Txn, space: int, row: int) -> bytes | None:
    """Return what is stored as a row's vector, whether it is one or not."""
    data = txn.raw.get(key(space, row), db=txn.dbs.vectors)
    return None if data is None else bytes(data)


def space_and_row(where: bytes) -> tuple[int, int]:
    """Return what a key stands for.

    Raises
    ------
    CorruptFileError
        It is no key of a vector.
    """
    if len(where) != _KEY.size:
        raise CorruptFileError(f"expected a key of a vector of 12 bytes, got {where!r}")
    space, row = _KEY.unpack(where)
    return space, row


def is_checked(data: bytes | memoryview, dim: int) -> bool:
    """Return whether what is stored has the length of a vector with a checksum."""
    return len(data) == 4 * dim + CHECKSUM_BYTES


def vector_bytes(data: bytes, dim: int) -> bytes:
    """Return the bytes of the float32 in what is stored."""
    return data[: 4 * dim]


def problem(space: int, row: int, data: bytes, dim: int) -> str:
    """Say what is wrong with what is stored as a row's vector; ``""`` where nothing is."""
    if is_checked(data, dim):
        where = key(space, row)
        try:
            body_of(where, data, "a vector")
        except CorruptFileError as error:
            return str(error)
    elif len(data) != 4 * dim:
        return f"expected a vector of {4 * dim} bytes, got {len(data)}"
    vector = np.frombuffer(vector_bytes(data, dim), "<f4")
    return "" if _have_directions(vector[None])[0] else "expected a finite vector other than zero"


def _have_directions(vectors: F32) -> npt.NDArray[np.bool_]:
    """Return which rows are finite and other than zero."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", vectors, vectors)
        return np.asarray((squares > 0) & (squares < np.inf))


def gather(txn: Txn, space: int, requested: I64, dim: int) -> Gathered:
    """Return copies of several vectors; those that are damaged are named and left out."""
    get_value, vectors, size = txn.raw.get, txn.dbs.vectors, 4 * dim
    rows: list[int] = []
    bodies: list[memoryview] = []
    absent: list[int] = []
    damaged: list[int] = []
    unchecked = False
    for row in requested.tolist():
        where = key(space, row)
        value = get_value(where, db=vectors)
        if value is None:
            absent.append(row)
        elif len(value) == size or (
            len(value) == size + CHECKSUM_BYTES and is_intact(where, value)
        ):
            unchecked |= len(value) == size
            rows.append(row)
            bodies.append(value[:size])
        else:
            damaged.append(row)
    matrix = np.frombuffer(b"".join(bodies), _STORED).reshape(len(rows), dim)
    found = np.asarray(rows, np.int64)
    if unchecked:
        sound = _have_directions(matrix)
        damaged += found[~sound].tolist()
        found, matrix = found[sound], matrix[sound]
    return Gathered(found, matrix.astype(np.float32, copy=False), _sorted(absent), _sorted(damaged))


def _sorted(rows: list[int]) -> I64:
    return np.asarray(sorted(rows), np.int64)


def rows(txn: Txn, space: int) -> I64:
    """Return all rows with a vector in a space, ascending."""
    found = bytearray()
    with txn.raw.cursor(txn.dbs.vectors) as cursor:
        more = cursor.set_range(key(space, 0))
        end = key(space + 1, 0)
        while more and (here := bytes(cursor.key())) < end:
            space_and_row(here)
            found += here[4:]
            more = cursor.next()
    return np.frombuffer(bytes(found), ">u8").astype(np.int64)


def rows_from(txn: Txn, space: int, start: int, count: int) -> I64:
    """Return the first rows from ``start`` on with a vector in a space, ascending."""
    found: list[int] = []
    with txn.raw.cursor(txn.dbs.vectors) as cursor:
        more = cursor.set_range(key(space, start))
        while more and len(found) < count:
            here, row = space_and_row(bytes(cursor.key()))
            if here != space:
                break
            found.append(row)
            more = cursor.next()
    return np.asarray(found, np.int64)


def drop_spaces(environment: Environment, keep: Collection[int]) -> int:
    """Delete the vectors of every other space, in bounded transactions; return how many."""
    dropped = 0
    while some := environment.write(lambda txn: _drop_some(txn, keep)):
        dropped += some
    return dropped


def has_other_spaces(txn: Txn, keep: Collection[int]) -> bool:
    """Return whether vectors of another space are left."""
    with txn.raw.cursor(txn.dbs.vectors) as cursor:
        more = cursor.first()
        while more:
            space = _KEY.unpack(cursor.key())[0]
            if space not in keep:
                return True
            more = cursor.set_range(key(space + 1, 0)) if space + 1 < 1 << 32 else False
    return False


def misplaced(txn: Txn, spaces: Collection[int]) -> list[tuple[bytes, int, int]]:
    """Return the keys elsewhere whose vectors belong into some spaces, with space and row.

    A flipped bit of the key moves a vector there, but its checksum still covers the right one.
    """
    found: list[tuple[bytes, int, int]] = []
    with txn.raw.cursor(txn.dbs.vectors) as cursor:
        for where, value in cursor:
            here = bytes(where)
            other, row = space_and_row(here)
            if other in spaces or is_intact(here, value):
                continue
            found += [(here, s, row) for s in spaces if is_intact(key(s, row), value)]
    return found


def _drop_some(txn: Txn, keep: Collection[int]) -> int:
    dropped, ends = 0, sorted(keep)
    starts = [b"", *(key(space + 1, 0) for space in ends)]
    with txn.raw.cursor(txn.dbs.vectors) as cursor:
        for start, end in zip(starts, [*(key(space, 0) for space in ends), None], strict=True):
            more = cursor.set_range(start) if start else cursor.first()
            while more and dropped < _DROP_BATCH and (end is None or bytes(cursor.key()) < end):
                # It says True also where nothing comes after, with an empty key then.
                more = cursor.delete() and len(cursor.key()) > 0
                dropped += 1
    return dropped
