"""Give every value its checksum: what format 5 has and earlier formats did not.

A catalogue of an earlier format opens as it is, and what a writer stores from then on is checked.
The rest is rewritten here, in bounded transactions. Each value says by its length whether it is
checked, so whatever interrupts the work leaves a catalogue that reads like before, and the next
one resumes where it ended. The record says ``checked`` last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import lmdb

from tv5core.errors import CorruptFileError
from tv5core.files.failpoints import failpoint
from tv5core.store import embeddings, journal, titles
from tv5core.store.meta import Meta, set_checkpoint, unchecked_checkpoints
from tv5core.store.store import Store
from tv5core.store.transaction import Entry, Txn
from tv5core.types import Progress

__all__ = ["Converted", "add_checksums"]

_BLOCK = 1_000


class Converted(NamedTuple):
    """What was rewritten.

    Attributes
    ----------
    values : int
        That have a checksum now and had none before.
    damaged : int
        That were left as they are, because they are not sound: a repair deals with them.
    """

    values: int
    damaged: int


def add_checksums(store: Store, report: Progress) -> Converted:
    """Rewrite what has no checksum; does nothing where the record says that all have one."""
    if store.meta.checked:
        return Converted(0, 0)
    done = Converted(*store.write(_checkpoints))
    total = _total(store)
    for name, convert in _CONVERSIONS.items():
        for some in _in_blocks(store, name, convert):
            done = Converted(done.values + some.values, done.damaged + some.damaged)
            failpoint("upgrade: some values rewritten")
            report(min(done.values, total), total, "adding checksums")
    if not done.damaged:
        store.change_meta(checked=True)
        failpoint("upgrade: recorded")
    return done


def _total(store: Store) -> int:
    with store.read() as txn:
        return sum(txn.raw.stat(_database(txn, name))["entries"] for name in _CONVERSIONS)


def _database(txn: Txn, name: str) -> lmdb._Database:
    database: lmdb._Database = getattr(txn.dbs, name)
    return database


def _in_blocks(store: Store, name: str, convert: _Convert) -> Iterator[Converted]:
    start: bytes | None = b""
    while start is not None:
        values, damaged, start = store.write(partial(_block, name, convert, start))
        yield Converted(values, damaged)


def _block(
    name: str, convert: _Convert, start: bytes, txn: Txn, meta: Meta
) -> tuple[Meta, tuple[int, int, bytes | None]]:
    """Convert a block of entries; return what was done and where to continue."""
    block: list[Entry] = []
    with txn.raw.cursor(_database(txn, name)) as cursor:
        more = cursor.set_range(start) if start else cursor.first()
        while more and len(block) < _BLOCK:
            block.append((bytes(cursor.key()), bytes(cursor.value())))
            more = cursor.next()
    done = [convert(txn, meta, key, value) for key, value in block]
    following = block[-1][0] + b"\0" if len(block) == _BLOCK else None
    return meta, (done.count(True), done.count(None), following)


_Convert = Callable[[Txn, Meta, bytes, bytes], "bool | None"]
"""Rewrites an entry: True where it did, False where there was no need, None where it cannot."""


def _checkpoints(txn: Txn, meta: Meta) -> tuple[Meta, tuple[int, int]]:
    some = unchecked_checkpoints(txn)
    for key, value in some:
        set_checkpoint(txn, key, value)
    return meta, (len(some), 0)


def _title(txn: Txn, _: Meta, key: bytes, value: bytes) -> bool | None:
    if titles.is_checked(value):
        return False
    try:
        titles.decode(value)
    except CorruptFileError:
        return None
    txn.raw.put(key, titles.framed(titles.body(value)), db=txn.dbs.titles)
    return True


def _vector(txn: Txn, meta: Meta, key: bytes, value: bytes) -> bool | None:
    if embeddings.is_checked(value, meta.dim):
        return False
    space, row = embeddings.space_and_row(key)
    if space != meta.space:
        return False  # nobody reads it, and it goes
    if embeddings.problem(space, row, value, meta.dim):
        return None
    embeddings.put_bytes(txn, space, row, value)
    return True


def _pending(txn: Txn, _: Meta, key: bytes, value: bytes) -> bool | None:
    if value:
        return False
    if len(key) != 8:
        return None
    titles.set_pending(txn, int.from_bytes(key), pending=True)
    return True


def _journal(txn: Txn, _: Meta, key: bytes, value: bytes) -> bool | None:
    if journal.is_checked(value):
        return False
    try:
        vectors, others = journal.entry(key, value)
    except CorruptFileError:
        return None
    journal.append(txn, int.from_bytes(key), vectors.tolist(), others.tolist())
    return True


_CONVERSIONS: dict[str, _Convert] = {
    "titles": _title,
    "vectors": _vector,
    "pending": _pending,
    "journal": _journal,
}
