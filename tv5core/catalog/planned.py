"""The planned changes of titles: what each changes of what is stored, and writing that down."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.errors import CorruptFileError, FormatVersionError
from tv5core.store import embeddings, journal, lookup, titles
from tv5core.store.meta import Meta, with_entry
from tv5core.store.transaction import Txn
from tv5core.types import Title

__all__ = ["Plan", "differs", "new_rows", "note", "put", "remove", "same_text", "stored_of"]

F32 = npt.NDArray[np.float32]
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


@dataclass
class Plan:
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
        """Whether nothing is to be written."""
        return self.same and not self.touches_vector and not self.becomes_pending


def remove(txn: Txn, space: int, found: list[tuple[str, int]]) -> list[int]:
    """Remove titles; return the rows among theirs that had vectors."""
    gone = [row for _, row in found if embeddings.delete(txn, space, row)]
    for name, row in found:
        lookup.delete_id(txn, name, row)
    return gone


def differs(txn: Txn, space: int, plan: Plan) -> bool:
    """Return whether another vector is given than is stored, or none where there is one."""
    if plan.was_pending:
        return True
    if plan.vector is not None:
        return plan.old is None or not embeddings.equals(txn, space, plan.row, plan.vector)
    return plan.row >= 0 and embeddings.bytes_of(txn, space, plan.row) is not None


def stored_of(txn: Txn, plan: Plan) -> titles.StoredTitle | None:
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


def put(txn: Txn, space: int, plan: Plan, row: int) -> None:
    """Write what a plan changes."""
    if not plan.same:
        titles.put(txn, row, plan.data, plan.title, plan.old)
    if plan.becomes_pending:
        titles.set_pending(txn, row, pending=True)
    if plan.touches_vector:
        embeddings.put_or_delete(txn, space, row, plan.vector)
    if plan.was_pending and plan.touches_vector:
        titles.set_pending(txn, row, pending=False)


def note(
    txn: Txn,
    meta: Meta,
    pairs: list[tuple[int, Plan]],
    name: str,
    gone: list[int],
    rest: list[int],
) -> Meta:
    """Write the journal entry of a chunk and return the record that goes with it.

    ``gone`` and ``rest`` are rows of removed titles, with vectors and without.
    """
    vectors = [row for row, plan in pairs if plan.touches_vector] + gone
    others = [row for row, plan in pairs if not plan.touches_vector and not plan.idle] + rest
    if not vectors and not others:
        return meta
    if meta.second is not None:  # which embeds what is named among the vectors again
        retold = {row for row, plan in pairs if plan.old is not None and not same_text(plan)}
        vectors += [row for row in others if row in retold]
        others = [row for row in others if row not in retold]
    journal.append(txn, meta.next_seq, vectors, others)
    stored = (plan.vector for _, plan in pairs if plan.touches_vector)
    widths = [len(vector) for vector in stored if vector is not None]
    return with_entry(meta, widths[0], name) if widths else with_entry(meta)


def new_rows(plans: list[Plan], next_row: int) -> tuple[list[int], int]:
    """Give new titles the next rows, without changing the plans: a transaction may run twice."""
    rows = []
    for plan in plans:
        if plan.row < 0:
            rows.append(next_row)
            next_row += 1
        else:
            rows.append(plan.row)
    return rows, next_row


def same_text(plan: Plan) -> bool:
    """Return whether a title means what it meant before."""
    if plan.same or plan.old is None:
        return plan.same
    old, new = (msgspec.structs.replace(t, **_NOT_TEXT) for t in (plan.old, plan.title))
    return old == new
