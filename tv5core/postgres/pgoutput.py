"""Messages of PostgreSQL's plugin ``pgoutput``, protocol 1, decoded.

The layout is that of "Logical Replication Message Formats" in PostgreSQL's manual.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tv5core.errors import PostgresError

__all__ = ["UNCHANGED", "Begin", "Change", "Columns", "Commit", "Relation", "Truncate", "decode"]

UNCHANGED = b"\0"
"""Stands for a value that an update left as it was and that is stored apart (TOAST)."""
Columns: TypeAlias = "list[str | bytes | None]"

_EPOCH_S = 946_684_800  # PostgreSQL counts from 2000
_BEGIN = struct.Struct(">QqI")
_COMMIT = struct.Struct(">BQQq")
_INT = struct.Struct(">I")
_SHORT = struct.Struct(">H")


@dataclass(frozen=True)
class Begin:
    """A transaction begins: its number, and when it was committed, in Unix seconds."""

    xid: int
    committed_s: float


@dataclass(frozen=True)
class Commit:
    """A transaction ends at this position of the log."""

    end: int


@dataclass(frozen=True)
class Relation:
    """A table as it is at this point of the log: its columns and their types."""

    id: int
    name: str
    columns: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Change:
    """A row inserted (no old), updated, or deleted (no new); old has its key where that changed."""

    relation: int
    old: Columns | None
    new: Columns | None


@dataclass(frozen=True)
class Truncate:
    """Tables emptied."""

    relations: tuple[int, ...]


Message: TypeAlias = "Begin | Commit | Relation | Change | Truncate"


def decode(data: bytes) -> Message | None:
    """Decode a message; None for one of a kind that changes no title.

    Raises
    ------
    PostgresError
        It ends too early.
    """
    try:
        reader = _DECODERS.get(data[:1])
        return None if reader is None else reader(data)
    except (struct.error, IndexError, UnicodeDecodeError, ValueError) as error:
        raise PostgresError(
            f"expected a whole message of pgoutput, got {len(data)} bytes of kind {data[:1]!r}"
        ) from error


def _begin(data: bytes) -> Begin:
    _, microseconds, xid = _BEGIN.unpack_from(data, 1)
    return Begin(xid, _EPOCH_S + microseconds / 1e6)


def _commit(data: bytes) -> Commit:
    return Commit(_COMMIT.unpack_from(data, 1)[2])


def _relation(data: bytes) -> Relation:
    (number,) = _INT.unpack_from(data, 1)
    schema, at = _text(data, 5)
    name, at = _text(data, at)
    (count,) = _SHORT.unpack_from(data, at + 1)
    at += 3
    columns = []
    for _ in range(count):
        column, at = _text(data, at + 1)
        columns.append((column, int(_INT.unpack_from(data, at)[0])))
        at += 8
    return Relation(number, f"{schema or 'pg_catalog'}.{name}", tuple(columns))


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(0, at)
    return data[at:end].decode(), end + 1


def _change(data: bytes) -> Change:
    (relation,) = _INT.unpack_from(data, 1)
    old: Columns | None = None
    new: Columns | None = None
    at = 5
    while at < len(data):
        kind = data[at : at + 1]
        values, at = _tuple(data, at + 1)
        if kind == b"N":
            new = values
        else:
            old = values
    return Change(relation, old, new)


def _tuple(data: bytes, at: int) -> tuple[Columns, int]:
    (count,) = _SHORT.unpack_from(data, at)
    at += 2
    values: Columns = []
    for _ in range(count):
        kind = data[at : at + 1]
        at += 1
        if kind == b"t":
            (size,) = _INT.unpack_from(data, at)
            at += 4
            if at + size > len(data):
                raise ValueError
            values.append(data[at : at + size].decode())
            at += size
        elif kind in (b"n", b"u"):
            values.append(None if kind == b"n" else UNCHANGED)
        else:
            raise ValueError
    return values, at


def _truncate(data: bytes) -> Truncate:
    (count,) = _INT.unpack_from(data, 1)
    return Truncate(tuple(_INT.unpack_from(data, 6 + 4 * n)[0] for n in range(count)))


_DECODERS: dict[bytes, Callable[[bytes], Message]] = {
    b"B": _begin,
    b"C": _commit,
    b"R": _relation,
    b"I": _change,
    b"U": _change,
    b"D": _change,
    b"T": _truncate,
}
