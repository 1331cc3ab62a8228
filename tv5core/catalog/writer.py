"""Additions and deletions: plan against what is stored, commit, then update the index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.arguments import check_flag
from tv5core.catalog.index.manager import IndexManager
from tv5core.catalog.spaces.text_embedding import TextEmbedding
from tv5core.embedding.lsa_processes import LsaProcesses
from tv5core.errors import (
    CatalogError,
    CorruptFileError,
    DiskFailureError,
    DiskFullError,
    DuplicateKeyError,
    FormatVersionError,
    InvalidInputError,
)
from tv5core.extra_fields import check_extra
from tv5core.files.failpoints import failpoint
from tv5core.store import Store, embeddings, journal, lookup, titles
from tv5core.store.meta import Meta, check_checkpoint, set_checkpoint, with_entry
from tv5core.store.transaction import Txn
from tv5core.types import Progress, Title
from tv5core.vectors import check_vectors

__all__ = ["AddResult", "Checkpoint", "Vectors", "Writer"]

F32 = npt.NDArray[np.float32]
Checkpoint = tuple[str, bytes]
Vectors: TypeAlias = "npt.ArrayLike | Sequence[npt.ArrayLike | None]"

CHUNK_TITLES = 1_000
CHUNK_BYTES = 8 << 20
_FLOAT16_MAX = 65_504.0
# A change of these does not change a title's meaning, so its vector is kept.
_NOT_TEXT = {
    "adult": False,
    "alternative_titles": (),
    "collection": None,
    "extra": {},
    "external_ids": {},
    "offers": (),
    "popularity": 0.0,
    "poster_path": "",
    "rating": None,
    "source": "",
    "updated_at": 0,
    "votes": 0,
}


class AddResult(msgspec.Struct, frozen=True):
    """What an addition did.

    Attributes
    ----------
    added, updated, unchanged : int
        Titles new to the catalogue, different from what was stored, and equal to it.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: AddResult) -> AddResult:
        return AddResult(
            self.added + other.added,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
        )


@dataclass
class _Plan:
    """The planned change of one title."""

    title: Title
    data: bytes
    row: int = -1  # -1 until it is given one
    old: Title | None = None
    same: bool = False  # equal to what is stored
    touches_vector: bool = False
    vector: F32 | None = None  # to store; where None and the vector is touched, to remove
    becomes_pending: bool = False
    was_pending: bool = False

    @property
    def idle(self) -> bool:
        return self.same and not self.touches_vector and not self.becomes_pending


