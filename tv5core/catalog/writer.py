"""Additions and deletions: plan against what is stored, commit, then update the index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.arguments import check_flag
from tv5core.catalog.index.manager import IndexManager
from tv5core.catalog.planned import (
    Plan,
    differs,
    new_rows,
    note,
    put,
    remove,
    same_text,
    stored_of,
)
from tv5core.catalog.spaces.text_embedding import TextEmbedding
from tv5core.embedding.lsa_processes import LsaProcesses
from tv5core.errors import (
    CatalogError,
    DiskFailureError,
    DiskFullError,
    DuplicateKeyError,
    InvalidInputError,
)
from tv5core.extra_fields import check_extra
from tv5core.files.failpoints import failpoint
from tv5core.store import Store, journal, lookup, titles
from tv5core.store.meta import Meta, check_checkpoint, set_checkpoint, with_entry
from tv5core.store.transaction import Txn
from tv5core.types import Progress, Title
from tv5core.vectors import check_vectors

__all__ = ["AddResult", "ApplyResult", "Checkpoint", "Vectors", "Writer"]

F32 = npt.NDArray[np.float32]
Checkpoint = tuple[str, bytes]
Vectors: TypeAlias = "npt.ArrayLike | Sequence[npt.ArrayLike | None]"

CHUNK_TITLES = 1_000
CHUNK_BYTES = 8 << 20
_FLOAT16_MAX = 65_504.0


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


class ApplyResult(AddResult, frozen=True):
    """What :meth:`Catalog.apply` did.

    Attributes
    ----------
    deleted : int
        Titles removed.
    """

    deleted: int = 0


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
                plans = [Plan(title, stored_as) for title, stored_as in pairs]
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

    # -- adding and deleting at once ------------------------------------------------------

    def apply(
        self,
        some: Sequence[Title],
        ids: Sequence[str],
        *,
        embed: bool,
        checkpoint: Checkpoint | None,
    ) -> ApplyResult:
        """Store titles and remove others in one transaction; see ``Catalog.apply``."""
        check_flag("embed", embed)
        if checkpoint is not None:
            check_checkpoint(checkpoint)
        data = _checked_titles(some, self._store.meta.extra_fields)
        unique = list(dict.fromkeys(ids))
        if both := {title.id for title in some}.intersection(unique):
            raise InvalidInputError(f"expected ids to store or to remove, got both of {min(both)}")
        if embed and some:
            self._text.check_can_embed()
        plans = [Plan(title, stored_as) for title, stored_as in zip(some, data, strict=True)]
        to_embed = len(some) if embed else 0
        with self._text.processes(self._manager.current(), to_embed) as processes:
            result = self._store_chunk(plans, None, embed, checkpoint, processes, unique)
        self._manager.seal_if_due()
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
        plans: list[Plan],
        given: Sequence[F32 | None] | None,
        embed: bool,
        checkpoint: Checkpoint | None,
        processes: LsaProcesses | None = None,
        ids: Sequence[str] = (),
    ) -> ApplyResult:
        with self._store.lock:
            self._manager.current()  # in step again, where an earlier change was interrupted
            self._compare(plans, given)
            if given is None:
                self._plan_embedding(plans, embed, processes)
            found = self._found(ids)
            if checkpoint is not None or found or not all(plan.idle for plan in plans):
                self._commit(plans, given is not None, checkpoint, found)
        added = sum(plan.old is None for plan in plans)
        same = sum(plan.same and (given is None or not plan.touches_vector) for plan in plans)
        return ApplyResult(added, len(plans) - added - same, same, len(found))

    def _found(self, ids: Sequence[str]) -> list[tuple[str, int]]:
        """Return the ids that lead to titles, with their rows."""
        if not ids:
            return []
        with self._store.read() as txn:
            return [(name, row) for name in ids if (row := lookup.row_of(txn, name)) is not None]

    def _compare(self, plans: list[Plan], given: Sequence[F32 | None] | None) -> None:
        """Look up what is stored of each title, and whether its given vector is new."""
        space = self._store.meta.space
        with self._store.read() as txn:
            for place, plan in enumerate(plans):
                stored = stored_of(txn, plan)
                if stored is not None:
                    plan.row, plan.old = stored.row, stored.title
                    plan.same = stored.data == plan.data or stored.title == plan.title
                    plan.was_pending = titles.is_pending(txn, stored.row)
                if given is not None:
                    plan.vector = given[place]
                    plan.touches_vector = differs(txn, space, plan)

    def _plan_embedding(
        self, plans: list[Plan], embed: bool, processes: LsaProcesses | None
    ) -> None:
        """Embed what has no vector of its present text, or leave it for later."""
        todo = [p for p in plans if p.was_pending or p.old is None or not same_text(p)]
        embedder = self._text.embedder(self._manager.served) if embed and todo else None
        if embedder is None:
            for plan in todo:
                plan.becomes_pending = not plan.was_pending
            return
        vectors = self._text.embed_titles(embedder, [plan.title for plan in todo], processes)
        for plan, vector in zip(todo, vectors, strict=True):
            plan.touches_vector, plan.vector = True, vector if vector.any() else None

    def _commit(
        self,
        plans: list[Plan],
        given: bool,
        checkpoint: Checkpoint | None,
        found: list[tuple[str, int]],
    ) -> None:
        name = (
            self._text.fingerprint_of_given_vectors()
            if given
            else self._text.fingerprint_of_own_vectors()
        )

        def work(txn: Txn, meta: Meta) -> tuple[Meta, tuple[list[int], list[int]]]:
            rows, next_row = new_rows(plans, meta.next_row)
            for plan, row in zip(plans, rows, strict=True):
                put(txn, meta.space, plan, row)
            if checkpoint is not None:
                set_checkpoint(txn, *checkpoint)
            gone = remove(txn, meta.space, found)
            rest = sorted({row for _, row in found} - set(gone))
            noted = note(txn, meta, list(zip(rows, plans, strict=True)), name, gone, rest)
            failpoint("add: written")
            return msgspec.structs.replace(noted, next_row=next_row), (rows, gone)

        self._manager.change.begin()
        rows, gone = self._store.write(work)
        failpoint("add: committed")
        if found or not all(plan.idle for plan in plans):
            self._update_index(rows, plans, gone, [row for _, row in found])
            failpoint("add: indexed")
        self._manager.change.done()

    def _update_index(
        self, rows: list[int], plans: list[Plan], gone: list[int], deleted: list[int]
    ) -> None:
        touched = [(row, p.vector) for row, p in zip(rows, plans, strict=True) if p.touches_vector]
        kept = [(row, vector) for row, vector in touched if vector is not None]
        dim = self._store.meta.dim
        self._manager.apply(
            np.asarray([row for row, _ in kept], np.int64),
            np.stack([vector for _, vector in kept]) if kept else np.empty((0, dim), np.float32),
            np.asarray([row for row, vector in touched if vector is None] + gone, np.int64),
            np.asarray(
                [r for r, p in zip(rows, plans, strict=True) if not p.same] + deleted, np.int64
            ),
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
        found = self._found(ids)
        if not found:
            return [], []

        def work(txn: Txn, meta: Meta) -> tuple[Meta, list[int]]:
            gone = remove(txn, meta.space, found)
            journal.append(txn, meta.next_seq, gone, sorted({row for _, row in found} - set(gone)))
            failpoint("delete: written")
            return with_entry(meta), gone

        return [row for _, row in found], self._store.write(work)


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
