"""DocumentIndex: the documents of a catalogue, in step with what is noted of its changes.

Who changes titles notes their rows, which costs next to nothing. The next search that needs
documents makes segments of what was noted since the last one, from titles as they are stored by
then. So a mass import that nobody searches meanwhile pays nothing, and sealing makes segments of
many titles at once.

Small segments are merged as they come, so that there are few: each has several times the documents
of the one after it, as in a log-structured merge tree. Large ones are merged behind, where nobody
waits for it.
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

__all__ = ["BLOCK_TITLES", "DocumentIndex", "Report", "TitleSource", "compacted"]

I64 = npt.NDArray[np.int64]
Report = Callable[[int, int], None]
Share = Callable[[Iterator[tuple[I64, list[Title]]], int], Iterator[DocumentSegment] | None]

BLOCK_TITLES = 1_024
"""Titles that are in memory at once while segments are made of many."""
_GROWTH = 3
"""Documents of a segment for each of those after it, at least."""
_MADE_BEHIND = 512
"""Changed titles from which documents are made before a search asks for them."""
_MERGED_AT_ONCE = 1_024
"""Documents that are merged while a search waits: some 60 ms."""
_MANY_SEGMENTS = 12
"""Live segments from which large ones are merged behind: each costs a search some 0.1 ms."""


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
    share : callable, optional
        Makes segments of many blocks of titles on several cores; it is given the blocks and how
        many titles they may have, and returns None where that is not worth it.
    """

    load: Callable[[I64], tuple[I64, list[Title]]]
    rows: Callable[[], I64]
    schema: Callable[[], Schema]
    parts: DocumentParts
    share: Share | None = None

    def segments(self, rows: I64, report: Report) -> Iterator[DocumentSegment]:
        """Make segments of the titles in some rows, ascending and unique, in blocks."""
        blocks = self._blocks(rows, report)
        shared = None if self.share is None else self.share(blocks, len(rows))
        if shared is not None:
            yield from shared
        else:
            for keys, titles in blocks:
                yield DocumentSegment.build(self.parts, keys, titles, self.schema())
        report(len(rows), len(rows))

    def _blocks(self, rows: I64, report: Report) -> Iterator[tuple[I64, list[Title]]]:
        for start in range(0, len(rows), BLOCK_TITLES):
            report(start, len(rows))
            keys, titles = self.load(rows[start : start + BLOCK_TITLES])
            if titles:
                yield keys, titles


Note = I64 | Callable[[], bool]
"""Rows whose titles changed; or a function that checks the sealed documents before they are first
used: False where there are none to be used, so that documents of all titles are to be made."""


def _there_are_none() -> bool:
    return False


def _no_report(_done: int, _total: int) -> None:
    """Report nothing."""


class _State(NamedTuple):
    """What there is: replaced whole, so that readers need no lock."""

    built: int
    """Notes that the snapshot contains."""
    snapshot: DocumentSnapshot
    waiting: list[Note]
    """The notes after these."""