class Writer:
    """Change a catalogue, one durable transaction a chunk."""

    def __init__(self, store: Store, manager: IndexManager, text: TextEmbedding) -> None:
        self._store, self._manager, self._text = store, manager, text

    # -- adding ---------------------------------------------------------------------------

    def add(
        self,
        some: Sequence[Title],
        vectors: Vectors | None,
        *,
        embed: bool,
        checkpoint: Checkpoint | None,
        progress: Progress | None,
    ) -> AddResult:
        """Store titles; see ``Catalog.add``."""
        check_flag("embed", embed)
        if checkpoint is not None:
            check_checkpoint(checkpoint)
        data = _checked_titles(some, self._store.meta.extra_fields)
        ready = None if vectors is None else self._checked_vectors(vectors, len(some))
        if ready is None and embed and some:
            self._text.check_can_embed()
        total, result, stored = len(some), AddResult(), 0
        to_embed = total if embed and ready is None else 0
        with self._text.processes(self._manager.current(), to_embed) as processes:
            for start, stop in _chunks(data):
                pairs = zip(some[start:stop], data[start:stop], strict=True)
                plans = [_Plan(title, stored_as) for title, stored_as in pairs]
                given = None if ready is None else ready[start:stop]
                try:
                    last = checkpoint if stop == total else None
                    result += self._store_chunk(plans, given, embed, last, processes)
                except (DiskFullError, DiskFailureError) as error:
                    raise _partly(error, stored, total) from error
                stored = stop
                if progress is not None:
                    progress(stored, total, "storing")
                self._manager.seal_if_due()
        if not some and checkpoint is not None:
            self._store_chunk([], None, False, checkpoint)
        return result

    def _checked_vectors(self, vectors: Vectors, count: int) -> Sequence[F32 | None]:
        self._text.fingerprint_of_given_vectors()
        rows = vectors if isinstance(vectors, (list, tuple)) else None
        if rows is None or all(row is not None for row in rows):
            matrix = self._checked_matrix(vectors)  # type: ignore[arg-type]
            if len(matrix) != count:
                raise InvalidInputError(f"expected {count} vectors, one a title, got {len(matrix)}")
            return list(matrix)
        if len(rows) != count:
            raise InvalidInputError(f"expected {count} vectors, one a title, got {len(rows)}")
        there = [row for row in rows if row is not None]
        checked = iter(self._checked_matrix(there) if there else ())
        return [None if row is None else next(checked) for row in rows]

    def _checked_matrix(self, vectors: npt.ArrayLike) -> F32:
        meta = self._store.meta
        matrix = check_vectors(vectors, meta.dim or None)
        if meta.rescoring == "float16" and meta.metric != "cosine" and len(matrix):
            largest = float(np.abs(matrix).max())
            if largest > _FLOAT16_MAX:
                raise InvalidInputError(
                    f"expected values within float16 ({_FLOAT16_MAX:.0f}), got {largest}"
                )
        return matrix

    def _store_chunk(
        self,
        plans: list[_Plan],
        given: Sequence[F32 | None] | None,
        embed: bool,
        checkpoint: Checkpoint | None,
        processes: LsaProcesses | None = None,
    ) -> AddResult:
        with self._store.lock:
            self._manager.current()  # in step again, where an earlier change was interrupted
            self._compare(plans, given)
            if given is None:
                self._plan_embedding(plans, embed, processes)
            if checkpoint is not None or not all(plan.idle for plan in plans):
                self._commit(plans, given is not None, checkpoint)
        added = sum(plan.old is None for plan in plans)
        same = sum(plan.same and (given is None or not plan.touches_vector) for plan in plans)
        return AddResult(added, len(plans) - added - same, same)

    def _compare(self, plans: list[_Plan], given: Sequence[F32 | None] | None) -> None:
        """Look up what is stored of each title, and whether its given vector is new."""
        space = self._store.meta.space
        with self._store.read() as txn:
            for place, plan in enumerate(plans):
                stored = _stored(txn, plan)
                if stored is not None:
                    plan.row, plan.old = stored.row, stored.title
                    plan.same = stored.data == plan.data or stored.title == plan.title
                    plan.was_pending = titles.is_pending(txn, stored.row)
                if given is not None:
                    plan.vector = given[place]
                    plan.touches_vector = _differs(txn, space, plan)

    def _plan_embedding(
        self, plans: list[_Plan], embed: bool, processes: LsaProcesses | None
    ) -> None:
        """Embed what has no vector of its present text, or leave it for later."""
        todo = [p for p in plans if p.was_pending or p.old is None or not _same_text(p)]
        embedder = self._text.embedder(self._manager.served) if embed and todo else None
        if embedder is None:
            for plan in todo:
                plan.becomes_pending = not plan.was_pending
            return
        vectors = self._text.embed_titles(embedder, [plan.title for plan in todo], processes)
        for plan, vector in zip(todo, vectors, strict=True):
            plan.touches_vector, plan.vector = True, vector if vector.any() else None

    def _commit(self, plans: list[_Plan], given: bool, checkpoint: Checkpoint | None) -> None:
        name = (
            self._text.fingerprint_of_given_vectors()
            if given
            else self._text.fingerprint_of_own_vectors()
        )

        def work(txn: Txn, meta: Meta) -> tuple[Meta, list[int]]:
            rows, next_row = _rows(plans, meta.next_row)
            for plan, row in zip(plans, rows, strict=True):
                _put(txn, meta.space, plan, row)
            if checkpoint is not None:
                set_checkpoint(txn, *checkpoint)
            noted = _note(txn, meta, list(zip(rows, plans, strict=True)), name)
            failpoint("add: written")
            return msgspec.structs.replace(noted, next_row=next_row), rows

        self._manager.change.begin()
        rows = self._store.write(work)
        failpoint("add: committed")
        if not all(plan.idle for plan in plans):
            self._update_index(rows, plans)
            failpoint("add: indexed")
        self._manager.change.done()

    def _update_index(self, rows: list[int], plans: list[_Plan]) -> None:
        touched = [(row, p.vector) for row, p in zip(rows, plans, strict=True) if p.touches_vector]
        kept = [(row, vector) for row, vector in touched if vector is not None]
        dim = self._store.meta.dim
        self._manager.apply(
            np.asarray([row for row, _ in kept], np.int64),
            np.stack([vector for _, vector in kept]) if kept else np.empty((0, dim), np.float32),
            np.asarray([row for row, vector in touched if vector is None], np.int64),
            np.asarray([r for r, p in zip(rows, plans, strict=True) if not p.same], np.int64),
        )

    # -- deleting -------------------------------------------------------------------------

    def delete(self, ids: Sequence[str]) -> int:
        """Remove titles; see ``Catalog.delete``."""
        unique, deleted = list(dict.fromkeys(ids)), 0
        for start in range(0, len(unique), CHUNK_TITLES):
            with self._store.lock:
                self._manager.current()
                self._manager.change.begin()
                rows, gone = self._delete_chunk(unique[start : start + CHUNK_TITLES])
                failpoint("delete: committed")
                deleted += len(rows)
                if rows:
                    empty = np.empty((0, self._store.meta.dim), np.float32)
                    removed, changed = np.asarray(gone, np.int64), np.asarray(rows, np.int64)
                    self._manager.apply(np.empty(0, np.int64), empty, removed, changed)
                self._manager.change.done()
            self._manager.seal_if_due()
        return deleted

    def _delete_chunk(self, ids: Sequence[str]) -> tuple[list[int], list[int]]:
        """Delete titles; return their rows, and those among them that had vectors."""
        with self._store.read() as txn:
            found = [(name, row) for name in ids if (row := lookup.row_of(txn, name)) is not None]
        rows = [row for _, row in found]
        if not rows:
            return [], []

        def work(txn: Txn, meta: Meta) -> tuple[Meta, list[int]]:
            gone = [row for row in rows if embeddings.delete(txn, meta.space, row)]
            for name, row in found:
                lookup.delete_id(txn, name, row)
            journal.append(txn, meta.next_seq, gone, sorted(set(rows) - set(gone)))
            failpoint("delete: written")
            return with_entry(meta), gone

        return rows, self._store.write(work)


