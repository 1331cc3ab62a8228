"""The second space in the store: begun, filled title by title, kept in step, dropped.

While titles are embedded for the first time, the record says from which row to go on. Changes made
meanwhile and afterwards are in the journal after the record's ``seq``: what is embedded again are
rows whose text may have changed, and those that have no vector yet or no title any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.store import embeddings, journal, titles
from tv5core.store.meta import Meta
from tv5core.store.records import SecondSpace
from tv5core.store.store import Store
from tv5core.store.transaction import Txn
from tv5core.types import Title

__all__ = ["Block", "begin", "drop", "next_block", "put_block", "restart"]

F32 = npt.NDArray[np.float32]

_BLOCK = 256
"""Titles embedded between two transactions: a second or two of work that a kill loses."""


class Block(NamedTuple):
    """What is to be embedded next.

    Attributes
    ----------
    rows : list of int
    titles : list of (int, Title)
        Those of them that have a title that can be read.
    filled, seq : int
        For the record, once this is stored.
    """

    rows: list[int]
    titles: list[tuple[int, Title]]
    filled: int
    seq: int


def begin(store: Store, name: str, embedder: str) -> SecondSpace:
    """Record a second space, none of whose titles is embedded yet."""

    def work(_: Txn, meta: Meta) -> tuple[Meta, SecondSpace]:
        space = embeddings.SECOND + meta.second_spaces
        second = SecondSpace(space, name, embedder, seq=meta.last_seq)
        count = meta.second_spaces + 1
        return msgspec.structs.replace(meta, second=second, second_spaces=count), second

    return store.write(work)


def drop(store: Store) -> int:
    """Forget the second space, and delete its vectors and files; return how many vectors."""
    store.change_meta(second=None)
    dropped = embeddings.drop_spaces(store.environment, store.meta.spaces)
    store.tidy()
    return dropped


def restart(store: Store) -> None:
    """Have all titles embedded again."""

    def work(_: Txn, meta: Meta) -> tuple[Meta, None]:
        if meta.second is None:
            return meta, None
        second = msgspec.structs.replace(meta.second, filled=0, seq=meta.last_seq)
        return msgspec.structs.replace(meta, second=second), None

    store.write(work)


def next_block(txn: Txn, meta: Meta) -> Block | None:
    """Return what is to be embedded next; None where nothing is.

    Raises
    ------
    LookupError
        The journal does not say any more what changed: see :func:`restart`.
    """
    second = meta.second
    if second is None:
        return None
    if not second.complete:
        rows = titles.rows_after(txn, second.filled - 1, _BLOCK)
        return _loaded(txn, rows, rows[-1] + 1 if rows else -1, second.seq)
    if second.seq == meta.last_seq:
        return None
    rows, seq = _changed(txn, meta, second)
    return _loaded(txn, rows, -1, seq)


def _loaded(txn: Txn, rows: list[int], filled: int, seq: int) -> Block:
    found = ((row, titles.readable(txn, row)) for row in rows)
    return Block(rows, [(row, title) for row, title in found if title is not None], filled, seq)


def _changed(txn: Txn, meta: Meta, second: SecondSpace) -> tuple[list[int], int]:
    """Return rows to embed again out of the next journal entries, and the last of these."""
    first = journal.begin(txn, meta)
    if first is None or first > second.seq + 1:
        raise LookupError(f"expected the journal from entry {second.seq + 1}, got it from {first}")
    found: set[int] = set()
    last = second.seq
    for last, vectors, others in journal.entries_after(txn, second.seq):  # noqa: B007 - the last one
        found |= set(vectors.tolist())
        found |= {row for row in others.tolist() if _is_due(txn, second.space, row)}
        if len(found) >= _BLOCK:
            break
    return sorted(found), last


def _is_due(txn: Txn, space: int, row: int) -> bool:
    """Return whether a row lacks a vector, or has one without a title."""
    has_title = txn.raw.get(titles.row_key(row), db=txn.dbs.titles) is not None
    return has_title != (embeddings.bytes_of(txn, space, row) is not None)


def put_block(store: Store, space: int, block: Block, vectors: Mapping[int, F32]) -> bool:
    """Store the vectors of a block, and how far the space has come.

    Parameters
    ----------
    store : Store
    space : int
        The space's number.
    block : Block
    vectors : mapping of int to float32[dim]
        By row; other rows of the block have none.

    Returns
    -------
    bool
        False where there is no such space any more.
    """

    def work(txn: Txn, meta: Meta) -> tuple[Meta, bool]:
        second = meta.second
        if second is None or second.space != space:
            return meta, False
        for row in block.rows:
            embeddings.put_or_delete(txn, space, row, vectors.get(row))
        dim = next((len(vector) for vector in vectors.values()), second.dim)
        changed = msgspec.structs.replace(second, dim=dim, filled=block.filled, seq=block.seq)
        return msgspec.structs.replace(meta, second=changed), True

    return store.write(work)
