"""Part: the titles of one shard, in a catalogue of their own that follows the truth.

A part is derived: it is filled from its source, follows it, and can be thrown away at any time.
Titles keep the rows and vectors they have in the source, so nothing is embedded twice and what is
equal in all else has the same order everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from tv5core.catalog.catalog import Catalog
from tv5core.catalog.copies.replica import ReplicaRecord, ReplicaRow
from tv5core.catalog.index.manager import IndexManager
from tv5core.catalog.title_reader import TitleReader
from tv5core.cluster.placement import shard_of
from tv5core.embedding import lsa_model
from tv5core.errors import InvalidInputError
from tv5core.files import SealedFile, SectionFile
from tv5core.query.planning import Context
from tv5core.query.request import SearchRequest
from tv5core.query.view import View
from tv5core.store import Store, embeddings, generations, journal, titles
from tv5core.store.meta import Meta
from tv5core.store.transaction import Txn
from tv5core.types import Title

__all__ = ["Part"]

_BLOCK = 1_000


class Part(Catalog):
    """The titles of a source that belong to one shard; made by :meth:`load`.

    Attributes
    ----------
    number, shards : int
    space : int
        Of the source's vectors.
    seq : int
        The last change of the source that this has.
    """

    number: int
    shards: int
    space: int
    seq: int

    @classmethod
    def load(
        cls, source: Catalog, folder: str | os.PathLike[str], number: int, shards: int
    ) -> Part:
        """Fill a new folder with the titles of a shard, and open it.

        Raises
        ------
        InvalidInputError
            The source has a second space, which shards do not search.
        """
        record = source.replica_record()
        if record.has_second:
            raise InvalidInputError(
                "expected a source of one space, got one with a second embedder: drop_second_space "
                "of a copy, or search it on one machine"
            )
        _fill(source, record, Path(folder), number, shards)
        part = cls.open(folder, create=False, embedder=None)
        if not isinstance(part, Part):
            raise InvalidInputError("expected a folder, got a URL")
        part.number, part.shards = number, shards
        part.space, part.seq = record.space, record.seq
        return part

    def follow(self, source: Catalog) -> bool:
        """Take over what changed in the source; False where the part must be loaded anew."""
        version = source.version()
        if version == (self.space, self.seq):
            return True
        changes = source.changes(self.seq)
        if version.space != self.space or changes.rows is None:
            return False
        rows = changes.rows.tolist()
        for start in range(0, len(rows), _BLOCK):
            self._apply(source.replica_rows(rows[start : start + _BLOCK]))
        self.seq = changes.seq
        return True

    def _apply(self, rows: Sequence[ReplicaRow]) -> None:
        own = _own(rows, self.number, self.shards)
        with self._store.lock:
            if self._store.write(partial(_stored, rows, own)):
                self._manager.refresh()
        self._manager.seal_if_due()

    # -- what the shard searches with -----------------------------------------------------

    @property
    def reader(self) -> TitleReader:
        """Titles by row."""
        return TitleReader(self._store, self._manager.recovery)

    @property
    def next_row(self) -> int:
        """The row that the next title of all will have, as far as this has seen."""
        return self._store.meta.next_row

    def prepared(self, request: SearchRequest) -> tuple[View, Context]:
        """Return what there is now, and what a search of it is made with."""
        served = self._current()
        view = served.view()
        return view, self._searcher.context(served, view, request)

    def row_of(self, id: str) -> int | None:
        """Return the row of an id, None where it is not here."""
        rows = self._searcher.rows([id])
        return int(rows[0]) if len(rows) else None


def _own(rows: Sequence[ReplicaRow], number: int, shards: int) -> dict[int, Title]:
    """Decode the titles that belong to a shard, by row."""
    decoded = ((one.row, titles.decode(one.data)) for one in rows if one.data is not None)
    return {row: title for row, title in decoded if shard_of(title.id, shards) == number}


def _stored(
    rows: Sequence[ReplicaRow], own: dict[int, Title], txn: Txn, meta: Meta
) -> tuple[Meta, bool]:
    """Bring rows to what they are in the source; return whether anything was here or is now."""
    old = {one.row: titles.readable(txn, one.row) for one in rows}
    gone = [row for row, title in old.items() if title is not None and row not in own]
    for row in gone:
        title = old[row]
        if title is not None:
            titles.delete(txn, row, title)
        embeddings.delete(txn, meta.space, row)
    changed = [one for one in rows if one.row in own]
    for one in changed:
        if one.data is not None:
            titles.put(txn, one.row, one.data, own[one.row], old[one.row])
        if one.vector is None:
            embeddings.delete(txn, meta.space, one.row)
        else:
            embeddings.put_bytes(txn, meta.space, one.row, one.vector)
    seen = max([meta.next_row, *(one.row + 1 for one in rows)])
    if not gone and not changed:
        return msgspec.structs.replace(meta, next_row=seen), False
    journal.append(txn, meta.next_seq, [*gone, *(one.row for one in changed)], ())
    width = next((len(one.vector) // 4 for one in changed if one.vector is not None), 0)
    following = {"next_row": seen, "next_seq": meta.next_seq + 1, "dim": meta.dim or width}
    return msgspec.structs.replace(meta, **following), True


def _fill(source: Catalog, record: ReplicaRecord, folder: Path, number: int, shards: int) -> None:
    """Make a sealed catalogue of the titles of a shard."""
    store = Store.open(
        folder, create=True, read_only=False, metric=record.metric, rescoring=record.rescoring
    )
    try:
        model = None if record.model is None else _bring(record.model, folder, record.space)
        store.write(lambda _, meta: (_like(meta, record, model), None))
        row = -1
        while some := source.replica_rows_after(row, _BLOCK):
            store.write(partial(_stored, some, _own(some, number, shards)))
            row = some[-1].row
        manager = IndexManager(store, auto_seal=False)
        manager.seal()
        manager.close()
    finally:
        store.close()


def _like(meta: Meta, record: ReplicaRecord, model: SealedFile | None) -> Meta:
    same = ("dim", "embedder", "space", "fitted_on", "settings", "text_settings", "extra_fields")
    kept = {name: getattr(record, name) for name in same}
    return msgspec.structs.replace(meta, model=model, next_row=record.next_row, **kept)


def _bring(model: bytes, folder: Path, space: int) -> SealedFile:
    """Store the embedder that was fitted on all titles."""
    path = generations.model_path(folder, space)
    temporary = generations.temporary(path)
    temporary.write_bytes(model)
    file = SectionFile.open(temporary, lsa_model.KIND, lsa_model.VERSION)
    record = SealedFile(path.name, file.size, file.checksum)
    file.close()
    return generations.publish(path, record)
