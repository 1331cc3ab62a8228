"""Titles that wait to be embedded, read a block at a time, and whether they are the same still."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from tv5core.errors import CorruptFileError, FormatVersionError
from tv5core.store import Store, titles
from tv5core.store.transaction import Txn
from tv5core.types import Title

__all__ = ["Pending", "pending_blocks", "unchanged"]

Pending: TypeAlias = list[tuple[int, bytes]]
"""Rows, and the bytes stored for their titles."""


def pending_blocks(store: Store, size: int) -> Iterator[tuple[Pending, list[Title]]]:
    """Read the titles that wait, once each, in blocks; those that cannot be read are left out."""
    last = -1
    while True:
        with store.read() as txn:
            rows = titles.pending_rows(txn, last, size)
            found = [stored for row in rows if (stored := _readable(txn, row)) is not None]
        if found:
            yield [(one.row, one.data) for one in found], [one.title for one in found]
        if not rows:
            return
        last = rows[-1]


def _readable(txn: Txn, row: int) -> titles.StoredTitle | None:
    try:
        return titles.load(txn, row)
    except FormatVersionError:
        raise
    except CorruptFileError:
        return None


def unchanged(store: Store, block: Pending) -> list[int]:
    """Return the places in a block whose titles wait still, and are what they were."""
    with store.read() as txn:
        return [
            place
            for place, (row, data) in enumerate(block)
            if titles.is_pending(txn, row) and titles.bytes_of(txn, row) == data
        ]
