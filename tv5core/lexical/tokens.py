"""From titles to tokens: which term stands where in which field of which document.

A text is cut at spaces, and its chunks are looked up in a table of those that were met before; what
is left to do for every occurrence is done for all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tv5core.analysis.names import Chunk, chunks, name_chunk, text_chunk
from tv5core.lexical.fields import FIELDS, TEXT, field_values
from tv5core.types import Title

__all__ = ["MAX_LENGTH", "Tokens", "ranges", "tokenize"]

I64 = npt.NDArray[np.int64]

MAX_LENGTH = 255
"""Lengths above are taken for it: they are used to normalise frequencies only."""
_MAX_POSITION = 65_534
_MAX_CHUNKS = 60_000  # of one field of a title
_BREAK = "\0"  # between values of a field, so that no phrase crosses from one to the next
_GAP = 8  # positions


class Tokens(NamedTuple):
    """Tokens of some documents.

    Attributes
    ----------
    vocabulary : list of str
        Terms, in no order.
    terms, documents, positions : int64[n]
        Numbers in the vocabulary; by field, then document, then position.
    fields : int64[len(FIELDS)]
        Tokens of each field.
    lengths : uint8[len(FIELDS), documents]
    """

    vocabulary: list[str]
    terms: I64
    documents: I64
    positions: I64
    fields: I64
    lengths: npt.NDArray[np.uint8]


def tokenize(titles: Sequence[Title]) -> Tokens:
    """Tokenise titles, which become documents 0, 1 and so on."""
    vocabulary: dict[str, int] = {}
    names, text = _ChunkTable(name_chunk, vocabulary), _ChunkTable(text_chunk, vocabulary)
    columns = list(zip(*map(field_values, titles), strict=True)) or [()] * len(FIELDS)
    parts = [
        _field_tokens(text if field == TEXT else names, values)
        for field, values in enumerate(columns)
    ]
    terms, documents, positions = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return Tokens(
        list(vocabulary),
        terms,
        documents,
        positions,
        np.array([len(part[0]) for part in parts], np.int64),
        np.stack([part[3] for part in parts]).astype(np.uint8),
    )


class _ChunkTable(dict[str, int]):
    """Numbers chunks as they are met, and keeps their terms."""

    def __init__(self, analyse: Callable[[str], Chunk], vocabulary: dict[str, int]) -> None:
        self._analyse = analyse
        self._vocabulary = vocabulary
        self.positions: list[int] = []
        self.lengths: list[int] = []
        self.counts: list[int] = []
        self.terms: list[int] = []
        self.offsets: list[int] = []
        self._add(_BREAK, Chunk(_GAP, ()), 0)

    def __missing__(self, chunk: str) -> int:
        found = self._analyse(chunk)
        stops = found.positions == 1 and not found.terms  # a stop word, or signs alone
        return self._add(chunk, found, 0 if stops else found.positions)

    def _add(self, chunk: str, found: Chunk, length: int) -> int:
        self.positions.append(found.positions)
        self.lengths.append(length)
        self.counts.append(len(found.terms))
        for offset, term in found.terms:
            self.offsets.append(offset)
            self.terms.append(self._vocabulary.setdefault(term, len(self._vocabulary)))
        number = self[chunk] = len(self)
        return number


def _field_tokens(
    table: _ChunkTable, values: Iterable[tuple[str, ...]]
) -> tuple[I64, I64, I64, I64]:
    """Return terms, documents, positions, and the documents' lengths."""
    met: list[str] = []
    ends: list[int] = []
    for texts in values:
        found: list[str] = []
        for text in texts:
            found += chunks(text)
            found.append(_BREAK)
        met += found[: min(len(found) - 1, _MAX_CHUNKS)] if found else found
        ends.append(len(met))
    ids = np.fromiter(map(table.__getitem__, met), np.int64, len(met))
    return _expand(table, ids, np.array(ends, np.int64))


def _expand(table: _ChunkTable, ids: I64, ends: I64) -> tuple[I64, I64, I64, I64]:
    if not len(ids):
        empty = np.zeros(0, np.int64)
        return empty, empty, empty, np.zeros(len(ends), np.int64)
    sizes = np.diff(ends, prepend=0)
    document = np.repeat(np.arange(len(ends)), sizes)
    lengths = np.bincount(document, np.array(table.lengths)[ids], len(ends))
    position = _starts(np.array(table.positions, np.int64)[ids])
    position -= np.repeat(position[np.minimum(ends - sizes, len(ids) - 1)], sizes)
    counts = np.array(table.counts, np.int64)
    many = counts[ids]
    at = ranges(_starts(counts)[ids], many)
    position = np.repeat(position, many) + np.array(table.offsets, np.int64)[at]
    document = np.repeat(document, many)
    terms = np.array(table.terms, np.int64)[at]
    kept = position <= _MAX_POSITION
    return (
        terms[kept],
        document[kept],
        position[kept],
        np.minimum(lengths, MAX_LENGTH).astype(np.int64),
    )


def ranges(starts: npt.NDArray[np.integer], counts: npt.NDArray[np.integer]) -> I64:
    """Join the ranges of so many numbers from each start.

    Examples
    --------
    >>> ranges(np.array([5, 9]), np.array([2, 3])).tolist()
    [5, 6, 9, 10, 11]
    """
    counts = counts.astype(np.int64)
    shift = starts.astype(np.int64) - (np.cumsum(counts) - counts)
    found: I64 = np.arange(int(counts.sum())) + np.repeat(shift, counts)
    return found


def _starts(counts: I64) -> I64:
    found: I64 = np.cumsum(counts) - counts
    return found
