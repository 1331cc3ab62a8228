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
    "mark_without_vectors",
    "put_back_vectors",
    "quarantine",
    "quarantine_vectors",
    "remove_pending",
    "remove_second_vectors",
    "remove_settings",
    "remove_vectors",
    "restart_journal",
    "unsound_vectors",
]

_BLOCK = 1_000


# -- vectors, pending marks, the journal --------------------------------------------------


class Unsound(NamedTuple):
    """Rows whose vectors are unusable.

    Attributes
    ----------
    orphans : list of int
        Without a title.
    broken : list of int
        Damaged: of a wrong width, not finite, zero, or not what was stored.
    """

    orphans: list[int]
    broken: list[int]


def unsound_vectors(store: Store) -> Unsound:
    """Find the rows whose vectors are unusable."""
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
                elif data is not None and embeddings.problem(meta.space, row, data, meta.dim):
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


def remove_second_vectors(store: Store) -> int:
    """Remove unusable vectors of the second space; return how many.

    Their titles are named in the journal, so that they are embedded again.
    """
    with store.read() as txn:
        meta = store.refresh(txn)
        second = meta.second
        rows = [] if second is None else embeddings.rows(txn, second.space).tolist()
    removed = 0
    for start in range(0, len(rows), _BLOCK):
        removed += store.write(partial(_remove_second, rows[start : start + _BLOCK]))
    return removed


def _remove_second(rows: list[int], txn: Txn, meta: Meta) -> tuple[Meta, int]:
    second, gone = meta.second, []
    if second is None:
        return meta, 0
    for row in rows:
        data = embeddings.bytes_of(txn, second.space, row)
        if data is not None and embeddings.problem(second.space, row, data, second.dim):
            embeddings.delete(txn, second.space, row)
            gone.append(row)
    if not gone:
        return meta, 0
    journal.append(txn, meta.next_seq, (), gone)
    return msgspec.structs.replace(meta, next_seq=meta.next_seq + 1), len(gone)


def put_back_vectors(store: Store) -> int:
    """Put vectors back that a flipped bit moved to another space; return how many."""
    with store.read() as txn:
        found = embeddings.misplaced(txn, store.refresh(txn).spaces)
    if found:
        store.write(partial(_put_back, found))
    return len(found)


def _put_back(found: list[tuple[bytes, int, int]], txn: Txn, meta: Meta) -> tuple[Meta, None]:
    for where, space, row in found:
        value = bytes(txn.raw.get(where, db=txn.dbs.vectors) or b"")
        txn.raw.delete(where, db=txn.dbs.vectors)
        key = embeddings.key(space, row)
        txn.raw.put(key, value, overwrite=False, db=txn.dbs.vectors)
    journal.append(txn, meta.next_seq, [row for _, _, row in found], ())
    return msgspec.structs.replace(meta, next_seq=meta.next_seq + 1), None


def mark_without_vectors(store: Store) -> int:
    """Mark the titles that have no vector as pending; return how many.

    After a pending mark was damaged, nobody knows which title it stood for. Embedding a title
    that has no text does no harm.
    """
    marked = 0
    for rows in row_blocks(store.environment):
        with store.read() as txn:
            space = store.refresh(txn).space
            bare = [
                row
                for row in rows
                if embeddings.bytes_of(txn, space, row) is None and not titles.is_pending(txn, row)
            ]
        if bare:
            store.write(partial(_mark, bare, True))
        marked += len(bare)
    return marked


def remove_pending(store: Store) -> int:
    """Remove pending marks that are damaged or without a title; return how many."""
    removed, last = 0, -1
    while True:
        with store.read() as txn:
            rows = titles.pending_rows(txn, last, _BLOCK)
            gone = [row for row in rows if titles.pending_problem(txn, row)]
        if not rows:
            return removed
        if gone:
            store.write(partial(_mark, gone, False))
        removed, last = removed + len(gone), rows[-1]


def _mark(rows: list[int], pending: bool, txn: Txn, meta: Meta) -> tuple[Meta, None]:
    for row in rows:
        titles.set_pending(txn, row, pending=pending)
    return meta, None


def remove_settings(store: Store, keys: list[bytes]) -> None:
    """Remove damaged checkpoints and sections, by their whole keys."""

    def work(txn: Txn, meta: Meta) -> tuple[Meta, None]:
        for key in keys:
            txn.raw.delete(key, db=txn.dbs.meta)
        return meta, None

    store.write(work)


def restart_journal(store: Store) -> None:
    """Restart the journal; the index must be rebuilt after it."""

    def work(txn: Txn, meta: Meta) -> tuple[Meta, None]:
        txn.raw.drop(txn.dbs.journal, delete=False)
        second = meta.second
        if second is not None:  # nobody knows which of its vectors are of titles as they were
            second = msgspec.structs.replace(second, generations=(), filled=0, seq=meta.last_seq)
        changes = {"generations": (), "journal_from": 0, "second": second}
        return msgspec.structs.replace(meta, **changes), None

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
            meta = store.refresh(txn)
            lines = [line for row in rows if (line := _undecodable(txn, meta, row)) is not None]
        if lines:
            _append_durably(path, lines)
            store.write(partial(_remove_titles, [line.row for line in lines]))
            moved += len(lines)
    return moved


def quarantine_vectors(store: Store, rows: list[int], path: Path) -> None:
    """Write titles and what is stored as their vectors to a file of JSON Lines.

    Nothing is removed: the titles are sound, and stay.
    """
    why = "its vector is damaged"
    for start in range(0, len(rows), _BLOCK):
        with store.read() as txn:
            meta = store.refresh(txn)
            lines = [_line(txn, meta, row, why) for row in rows[start : start + _BLOCK]]
        _append_durably(path, lines)


def _line(txn: Txn, meta: Meta, row: int, why: str) -> _Quarantined:
    title, raw = titles.bytes_of(txn, row) or b"", embeddings.bytes_of(txn, meta.space, row) or b""
    vector = embeddings.vector_bytes(raw, meta.dim)
    return _Quarantined(row, why, titles.ids_of(txn, row), _base64(title), _base64(vector))


class _Quarantined(msgspec.Struct):
    row: int
    why: str
    ids: list[str]
    title: str
    vector: str


def _undecodable(txn: Txn, meta: Meta, row: int) -> _Quarantined | None:
    data = titles.bytes_of(txn, row)
    if data is None:
        return None
    try:
        titles.decode(data)
    except FormatVersionError:
        return None  # a newer tv5core reads it
    except CorruptFileError as error:
        return _line(txn, meta, row, str(error))
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
