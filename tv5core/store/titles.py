"""Titles on disk: by row, with their ids and aliases.

``titles``   row (uint64, big-endian) -> version byte, CRC-32 of the rest, msgpack map
``pending``  row -> CRC-32 of its key, nothing before format 5: the title waits to be embedded

Beside them is what is derived from titles, ids and aliases included; see ``derived``.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

import lmdb
import msgspec

from tv5core.errors import CorruptFileError, FormatVersionError, InvalidInputError
from tv5core.store.checked_values import is_intact, with_checksum
from tv5core.store.derived import MAX_KEY_BYTES, key_of
from tv5core.store.transaction import Txn
from tv5core.types import Title

__all__ = [
    "MAX_ID_BYTES",
    "StoredTitle",
    "body",
    "by_row",
    "bytes_of",
    "check_title",
    "check_version",
    "count",
    "decode",
    "delete",
    "encode",
    "find",
    "find_alias",
    "framed",
    "ids_after",
    "ids_of",
    "is_checked",
    "is_pending",
    "load",
    "pending_count",
    "pending_problem",
    "pending_rows",
    "put",
    "readable",
    "row_key",
    "rows_after",
    "set_pending",
]

VERSION = 2
MAX_ID_BYTES = MAX_KEY_BYTES

_VERSION_BYTE = bytes([VERSION])
_UNCHECKED_BYTE = bytes([1])  # of catalogues of format 1: no checksum
_CHECKSUM = struct.Struct("<I")
_HEAD = struct.Struct("<BI")  # version, CRC-32 of the rest
_HEAD_BYTES = _HEAD.size
_ROW = struct.Struct(">Q")
# Sorted keys, so that equal titles have equal bytes.
_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(Title)

row_key = _ROW.pack


class StoredTitle(NamedTuple):
    """A title with its row and its bytes on disk."""

    row: int
    data: bytes
    title: Title


# -- bytes --------------------------------------------------------------------------------


def encode(title: Title) -> bytes:
    """Turn a title into the bytes stored for it; equal titles give equal bytes."""
    return framed(_encoder.encode(title))


def framed(body: bytes) -> bytes:
    """Return the bytes to store for an encoded title."""
    return _VERSION_BYTE + _CHECKSUM.pack(zlib.crc32(body)) + body


def body(data: bytes) -> bytes:
    """Return the encoded title within the bytes stored for it."""
    return data[1:] if data[:1] == _UNCHECKED_BYTE else data[_HEAD_BYTES:]


def is_checked(data: bytes) -> bool:
    """Return whether the bytes stored for a title have a checksum."""
    return data[:1] == _VERSION_BYTE


def decode(data: memoryview | bytes) -> Title:
    """Restore a title.

    Raises
    ------
    FormatVersionError
        A newer tv5core wrote it.
    CorruptFileError
        The bytes are no title, or not those that were stored.
    """
    body = data[_HEAD_BYTES:]
    # In one comparison, because each answer of a search passes through here.
    if len(data) < _HEAD_BYTES or _HEAD.unpack_from(data) != (VERSION, zlib.crc32(body)):
        body = _unchecked_body(data)
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CorruptFileError(f"expected a stored title, got {error}") from error


def _unchecked_body(data: memoryview | bytes) -> memoryview | bytes:
    """Return the encoded title of a catalogue of format 1; refuse everything else."""
    version = bytes(data[:1])
    if version == _UNCHECKED_BYTE:
        return data[1:]
    if version != _VERSION_BYTE:
        _refuse_version(version, data)
    stored, got = bytes(data[1:_HEAD_BYTES])[::-1].hex(), zlib.crc32(data[_HEAD_BYTES:])
    raise CorruptFileError(f"expected a title of checksum {stored}, got {got:08x}")


def _refuse_version(got: bytes, data: memoryview | bytes) -> NoReturn:
    if not got or got[0] < VERSION:
        raise CorruptFileError(f"expected a title of version {VERSION}, got {got!r}")
    # Of a later version the checksum covers the version byte, too: see FORMAT.md.
    if len(data) >= _HEAD_BYTES and _HEAD.unpack_from(data)[1] == zlib.crc32(data[_HEAD_BYTES:]):
        raise CorruptFileError(
            f"expected a title of version {VERSION}, got one of {got[0]} with its checksum"
        )
    raise FormatVersionError(
        f"expected a title of version {VERSION} or less, got {got[0]}: "
        "a newer tv5core wrote this catalogue"
    )


def check_version(txn: Txn) -> None:
    """Raise FormatVersionError where a newer tv5core wrote the first or the last title.

    A new version of titles comes with a new format of the catalogue; this is for a
    catalogue in which that was forgotten. A title that is damaged is none of a newer version.
    """
    with txn.raw.cursor(txn.dbs.titles) as cursor:
        for move in (cursor.first, cursor.last):
            data = cursor.value() if move() else b""
            if data and data[0] > VERSION:
                _check_not_newer(data)


def _check_not_newer(data: memoryview | bytes) -> None:
    try:
        decode(data)
    except FormatVersionError:
        raise
    except CorruptFileError:
        return


def check_title(title: Title, place: int) -> bytes:
    """Return the bytes of a title to store, or say what is wrong with it.

    Parameters
    ----------
    title : Title
        Its constructor checks no types, so they are checked here.
    place : int
        Position in the caller's list, for the message.

    Raises
    ------
    InvalidInputError
    """
    if not isinstance(title, Title):
        raise InvalidInputError(f"expected a Title at {place}, got {type(title).__name__}")
    _check_id(title.id, place)
    try:
        data = encode(title)
        _decoder.decode(memoryview(data)[_HEAD_BYTES:])
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidInputError(
            f"expected a valid Title at {place} ({title.id}), got one where: {error}"
        ) from error
    return data


def _check_id(id: object, place: int) -> None:
    if type(id) is str and id.isascii() and id.isprintable() and 1 <= len(id) <= MAX_ID_BYTES:
        return  # the common case
    if not isinstance(id, str):
        raise InvalidInputError(f"expected a text id at {place}, got {type(id).__name__}")
    try:
        size = len(id.encode())
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"expected a UTF-8 id at {place}, got {error}") from error
    if not 1 <= size <= MAX_ID_BYTES:
        raise InvalidInputError(
            f"expected an id of 1 to {MAX_ID_BYTES} bytes at {place}, got {size}"
        )
    if any(c < " " or "\x7f" <= c <= "\x9f" for c in id):
        raise InvalidInputError(f"expected an id without control characters at {place}, got {id!r}")


# -- looking up ---------------------------------------------------------------------------


def find(txn: Txn, id: str) -> int | None:
    """Return the row of an id."""
    raw = txn.raw.get(key_of(id), db=txn.dbs.derived["ids"])
    return None if raw is None else int(_ROW.unpack(raw)[0])


def find_alias(txn: Txn, alias: str) -> list[int]:
    """Return the rows that carry an alias, in order."""
    rows: list[int] = []
    with txn.raw.cursor(txn.dbs.derived["aliases"]) as cursor:
        found = cursor.set_key(key_of(alias))
        while found:
            rows.append(_ROW.unpack(cursor.value())[0])
            found = cursor.next_dup()
    return rows


def by_row(txn: Txn, row: int) -> Title | None:
    """Return the title in a row."""
    data = txn.raw.get(row_key(row), db=txn.dbs.titles)
    return None if data is None else decode(data)


def readable(txn: Txn, row: int) -> Title | None:
    """Return the title in a row; None also where a damaged one cannot be decoded."""
    try:
        return by_row(txn, row)
    except FormatVersionError:
        raise
    except CorruptFileError:
        return None


def bytes_of(txn: Txn, row: int) -> bytes | None:
    """Return the bytes in a row, whether they are a title's or not."""
    data = txn.raw.get(row_key(row), db=txn.dbs.titles)
    return None if data is None else bytes(data)


