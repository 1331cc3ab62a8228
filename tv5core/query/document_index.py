"""DocumentIndex: the documents of a catalogue, in step with what is noted of its changes.

Who changes titles notes their rows, which costs next to nothing. The next search that needs
documents makes segments of what was noted since the last one, from titles as they are stored by
then. So a mass import that nobody searches meanwhile pays nothing, and sealing makes segments of
many titles at once.

Small segments are merged as they come, so that there are few: each has several times the documents
of the one after it, as in a log-structured merge tree.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tv5core.query.documents import (
    DocumentParts,
    DocumentSegment,
    DocumentSnapshot,
    Schema,
    concatenated,
)
from tv5core.types import Title

__all__ = ["BLOCK_TITLES", "DocumentIndex", "TitleSource", "compacted"]

I64 = npt.NDArray[np.int64]

BLOCK_TITLES = 2_048
"""Titles that are in memory at once while segments are made of many."""
_GROWTH = 3
"""Documents of a segment for each of those after it, at least."""


@dataclass(frozen=True)
class TitleSource:
    """Where documents are made from.

    Attributes
    ----------
    load : callable
        From int64[n] rows, at most :data:`BLOCK_TITLES`, to those among them that have a title,
        ascending, and these titles.
    rows : callable
        Gives the rows of all titles: int64[n], ascending.
    schema : callable
        Gives the types of the catalogue's own fields.
    parts : DocumentParts
    """

    load: Callable[[I64], tuple[I64, list[Title]]]
    rows: Callable[[], I64]
    schema: Callable[[], Schema]
    parts: DocumentParts

    def segments(self, rows: I64) -> Iterator[DocumentSegment]:
        """Make segments of the titles in some rows, ascending and unique, in blocks."""
        for start in range(0, len(rows), BLOCK_TITLES):
            keys, titles = self.load(rows[start : start + BLOCK_TITLES])
            if titles:
                yield DocumentSegment.build(self.parts, keys, titles, self.schema())


class _State(NamedTuple):
    """What there is: replaced whole, so that readers need no lock."""

    built: int
    """Notes that the snapshot contains."""
    snapshot: DocumentSnapshot
    waiting: list[I64 | None]
    """The notes after these: rows; None for all titles there are."""


class DocumentIndex:
    """Documents of titles, made when they are needed.

    Parameters
    ----------
    source : TitleSource
    applied : int
        The last journal entry that is contained.
    sealed : DocumentSegment, optional
        What files hold; without it, all titles wait to be made documents.

    Attributes
    ----------
    applied : int
        The last journal entry whose changes were noted.
    """

    def __init__(
        self, source: TitleSource, applied: int = 0, sealed: DocumentSegment | None = None
    ) -> None:
        self._source, self.applied = source, applied
        self._lock = threading.RLock()  # held for moments
        self._building = threading.RLock()  # held while segments are made
        some = () if sealed is None else (sealed,)
        self._state = _State(0, DocumentSnapshot(some), [None] if sealed is None else [])

    # -- noting ---------------------------------------------------------------------------

    @property
    def noted(self) -> int:
        """How often something was noted, as :meth:`settled` takes it."""
        with self._lock:
            return self._state.built + len(self._state.waiting)

    def note(self, rows: I64, applied: int) -> None:
        """Note rows whose titles are new, changed or gone, by the journal up to an entry."""
        if len(rows):
            with self._lock:
                self._state.waiting.append(rows)
        self.applied = max(self.applied, applied)

    @property
    def is_complete(self) -> bool:
        """Whether documents of all titles were made once: what waits is what changed since."""
        with self._lock:
            return all(rows is not None for rows in self._state.waiting)

    @property
    def waiting_count(self) -> int:
        """Titles that wait to be made documents, at most; all titles count as none."""
        with self._lock:
            return sum(len(rows) for rows in self._state.waiting if rows is not None)

    @property
    def latest(self) -> DocumentSnapshot:
        """The documents made so far; what was noted since is missing."""
        return self._state.snapshot

    # -- making segments ------------------------------------------------------------------

    def settled(self, noted: int) -> DocumentSnapshot | None:
        """Return the documents with all that was noted up to a moment, made now if need be.

        Parameters
        ----------
        noted : int
            :attr:`noted` at that moment.

        Returns
        -------
        DocumentSnapshot or None
            None where later notes are in it by now: take a later moment.
        """
        state = self._state
        if state.built < noted:
            with self._building:
                while (state := self._state).built < noted:
                    self._build(state, noted)
        return state.snapshot if state.built == noted else None

    def _build(self, state: _State, noted: int) -> None:
        count = noted - state.built
        notes = state.waiting[:count]
        kept = state.snapshot.segments
        if any(rows is None for rows in notes):
            kept, notes = (), [*notes, self._source.rows()]
        rows = np.unique(np.concatenate([some for some in notes if some is not None]))
        made = list(self._source.segments(rows))
        snapshot = compacted([*(segment.without(rows) for segment in kept), *made])
        with self._lock:
            if self._state is state:  # else a call out of a signal handler was faster
                self._state = _State(noted, snapshot, state.waiting[count:])

    # -- sealing --------------------------------------------------------------------------

    def on(self, sealed: DocumentSegment, changed: I64) -> DocumentIndex:
        """Return an index over newer files, in step with this one.

        Parameters
        ----------
        sealed : DocumentSegment
        changed : int64[n]
            All rows whose titles changed between the files and :attr:`applied`, and any others.
            What is live here of these is taken over.
        """
        with self._lock:
            state = self._state
            waiting = [rows for rows in state.waiting if rows is not None]
        live = [segment for segment in state.snapshot.segments if not segment.sealed]
        if not self.is_complete:
            live = []
        late = np.concatenate([np.empty(0, np.int64), *waiting])
        taken = np.setdiff1d(changed, late)
        kept = tuple(one for segment in live if (one := segment.only(taken)).alive_count)
        snapshot = DocumentSnapshot((sealed.without(changed), *kept))
        index = DocumentIndex(self._source, self.applied, sealed)
        index._state = _State(0, snapshot, [])
        found, _ = DocumentSnapshot(kept).locate(changed)
        index.note(changed[found < 0], self.applied)
        return index


def compacted(segments: Sequence[DocumentSegment]) -> DocumentSnapshot:
    """Merge the last of some segments, so that each has several times the documents of the next.

    Sealed segments stay as they are, and so do live ones of which little is deleted.
    """
    sealed = [segment for segment in segments if segment.sealed]
    live = [segment for segment in segments if not segment.sealed and segment.alive_count]
    live.sort(key=lambda segment: -segment.alive_count)
    from_ = len(live)
    size = 0
    for place in range(len(live) - 1, -1, -1):
        segment = live[place]
        if segment.alive_count < _GROWTH * size or 2 * segment.alive_count < len(segment):
            from_ = place
        size += segment.alive_count
    merged = live[from_:]
    if len(merged) > 1 or any(2 * segment.alive_count < len(segment) for segment in merged):
        merged = [concatenated(merged)]
    return DocumentSnapshot((*sealed, *live[:from_], *merged))