class DocumentIndex:
    """Documents of titles, made when they are needed.

    Parameters
    ----------
    source : TitleSource
    applied : int
        The last journal entry that is contained.
    sealed : DocumentSegment, optional
        What files hold; without it, all titles wait to be made documents.
    check : callable, optional
        Called before the sealed documents are first used; where it returns False, documents of
        all titles are made instead.

    Attributes
    ----------
    applied : int
        The last journal entry whose changes were noted.
    sealed : DocumentSegment or None
        What the files hold, as they hold it.
    sealed_seq : int
        The last journal entry they contain.
    in_use : bool
        Whether a search in this process has asked for documents.
    """

    def __init__(
        self,
        source: TitleSource,
        applied: int = 0,
        sealed: DocumentSegment | None = None,
        check: Callable[[], bool] | None = None,
    ) -> None:
        self._source, self.applied, self.sealed = source, applied, sealed
        self.sealed_seq, self._check = applied, check
        self.in_use, self._waiting_rows = False, 0
        self._lock = threading.RLock()  # held for moments
        self._building = threading.RLock()  # held while segments are made
        some = () if sealed is None else (sealed,)
        check = _there_are_none if sealed is None else check
        self._state = _State(0, DocumentSnapshot(some), [] if check is None else [check])

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
                self._waiting_rows += len(rows)
        self.applied = max(self.applied, applied)

    @property
    def is_complete(self) -> bool:
        """Whether there are documents to be used: what waits is only what changed since."""
        with self._lock:
            return not any(callable(note) for note in self._state.waiting)

    @property
    def waiting_count(self) -> int:
        """Titles known to have changed that wait to be made documents, at most."""
        return self._waiting_rows

    @property
    def are_due(self) -> bool:
        """Whether to make documents now: many wait, and the next search would wait for them."""
        return self.in_use and self._waiting_rows >= _MADE_BEHIND

    @property
    def live_count(self) -> int:
        """Titles that were added or changed since the files were made, at most."""
        live = [one for one in self._state.snapshot.segments if not one.sealed]
        return self._waiting_rows + sum(segment.alive_count for segment in live)

    @property
    def removed_count(self) -> int:
        """Sealed documents of titles that are gone, or changed since."""
        sealed = [one for one in self._state.snapshot.segments if one.sealed]
        before = 0 if self.sealed is None else self.sealed.alive_count
        return before - sum(segment.alive_count for segment in sealed) if sealed else 0

    @property
    def latest(self) -> DocumentSnapshot:
        """The documents made so far; what was noted since is missing."""
        return self._state.snapshot

    # -- making segments ------------------------------------------------------------------

    def settled(self, noted: int, report: Report | None = None) -> DocumentSnapshot | None:
        """Return the documents with all that was noted up to a moment, made now if need be.

        Parameters
        ----------
        noted : int
            :attr:`noted` at that moment.
        report : callable, optional
            Called with the titles made documents, and how many there are to make.

        Returns
        -------
        DocumentSnapshot or None
            None where later notes are in it by now: take a later moment.
        """
        state = self._state
        if state.built < noted:
            with self._building:
                while (state := self._state).built < noted:
                    self._build(state, noted, report or _no_report)
        return state.snapshot if state.built == noted else None

    def _build(self, state: _State, noted: int, report: Report) -> None:
        count = noted - state.built
        kept, changed = self._unsettled(state, count)
        snapshot = compacted([*kept, *self._source.segments(changed, report)])
        with self._lock:
            if self._state is state:  # else a call out of a signal handler was faster
                waiting = state.waiting[count:]
                self._state = _State(noted, snapshot, waiting)
                self._waiting_rows = sum(len(note) for note in waiting if not callable(note))

    def _unsettled(self, state: _State, count: int) -> tuple[list[DocumentSegment], I64]:
        notes = state.waiting[:count]
        kept = state.snapshot.segments
        rows = [np.empty(0, np.int64), *(note for note in notes if not callable(note))]
        if not all(note() for note in notes if callable(note)):
            kept, rows = (), [*rows, self._source.rows()]
        changed = np.unique(np.concatenate(rows))
        return [segment.without(changed) for segment in kept], changed

    # -- merging behind -------------------------------------------------------------------

    @property
    def is_fragmented(self) -> bool:
        """Whether there are so many segments that :meth:`merge_large` is worth it."""
        return len(self._state.snapshot.segments) > _MANY_SEGMENTS

    def merge_large(self) -> None:
        """Merge live segments of like size, while searches and changes go on."""
        parts = _of_like_size([one for one in self._state.snapshot.segments if not one.sealed])
        if len(parts) < 2:
            return
        merged = concatenated(parts)
        with self._building, self._lock:
            state = self._state
            now = {segment.id: segment for segment in state.snapshot.segments}
            if not all(part.id in now for part in parts):
                return  # a sealing took them over, or they were merged meanwhile
            for part in parts:
                merged = merged.without(_deleted_since(part, now.pop(part.id)))
            rest = [one for one in state.snapshot.segments if one.id in now]
            self._state = state._replace(snapshot=compacted([*rest, merged]))

    # -- sealing --------------------------------------------------------------------------

    def checked(self) -> DocumentIndex | None:
        """Return an index over the same files that need no check any more; None if they fail it."""
        if self._check is None:
            return self
        if not self._check():
            return None
        return DocumentIndex(self._source, self.sealed_seq, self.sealed)

    def unsettled(self, noted: int) -> tuple[list[DocumentSegment], I64]:
        """Return what there is of unchanged titles, and the rows of the others, up to a moment.

        Parameters
        ----------
        noted : int
            As for :meth:`settled`.
        """
        with self._building:
            state = self._state
            return self._unsettled(state, max(0, noted - state.built))

    def on(self, files: DocumentIndex, changed: I64) -> DocumentIndex:
        """Return an index over newer files, in step with this one.

        Parameters
        ----------
        files : DocumentIndex
            Over these files, which were checked; what was noted there is of no interest.
        changed : int64[n]
            All rows whose titles changed between the files and :attr:`applied`, and any others.
            What is live here of these is taken over.
        """
        sealed = files.sealed
        if sealed is None:
            return files
        with self._lock:
            state = self._state
            waiting = [note for note in state.waiting if not callable(note)]
        live = [segment for segment in state.snapshot.segments if not segment.sealed]
        if not self.is_complete:
            live = []
        late = np.concatenate([np.empty(0, np.int64), *waiting])
        taken = np.setdiff1d(changed, late)
        kept = tuple(one for segment in live if (one := segment.only(taken)).alive_count)
        snapshot = DocumentSnapshot((sealed.without(changed), *kept))
        index = DocumentIndex(self._source, files.sealed_seq, sealed)
        index._state = _State(0, snapshot, [])
        index.in_use = self.in_use
        found, _ = DocumentSnapshot(kept).locate(changed)
        index.note(changed[found < 0], self.applied)
        return index


def _of_like_size(segments: Sequence[DocumentSegment]) -> list[DocumentSegment]:
    """Return the small ones of some segments, without those as large as several of them."""
    found: list[DocumentSegment] = []
    size = 0
    for segment in sorted(segments, key=lambda one: one.alive_count):
        if len(found) > 1 and segment.alive_count > _GROWTH * size:
            break
        found.append(segment)
        size += segment.alive_count
    return found


def _deleted_since(before: DocumentSegment, now: DocumentSegment) -> I64:
    """Return the keys whose documents were deleted of a segment."""
    gone = np.setdiff1d(before.documents(), now.documents(), assume_unique=True)
    keys: I64 = before.keys[gone]
    return keys


def compacted(segments: Sequence[DocumentSegment]) -> DocumentSnapshot:
    """Merge the last of some segments, so that each has several times the documents of the next.

    Sealed and large segments stay as they are.
    """
    sealed = [segment for segment in segments if segment.sealed]
    live = [segment for segment in segments if not segment.sealed and segment.alive_count]
    live.sort(key=lambda segment: -segment.alive_count)
    from_ = len(live)
    size = 0
    for place in range(len(live) - 1, -1, -1):
        segment = live[place]
        if size + segment.alive_count > _MERGED_AT_ONCE:
            break
        if segment.alive_count < _GROWTH * size or 2 * segment.alive_count < len(segment):
            from_ = place
        size += segment.alive_count
    merged = live[from_:]
    if len(merged) > 1 or any(2 * segment.alive_count < len(segment) for segment in merged):
        merged = [concatenated(merged)]
    return DocumentSnapshot((*sealed, *live[:from_], *merged))
