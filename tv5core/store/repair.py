"""Make the store consistent again, without touching what is sound.

Each repair runs in bounded transactions that leave the store no worse than before, so an
interrupted repair simply starts again.
"""

from __future__ import annotations

import base64
import os
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from tv5core.errors import CorruptFileError, FormatVersionError
from tv5core.files import disk_errors, fsync_folder
from tv5core.store import embeddings, journal, titles
from tv5core.store.meta import Meta
from tv5core.store.reconciliation import row_blocks
from tv5core.store.store import Store
from tv5core.store.transaction import Txn

__all__ = [
    "quarantine",
    "remove_pending",
    "remove_vectors",
    "restart_journal",
    "unsound_vectors",
]

_BLOCK = 1_000


# -- vectors, pending marks, the journal --------------------------------------------------


class Unsound(NamedTuple):
    """Rows whose vectors are of no use.

    Attributes
    ----------
    orphans : list of int
        Without a title.
    broken : list of int
        Of a wrong width, not finite, or zero.
    """

    orphans: list[int]
    broken: list[int]


def unsound_vectors(store: Store) -> Unsound:
    """Find the rows whose vectors are of no use."""
    found = Unsound([], [])
    with store.read() as txn:
        meta = store.refresh(txn)
        rows = embeddings.rows(txn, meta.space)
    for start in range(0, len(rows), _BLOCK):
        with store.read() as txn:
            for row in rows[start : start + _BLOCK].tolist():
                data = embeddings.bytes_of(txn, meta.space, row)
                if txn.raw.get(titles.row_key(row), db=txn.dbs.titles) is None:
                    found.orphans.append(row)
                elif data is not None and not embeddings.is_sound(data, meta.dim):
                    found.broken.append(row)
    return found


def remove_vectors(store: Store, rows: list[int], *, pending: bool) -> None:
    """Remove vectors; ``pending`` marks their titles to be embedded again."""

    def work(some: list[int], txn: Txn, meta: Meta) -> tuple[Meta, None]:
        for row in some:
            embeddings.delete(txn, meta.space, row)
            if pending:
                titles.set_pending(txn, row, pending=True)
        journal.append(txn, meta.next_seq, some, ())
        return msgspec.structs.replace(meta, next_seq=meta.next_seq + 1), None

    for start in range(0, len(rows), _BLOCK):
        store.write(partial(work, rows[start : start + _BLOCK]))


def remove_pending(store: Store) -> int:
    """Remove pending marks without a title; return how many."""
    removed, last = 0, -1
    while True:
        with store.read() as txn:
            rows = titles.pending_rows(txn, last, _BLOCK)
            gone = [row for row in rows if titles.bytes_of(txn, row) is None]
        if not rows:
            return removed
        if gone:
            store.write(partial(_unmark, gone))
        removed, last = removed + len(gone), rows[-1]


def _unmark(rows: list[int], txn: Txn, meta: Meta) -> tuple[Meta, None]:
    for row in rows:
        titles.set_pending(txn, row, pending=False)
    return meta, None


def restart_journal(store: Store) -> None:
    """Restart the journal; the index must be rebuilt after it."""

    def work(txn: Txn, meta: Meta) -> tuple[Meta, None]:
        txn.raw.drop(txn.dbs.journal, delete=False)
        return msgspec.structs.replace(meta, generations=(), journal_from=0), None

    store.write(work)


# -- quarantine ---------------------------------------------------------------------------


def quarantine(store: Store, path: Path) -> int:
    """Move titles that cannot be decoded into a file of JSON Lines; return how many.

    A line holds the row, what is wrong, the ids that led there, and the bytes of title and vector
    in base64. It is on disk before the title is removed. What leads to the row is not removed
    here: that is left to ``reconciliation.reconcile``.
    """
    moved = 0
    for rows in row_blocks(store.environment):
        with store.read() as txn:
            space = store.refresh(txn).space
            lines = [line for row in rows if (line := _undecodable(txn, space, row)) is not None]
        if lines:
            _append_durably(path, lines)
            store.write(partial(_remove_titles, [line.row for line in lines]))
            moved += len(lines)
    return moved


class _Quarantined(msgspec.Struct):
    row: int
    why: str
    ids: list[str]
    title: str
    vector: str


def _undecodable(txn: Txn, space: int, row: int) -> _Quarantined | None:
    data = titles.bytes_of(txn, row)
    if data is None:
        return None
    try:
        titles.decode(data)
    except FormatVersionError:
        return None  # a newer tv5core reads it
    except CorruptFileError as error:
        raw = embeddings.bytes_of(txn, space, row) or b""
        ids = titles.ids_of(txn, row)
        return _Quarantined(row, str(error), ids, _base64(data), _base64(raw))
    return None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _append_durably(path: Path, lines: list[_Quarantined]) -> None:
    with disk_errors(path), path.open("ab") as file:
        for line in lines:
            file.write(msgspec.json.encode(line) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fsync_folder(path.parent)


def _remove_titles(rows: list[int], txn: Txn, meta: Meta) -> tuple[Meta, None]:
    gone = [row for row in rows if embeddings.delete(txn, meta.space, row)]
    for row in rows:
        txn.raw.delete(titles.row_key(row), db=txn.dbs.titles)
        titles.set_pending(txn, row, pending=False)
    journal.append(txn, meta.next_seq, gone, sorted(set(rows) - set(gone)))
    return msgspec.structs.replace(meta, next_seq=meta.next_seq + 1), None
