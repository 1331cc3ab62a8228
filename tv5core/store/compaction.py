"""Copy LMDB's file without its free pages, entry by entry.

LMDB can do so itself (``mdb_env_copy2`` with ``MDB_CP_COMPACT``), but 0.9.36 dies of a signal where
a key has so many values that they have a tree of their own, such as an alias of hundreds of titles.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import lmdb

from tv5core.lmdb_env.lmdb_errors import lmdb_errors
from tv5core.lmdb_env.opening import LIB_VERSION
from tv5core.store.databases import databases_by_name, used_bytes
from tv5core.store.transaction import Entry, Txn
from tv5core.types import Progress

__all__ = ["copy_compactly"]

_BLOCK, _BLOCK_BYTES = 2_000, 1 << 19
"""Entries of one transaction: what it changes is in memory until it is committed."""
_LEAST_BYTES = 1 << 26
_ROOM = 2


def copy_compactly(txn: Txn, folder: Path, report: Progress) -> None:
    """Write all that a transaction sees to a new file in a folder, and sync it.

    Parameters
    ----------
    txn : Txn
        Stays open for as long as it takes.
    folder : Path
        Without an LMDB file.
    report : callable
        An exception it raises ends the copy.
    """
    source = databases_by_name(txn.dbs)
    size = max(_LEAST_BYTES, _ROOM * used_bytes(txn))
    total, done = sum(txn.raw.stat(one)["entries"] for one, _ in source.values()), 0
    with (
        lmdb_errors(folder),
        lmdb.open(
            os.fspath(folder),
            map_size=size,
            max_dbs=len(source),
            sync=False,
            lib_version=LIB_VERSION,
        ) as target,
    ):
        for name, (database, several) in source.items():
            to = target.open_db(name.encode(), dupsort=several, dupfixed=several)
            for count in _copy(txn, database, target, to):
                done += count
                report(done, total, "copying the store")
        target.sync(force=True)


def _copy(
    txn: Txn, source: lmdb._Database, target: lmdb.Environment, to: lmdb._Database
) -> Iterator[int]:
    """Copy a database in blocks; give the number of entries of each."""
    with txn.raw.cursor(source) as cursor:
        entries = iter(cursor)
        while block := _block(entries):
            with target.begin(write=True) as into, into.cursor(to) as place:
                place.putmulti(block, append=True)
            yield len(block)


def _block(entries: Iterator[tuple[memoryview, memoryview]]) -> list[Entry]:
    block: list[Entry] = []
    size = 0
    for key, value in entries:
        block.append((bytes(key), bytes(value)))
        size += len(value)
        if size >= _BLOCK_BYTES or len(block) >= _BLOCK:
            break
    return block
