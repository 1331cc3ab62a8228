"""From titles to tokens: which term stands where in which field of which document.

A text is cut at spaces, and its chunks are looked up in a table of those that were met before; what
is left to do for every occurrence is done for all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
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
_BETWEEN = f" {_BREAK} "
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
    count, vocabulary = len(titles), dict[str, int]()
    columns = list(zip(*map(field_values, titles), strict=True)) or [()] * len(FIELDS)
    # The last field is text. Of the others, one cell follows another in one list of chunks.
    names = _tokens(name_chunk, chain(*columns[:TEXT]), vocabulary)
    text = _tokens(text_chunk, columns[TEXT], vocabulary)
    cells = np.concatenate([names.cells, text.cells + TEXT * count])
    return Tokens(
        list(vocabulary),
        np.concatenate([names.terms, text.terms]),
        cells % max(count, 1),
        np.concatenate([names.positions, text.positions]),
        np.bincount(cells // max(count, 1), minlength=len(FIELDS)),
        np.concatenate([names.lengths, text.lengths]).reshape(len(FIELDS), count),
    )


class _ChunkTable(dict[str, int]):
    """Numbers chunks as they are met, and keeps their analyses."""

    def __init__(self, analyse: Callable[[str], Chunk]) -> None:
        self._analyse = analyse
        self.found = [Chunk(_GAP, ())]
        self[_BREAK] = 0

    def __missing__(self, chunk: str) -> int:
        number = self[chunk] = len(self.found)
        self.found.append(self._analyse(chunk))
        return number

    def lengths(self) -> list[int]:
        """Return how many words of each chunk count; stop words and signs alone do not."""
        return [0, *(f.positions if f.terms or f.positions > 1 else 0 for f in self.found[1:])]


class _Cells(NamedTuple):
    """Tokens of cells: a cell is one field of one document."""

    terms: I64
    cells: I64
    positions: I64
    lengths: npt.NDArray[np.uint8]


def _tokens(
    analyse: Callable[[str], Chunk],
    values: Iterable[tuple[str, ...]],
    vocabulary: dict[str, int],
) -> _Cells:
    table = _ChunkTable(analyse)
    met: list[str] = []
    ends: list[int] = []
    for texts in values:
        met += chunks(_BETWEEN.join(texts))[:_MAX_CHUNKS]
        ends.append(len(met))
    ids = np.fromiter(map(table.__getitem__, met), np.int64, len(met))
    return _expand(table, ids, np.array(ends, np.int64), vocabulary)


def _expand(table: _ChunkTable, ids: I64, ends: I64, vocabulary: dict[str, int]) -> _Cells:
    """Return the tokens of chunks, which are given by number; cells end where ``ends`` says."""
    sizes = np.diff(ends, prepend=0)
    cells = np.repeat(np.arange(len(ends)), sizes)
    lengths = np.bincount(cells, np.array(table.lengths())[ids], len(ends))
    begin = _starts(np.array([found.positions for found in table.found], np.int64)[ids])
    begin -= np.repeat(np.append(begin, 0)[ends - sizes], sizes)
    counts = np.array([len(found.terms) for found in table.found], np.int64)
    offsets, terms = _placed(table, vocabulary)
    at = ranges(_starts(counts)[ids], counts[ids])
    positions = np.repeat(begin, counts[ids]) + offsets[at]
    kept = positions <= _MAX_POSITION
    return _Cells(
        terms[at][kept],
        np.repeat(cells, counts[ids])[kept],
        positions[kept],
        np.minimum(lengths, MAX_LENGTH).astype(np.uint8),
    )


def _placed(table: _ChunkTable, vocabulary: dict[str, int]) -> tuple[I64, I64]:
    """Return the offsets and the numbers of all terms of a table."""
    placed = [term for found in table.found for term in found.terms]
    for _, term in placed:
        vocabulary.setdefault(term, len(vocabulary))
    offsets = np.array([offset for offset, _ in placed], np.int64)
    return offsets, np.array([vocabulary[term] for _, term in placed], np.int64)


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
