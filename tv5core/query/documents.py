"""Documents: titles numbered within a segment, with their columns and words.

A document segment never changes. Its documents have numbers from 0, its columns and its words know
them by these, and deletions are a bitmap beside: deleting makes another segment that shares the
rest. A *key* is the row of the title in the catalogue, as in vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from tv5core import bitmap, kernels
from tv5core.bitmap import Bitmap
from tv5core.types import Title
from tv5core.vectors import SegmentId

__all__ = [
    "DocumentParts",
    "DocumentSegment",
    "DocumentSnapshot",
    "Part",
    "Schema",
]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
Sections = dict[str, npt.NDArray[Any]]

Schema = Mapping[str, str]
"""Types of the catalogue's own fields by name."""


class Part(Protocol):
    """What a document segment keeps of its titles, by document: columns, or words."""

    def __len__(self) -> int:
        """Return the number of documents."""

    @classmethod
    def build(cls, titles: Sequence[Title], schema: Schema) -> Self:
        """Make the part of titles, which become documents 0, 1, ... in that order."""

    @classmethod
    def merge(cls, parts: Sequence[Self], part: I32, document: I64) -> Self:
        """Make one part of several: document ``i`` is ``document[i]`` of ``parts[part[i]]``."""

    def sections(self) -> Sections:
        """Return the arrays that a file stores."""

    @classmethod
    def from_sections(cls, sections: Sections) -> Self:
        """Restore what :meth:`sections` returned, or raise CorruptFileError."""

    @property
    def memory_bytes(self) -> int:
        """Bytes of the arrays, mapped ones included."""


class DocumentParts(NamedTuple):
    """Which kinds of parts a document segment has."""

    columns: type[Any]
    words: type[Any]
    version: str
    """Of how they make documents of titles: with another, documents must be made again."""


@dataclass(frozen=True)
class DocumentSegment:
    """Titles with local numbers; immutable, so readers need no lock.

    Attributes
    ----------
    keys : int64[n]
        Row of each title in the catalogue, each once.
    by_key : uint32[n]
        Documents in ascending order of key.
    columns : ColumnSegment
    words : WordSegment
    alive : Bitmap or None
        Documents that are not deleted; None where none is.
    alive_count : int
    graph : SegmentId or None
        Of the sealed vectors whose rows are numbered like the first documents.
    sealed : bool
        Whether the arrays are mapped from files.
    id : SegmentId
        Kept by deletions, since the numbers stay what they are.
    """

    keys: I64
    by_key: U32
    columns: Any
    words: Any
    alive: Bitmap | None
    alive_count: int
    graph: SegmentId | None = None
    sealed: bool = False
    id: SegmentId = field(default_factory=SegmentId)

    @classmethod
    def build(
        cls, parts: DocumentParts, keys: I64, titles: Sequence[Title], schema: Schema
    ) -> DocumentSegment:
        """Make a segment in memory of titles and their keys."""
        return cls.of(keys, parts.columns.build(titles, schema), parts.words.build(titles, schema))

    @classmethod
    def of(cls, keys: I64, columns: Any, words: Any) -> DocumentSegment:
        """Make a segment in memory of its parts, nothing deleted."""
        return cls(keys, np.argsort(keys).astype(np.uint32), columns, words, None, len(keys))

    @classmethod
    def merge(
        cls, segments: Sequence[DocumentSegment], part: I32, document: I64
    ) -> DocumentSegment:
        """Make one segment in memory: document ``i`` is ``document[i]`` of ``segments[part[i]]``.

        Nothing is read again from titles.
        """
        keys = np.empty(len(part), np.int64)
        for number, segment in enumerate(segments):
            of_it = part == number
            keys[of_it] = segment.keys[document[of_it]]
        return cls.of(keys, *merged_parts(segments, part, document))

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def memory_bytes(self) -> int:
        """Bytes of all arrays, mapped ones included."""
        own = self.keys.nbytes + self.by_key.nbytes + (0 if self.alive is None else len(self.alive))
        return own + int(self.columns.memory_bytes) + int(self.words.memory_bytes)

    @property
    def removed_count(self) -> int:
        """Documents that are deleted."""
        return len(self) - self.alive_count

    def documents(self) -> I64:
        """Return the numbers of the documents that are not deleted, in ascending order."""
        return bitmap.rows(self.alive, len(self))

    def find(self, keys: I64) -> I64:
        """Return the document of each key, -1 where it is not here or deleted.

        Parameters
        ----------
        keys : int64[m]

        Returns
        -------
        int64[m]
        """
        found = kernels.find_keys(self.keys, self.by_key, np.ascontiguousarray(keys, np.int64))
        if self.alive is not None:
            here = np.flatnonzero(found >= 0)
            gone = here[~bitmap.test(self.alive, found[here])]
            found[gone] = -1
        return found

    def without(self, keys: I64) -> DocumentSegment:
        """Return the segment with the documents of some keys deleted; keys not here are ignored."""
        found = self.find(keys)
        found = np.unique(found[found >= 0])
        if not len(found):
            return self
        alive = bitmap.full(len(self)) if self.alive is None else self.alive
        return self.with_alive(bitmap.cleared(alive, found))

    def only(self, keys: I64) -> DocumentSegment:
        """Return the segment with the documents of all other keys deleted."""
        found = self.find(keys)
        return self.with_alive(bitmap.from_rows(np.unique(found[found >= 0]), len(self)))

    def with_alive(self, alive: Bitmap) -> DocumentSegment:
        """Return the segment with other deletions."""
        return replace(self, alive=alive, alive_count=bitmap.count(alive))


def merged_parts(segments: Sequence[DocumentSegment], part: I32, document: I64) -> tuple[Any, Any]:
    """Merge the columns and the words of segments; see :meth:`DocumentSegment.merge`."""
    columns = [segment.columns for segment in segments]
    words = [segment.words for segment in segments]
    return (
        type(columns[0]).merge(columns, part, document),
        type(words[0]).merge(words, part, document),
    )


def concatenated(segments: Sequence[DocumentSegment]) -> DocumentSegment:
    """Merge segments one after another, without what is deleted."""
    documents = [segment.documents() for segment in segments]
    part = np.repeat(np.arange(len(segments), dtype=np.int32), [len(some) for some in documents])
    return DocumentSegment.merge(segments, part, np.concatenate(documents))


@dataclass(frozen=True)
class DocumentSnapshot:
    """The document segments there are at one moment; a title is alive in at most one."""

    segments: tuple[DocumentSegment, ...] = ()

    @property
    def alive_count(self) -> int:
        """Titles that can be found."""
        return sum(segment.alive_count for segment in self.segments)

    def locate(self, keys: I64) -> tuple[I32, I64]:
        """Find where keys are.

        Parameters
        ----------
        keys : int64[n]

        Returns
        -------
        segment : int32[n]
            Place in :attr:`segments`; -1 where no segment has the key.
        document : int64[n]
            Number in that segment; -1 there.
        """
        segment = np.full(len(keys), -1, np.int32)
        document = np.full(len(keys), -1, np.int64)
        for number, one in enumerate(self.segments):
            found = one.find(keys)
            here = found >= 0
            segment[here], document[here] = number, found[here]
        return segment, document

    def without(self, keys: I64) -> DocumentSnapshot:
        """Return the snapshot with the documents of some keys deleted."""
        return DocumentSnapshot(tuple(segment.without(keys) for segment in self.segments))
