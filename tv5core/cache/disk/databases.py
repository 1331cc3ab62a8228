"""LMDB's file opened as a cache's: its databases and its format, validated before use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, TypeAlias

import lmdb

from tv5core.cache.disk.control_page import UnusableError
from tv5core.lmdb_env import transaction
from tv5core.lmdb_env.opening import (
    LIB_VERSION,
    MAX_READERS,
    SPARE_TXNS,
    find_truncation,
    tree_bytes,
)

__all__ = ["Databases", "Txn", "open_lmdb", "used_bytes"]

FORMAT = b"1"

_FORMAT_KEY = b"tv5core.cache"


class Databases(NamedTuple):
    """Handles of a cache's databases."""

    meta: lmdb._Database
    entries: lmdb._Database
    expiry: lmdb._Database
    tags: lmdb._Database
    log: lmdb._Database


Txn: TypeAlias = transaction.Txn[Databases]
"""A transaction; its values must be copied or decoded before it ends."""


def open_lmdb(path: Path, map_bytes: int) -> tuple[lmdb.Environment, Databases]:
    """Open LMDB's file without waiting for the disk at commits.

    Parameters
    ----------
    path : Path
        Created where it is missing.
    map_bytes : int
        Size of the map, which is never exceeded.

    Raises
    ------
    UnusableError, lmdb.Error, OSError
        It is no cache of this format, is damaged, or cannot be opened.
    """
    raw = lmdb.open(
        os.fspath(path),
        subdir=False,
        map_size=map_bytes,
        max_dbs=len(Databases._fields),
        max_readers=MAX_READERS,
        max_spare_txns=SPARE_TXNS,
        lib_version=LIB_VERSION,
        metasync=False,
        sync=False,
    )
    try:
        _check_length(raw, path)
        raw.reader_check()
        return raw, _open_databases(raw)
    except BaseException:
        raw.close()
        raise


def _check_length(raw: lmdb.Environment, path: Path) -> None:
    if truncation := find_truncation(raw, path):
        raise UnusableError(truncation)


def _open_databases(raw: lmdb.Environment) -> Databases:
    with raw.begin(write=True, buffers=True) as txn:
        fresh = txn.stat()["entries"] == 0
        try:
            dbs = Databases(
                *(raw.open_db(n.encode(), txn, create=fresh) for n in Databases._fields)
            )
        except lmdb.NotFoundError as error:
            raise UnusableError("expected a cache, got LMDB's file of something else") from error
        if fresh:
            txn.put(_FORMAT_KEY, FORMAT, db=dbs.meta)
        elif bytes(txn.get(_FORMAT_KEY, db=dbs.meta) or b"") != FORMAT:
            raise UnusableError("expected a cache of this version's format, got another")
    return dbs


def used_bytes(txn: Txn) -> int:
    """Return what all entries and indexes take, in whole pages."""
    return tree_bytes(txn.raw, txn.dbs)