def ids_of(txn: Txn, row: int) -> list[str]:
    """Return the ids that lead to a row, by looking at all of them."""
    value = row_key(row)
    with txn.raw.cursor(txn.dbs.derived["ids"]) as cursor:
        return [str(key, "utf-8", "replace") for key, got in cursor if got == value]


def load(txn: Txn, row: int) -> StoredTitle | None:
    """Return the title in a row with its bytes."""
    data = txn.raw.get(row_key(row), db=txn.dbs.titles)
    return None if data is None else StoredTitle(row, bytes(data), decode(data))


def count(txn: Txn) -> int:
    """Count titles."""
    return txn.raw.stat(txn.dbs.titles)["entries"]


def rows_after(txn: Txn, row: int, limit: int) -> list[int]:
    """Return up to ``limit`` rows of titles above ``row`` (-1 for the first), in order."""
    return [_ROW.unpack(k)[0] for k in _keys_from(txn, txn.dbs.titles, row_key(row + 1), limit)]


def pending_rows(txn: Txn, row: int, limit: int) -> list[int]:
    """Return up to ``limit`` rows above ``row`` that wait to be embedded."""
    return [_ROW.unpack(k)[0] for k in _keys_from(txn, txn.dbs.pending, row_key(row + 1), limit)]


def is_pending(txn: Txn, row: int) -> bool:
    """Return whether a row waits to be embedded."""
    return txn.raw.get(row_key(row), db=txn.dbs.pending) is not None


