"""Entries of the disk tier and their indexes, within one transaction.

=============  =======================================================================
database       content
=============  =======================================================================
``entries``    kind, key -> header and entry, see ``tv5core.cache.disk.entry_codec``
``expiry``     expiry in ms (uint64, big-endian), entry key -> nothing
``tags``       digest of a tag, entry key -> nothing
``log``        number (uint64, big-endian) -> invalidation, in msgpack
``meta``       the format, leases and checkpoints
=============  =======================================================================
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import lmdb

from tv5core.cache.disk.entry_codec import expires_ms_of, tag_prefix, tags_of
from tv5core.cache.disk.environment import Txn

__all__ = ["delete", "delete_all", "delete_prefix", "first_to_expire", "put"]

_U64 = struct.Struct(">Q")


def put(txn: Txn, key: bytes, data: bytes, expires_ms: int, tags: Iterable[str]) -> None:
    """Store an entry and its index rows, in place of a previous one."""
    delete(txn, key)
    txn.raw.put(key, data, db=txn.dbs.entries)
    txn.raw.put(_U64.pack(expires_ms) + key, b"", db=txn.dbs.expiry)
    for tag in tags:
        txn.raw.put(tag_prefix(tag) + key, b"", db=txn.dbs.tags)


def delete(txn: Txn, key: bytes) -> bool:
    """Delete an entry and its index rows; return whether there was one."""
    data = txn.raw.get(key, db=txn.dbs.entries)
    if data is None:
        return False
    expires_ms = expires_ms_of(data)
    if expires_ms is not None:
        txn.raw.delete(_U64.pack(expires_ms) + key, db=txn.dbs.expiry)
        for tag in tags_of(data):
            txn.raw.delete(tag_prefix(tag) + key, db=txn.dbs.tags)
    txn.raw.delete(key, db=txn.dbs.entries)
    return True


def delete_prefix(txn: Txn, database: lmdb._Database, prefix: bytes, limit: int) -> int:
    """Delete up to ``limit`` entries whose row in a database has a prefix; return how many.

    Parameters
    ----------
    database : handle
        ``entries`` (the row is the entry's key) or ``tags`` (the key follows the prefix).
    """
    cut = 0 if database is txn.dbs.entries else len(prefix)
    rows = _rows(txn, database, prefix, limit)
    for row in rows:
        # A row without an entry is deleted, too.
        if not delete(txn, row[cut:]) or cut:
            txn.raw.delete(row, db=database)
    return len(rows)


def _rows(txn: Txn, database: lmdb._Database, prefix: bytes, limit: int) -> list[bytes]:
    rows: list[bytes] = []
    with txn.raw.cursor(database) as cursor:
        more = cursor.set_range(prefix)
        while more and len(rows) < limit:
            row = bytes(cursor.key())
            if not row.startswith(prefix):
                break
            rows.append(row)
            more = cursor.next()
    return rows


def first_to_expire(
    txn: Txn, limit: int, before_ms: int | None = None
) -> list[tuple[bytes, bytes]]:
    """Return the index rows and keys of the entries that expire first.

    Parameters
    ----------
    limit : int
    before_ms : int, optional
        Only entries that expire before this.
    """
    found: list[tuple[bytes, bytes]] = []
    for row in _rows(txn, txn.dbs.expiry, b"", limit):
        if before_ms is not None and _U64.unpack_from(row)[0] >= before_ms:
            break
        found.append((row, row[8:]))
    return found


def delete_all(txn: Txn) -> None:
    """Delete every entry; the log stays, since other processes follow it."""
    for database in (txn.dbs.entries, txn.dbs.expiry, txn.dbs.tags):
        txn.raw.drop(database, delete=False)