def _differs(txn: Txn, space: int, plan: _Plan) -> bool:
    """Return whether another vector is given than is stored, or none where there is one."""
    if plan.was_pending:
        return True
    if plan.vector is not None:
        return plan.old is None or not embeddings.equals(txn, space, plan.row, plan.vector)
    return plan.row >= 0 and embeddings.bytes_of(txn, space, plan.row) is not None


def _stored(txn: Txn, plan: _Plan) -> titles.StoredTitle | None:
    """Return what is stored under a plan's id; a damaged title is replaced in its row."""
    row = titles.find(txn, plan.title.id)
    if row is None:
        return None
    try:
        stored = titles.load(txn, row)
    except FormatVersionError:
        raise
    except CorruptFileError:
        plan.row, plan.was_pending = row, titles.is_pending(txn, row)
        return None
    if stored is not None:
        lookup.check_lead(plan.title.id, row, stored.title)
    return stored


def _put(txn: Txn, space: int, plan: _Plan, row: int) -> None:
    if not plan.same:
        titles.put(txn, row, plan.data, plan.title, plan.old)
    if plan.becomes_pending:
        titles.set_pending(txn, row, pending=True)
    if plan.touches_vector:
        embeddings.put_or_delete(txn, space, row, plan.vector)
    if plan.was_pending and plan.touches_vector:
        titles.set_pending(txn, row, pending=False)


def _note(txn: Txn, meta: Meta, pairs: list[tuple[int, _Plan]], name: str) -> Meta:
    """Write the journal entry of a chunk and return the record that goes with it."""
    vectors = [row for row, plan in pairs if plan.touches_vector]
    others = [row for row, plan in pairs if not plan.touches_vector and not plan.idle]
    if not vectors and not others:
        return meta
    if meta.second is not None:  # which embeds what is named among the vectors again
        retold = {row for row, plan in pairs if plan.old is not None and not _same_text(plan)}
        vectors += [row for row in others if row in retold]
        others = [row for row in others if row not in retold]
    journal.append(txn, meta.next_seq, vectors, others)
    stored = (plan.vector for _, plan in pairs if plan.touches_vector)
    widths = [len(vector) for vector in stored if vector is not None]
    return with_entry(meta, widths[0], name) if widths else with_entry(meta)


def _rows(plans: list[_Plan], next_row: int) -> tuple[list[int], int]:
    """Give new titles the next rows, without changing the plans: a transaction may run twice."""
    rows = []
    for plan in plans:
        if plan.row < 0:
            rows.append(next_row)
            next_row += 1
        else:
            rows.append(plan.row)
    return rows, next_row


def _same_text(plan: _Plan) -> bool:
    if plan.same or plan.old is None:
        return plan.same
    old, new = (msgspec.structs.replace(t, **_NOT_TEXT) for t in (plan.old, plan.title))
    return old == new


def _checked_titles(some: Sequence[Title], declared: Mapping[str, str]) -> list[bytes]:
    data = [titles.check_title(title, place) for place, title in enumerate(some)]
    seen: set[str] = set()
    for place, title in enumerate(some):
        if title.extra:
            check_extra(title.extra, declared, place, title.id)
        if title.id in seen:
            raise DuplicateKeyError(f"expected each id once, got {title.id!r} again at {place}")
        seen.add(title.id)
    return data


def _chunks(data: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Cut into runs of bounded count and size."""
    start = size = 0
    for place, item in enumerate(data):
        if place > start and (place - start >= CHUNK_TITLES or size + len(item) > CHUNK_BYTES):
            yield start, place
            start, size = place, 0
        size += len(item)
    if start < len(data):
        yield start, len(data)


def _partly(error: CatalogError, stored: int, total: int) -> CatalogError:
    if not stored:
        return error
    return type(error)(f"{error}; the first {stored} of {total} titles are stored")