def pending_problem(txn: Txn, row: int) -> str:
    """Say what is wrong with a row's pending mark; ``""`` where nothing is."""
    key = row_key(row)
    value = txn.raw.get(key, db=txn.dbs.pending)
    if value is not None and len(value) and not is_intact(key, value):
        return "expected a pending mark with the checksum of its row, got another"
    gone = txn.raw.get(key, db=txn.dbs.titles) is None
    return "marked pending, got no title" if gone else ""


def pending_count(txn: Txn) -> int:
    """Count titles that wait to be embedded."""
    return txn.raw.stat(txn.dbs.pending)["entries"]


def ids_after(txn: Txn, id: str, limit: int) -> list[str]:
    """Return up to ``limit`` ids that sort after ``id`` ("" for the first)."""
    start, ids = id.encode() + b"\0", txn.dbs.derived["ids"]
    return [str(key, "utf-8") for key in _keys_from(txn, ids, start, limit)]


def _keys_from(
    txn: Txn, database: lmdb._Database, start: bytes, limit: int
) -> Iterator[memoryview]:
    with txn.raw.cursor(database) as cursor:
        found = cursor.set_range(start)
        while found and limit > 0:
            yield cursor.key()
            found, limit = cursor.next(), limit - 1


# -- changing -----------------------------------------------------------------------------


def put(txn: Txn, row: int, data: bytes, title: Title, old: Title | None) -> None:
    """Store a title in its row; ``old`` is what the row held before."""
    txn.raw.put(row_key(row), data, db=txn.dbs.titles)
    for member in txn.dbs.members:
        member.change(txn, row, old, title)


def delete(txn: Txn, row: int, title: Title) -> None:
    """Remove a title and everything that leads to it."""
    key = row_key(row)
    txn.raw.delete(key, db=txn.dbs.titles)
    txn.raw.delete(key, db=txn.dbs.pending)
    for member in txn.dbs.members:
        member.change(txn, row, title, None)


def set_pending(txn: Txn, row: int, *, pending: bool) -> None:
    """Note that a row waits to be embedded, or no longer does."""
    if pending:
        key = row_key(row)
        txn.raw.put(key, with_checksum(key, b""), db=txn.dbs.pending)
    else:
        txn.raw.delete(row_key(row), db=txn.dbs.pending)
