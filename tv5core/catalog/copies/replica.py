"""What replicas of a catalogue read: its record, and what is stored in rows, bit for bit.

A replica keeps the rows of the catalogue it follows, so that what is equal in all else has the same
order there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tv5core.errors import CatalogError
from tv5core.store import Store, embeddings, titles
from tv5core.store.meta import Meta, read_meta
from tv5core.store.transaction import Txn

_SAME = (
    "next_row", "metric", "rescoring", "dim", "embedder", "space", "fitted_on", "settings",
    "text_settings", "extra_fields",
)  # fmt: skip

__all__ = ["ReplicaRecord", "ReplicaRow", "record_of", "rows_after", "rows_of"]


class ReplicaRecord(msgspec.Struct, frozen=True):
    """What a replica needs to know besides the titles.

    Attributes
    ----------
    seq : int
        The last change.
    model : bytes or None
        The file of the fitted embedder.
    has_second : bool
        Whether there is a second space, which replicas do not have.
    metric, rescoring, dim, embedder, space, fitted_on, settings, text_settings, extra_fields
        As in the catalogue's own record.
    next_row : int
    """

    seq: int
    next_row: int
    metric: str
    rescoring: str
    dim: int
    embedder: str
    space: int
    fitted_on: int
    settings: dict[str, Any] | None
    text_settings: dict[str, Any] | None
    extra_fields: dict[str, str]
    has_second: bool
    model: bytes | None


class ReplicaRow(msgspec.Struct, frozen=True):
    """One row.

    Attributes
    ----------
    row : int
    data : bytes or None
        The title as it is stored; None where there is none.
    vector : bytes or None
        Little-endian float32.
    """

    row: int
    data: bytes | None = None
    vector: bytes | None = None


def record_of(store: Store) -> ReplicaRecord:
    """Read the record."""
    with store.read() as txn:
        meta = _meta(txn)
        model = None if meta.model is None else (store.folder / meta.model.name).read_bytes()
    kept = {name: getattr(meta, name) for name in _SAME}
    return ReplicaRecord(seq=meta.last_seq, has_second=meta.second is not None, model=model, **kept)


def rows_of(store: Store, rows: Sequence[int]) -> list[ReplicaRow]:
    """Read rows in one transaction."""
    with store.read() as txn:
        meta = _meta(txn)
        return [_row(txn, meta, int(row)) for row in rows]


def rows_after(store: Store, row: int, limit: int) -> list[ReplicaRow]:
    """Read the next rows that have a title, in one transaction."""
    with store.read() as txn:
        meta = _meta(txn)
        return [_row(txn, meta, found) for found in titles.rows_after(txn, row, limit)]


def _row(txn: Txn, meta: Meta, row: int) -> ReplicaRow:
    data = titles.bytes_of(txn, row)
    stored = None if data is None else embeddings.get(txn, meta.space, row, meta.dim)
    return ReplicaRow(row, data, None if stored is None else stored.astype("<f4").tobytes())


def _meta(txn: Txn) -> Meta:
    meta = read_meta(txn)
    if meta is None:
        raise CatalogError("expected a catalogue, got none any more")
    return meta
