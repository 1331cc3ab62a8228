"""Postings: for every term and field, the documents that have it, how often, and where.

A *list* belongs to one term and one field. Lists are ordered by term, then field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core import kernels
from tv5core.errors import CorruptFileError
from tv5core.kernels import PostingBlocks
from tv5core.lexical import blocks as codec
from tv5core.lexical.fields import FIELDS
from tv5core.lexical.tokens import Tokens, ranges

__all__ = ["Postings", "from_tokens", "merge"]

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]

_CHUNK = 4_000_000
"""Postings decoded, sorted and encoded at once in a merge: about 400 MB."""
_MAX_FREQUENCY = 255
_WIDTH = len(FIELDS)


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """The posting lists of a segment, as its file stores them.

    Attributes
    ----------
    terms : uint32[t + 1]
        The lists of term ``i`` are those from ``terms[i]`` to ``terms[i + 1]``.
    fields : uint8[l]
        Field of each list.
    counts : uint32[l]
        Postings of each list.
    starts : uint32[l + 1]
        First block of each list.
    first, offsets, widths, data
        As ``tv5core.kernels.PostingBlocks`` has them.
    position_starts : uint32[l + 1]
        Where the positions of each list begin among ``positions``.
    positions : uint8[...]
        One or two bytes each, by document, then occurrence.
    """

    terms: U32
    fields: U8
    counts: U32
    starts: U32
    first: U32
    offsets: U32
    widths: U8
    data: U8
    position_starts: U32
    positions: U8

    @property
    def blocks(self) -> PostingBlocks:
        """The blocks, as kernels take them."""
        return PostingBlocks(self.first, self.offsets, self.widths, self.data)

    def lists_of(self, term: int) -> range:
        """Return the numbers of a term's lists."""
        return range(int(self.terms[term]), int(self.terms[term + 1]))

    def decode(self, lists: I64) -> tuple[U32, U8]:
        """Return documents and frequencies of some lists, one after another."""
        return kernels.decode_postings(self.blocks, self.starts[lists], self.counts[lists])

    def decode_positions(self, lists: I64, totals: I64) -> I64:
        """Return the positions of some lists of these sums of frequencies."""
        starts = self.position_starts[lists].astype(np.int64)
        sizes = self.position_starts[lists + 1].astype(np.int64) - starts
        return codec.decode_positions(self.positions, starts, sizes, totals)

    def sections(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name."""
        return {f"postings.{f.name}": getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_sections(cls, sections: dict[str, npt.NDArray[Any]]) -> Postings:
        """Take arrays by name.

        Raises
        ------
        CorruptFileError
            Their sizes do not fit together.
        """
        found = cls(*(sections[f"postings.{f.name}"] for f in fields(cls)))
        found._check()
        return found

    def _check(self) -> None:
        lists, count = len(self.fields), len(self.first)
        sizes = {
            "terms": _is_range(self.terms, lists),
            "fields": not lists or int(self.fields.max()) < _WIDTH,
            "counts": len(self.counts) == lists,
            "starts": len(self.starts) == lists + 1 and _is_range(self.starts, count),
            "offsets": len(self.offsets) == count + 1 and _is_range(self.offsets, len(self.data)),
            "widths": len(self.widths) == count,
            "position_starts": len(self.position_starts) == lists + 1
            and _is_range(self.position_starts, len(self.positions)),
        }
        wrong = [name for name, right in sizes.items() if not right]
        if wrong:
            raise CorruptFileError(f"expected postings that fit together, got others: {wrong}")
        blocks = -(-self.counts.astype(np.int64) // kernels.POSTING_BLOCK)
        if not np.array_equal(np.diff(self.starts.astype(np.int64)), blocks):
            raise CorruptFileError("expected as many blocks as postings need, got another number")


def _is_range(starts: npt.NDArray[np.integer], end: int) -> bool:
    return bool(
        len(starts) and starts[0] == 0 and starts[-1] == end and (starts[1:] >= starts[:-1]).all()
    )


def from_tokens(tokens: Tokens, rank: I64) -> Postings:
    """Make postings of tokens.

    Parameters
    ----------
    tokens : Tokens
    rank : int64[len(tokens.vocabulary)]
        Number of each term in the sorted dictionary.
    """
    field = np.repeat(np.arange(_WIDTH), tokens.fields)
    keys = rank[tokens.terms] * _WIDTH + field
    # Tokens come by field, document and position, so the place breaks ties in that order.
    packed = (keys.astype(np.uint64) << np.uint64(32)) | np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    order = (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)
    keys = (packed >> np.uint64(32)).astype(np.int64)
    documents, positions = tokens.documents[order], tokens.positions[order]
    begins = _changes(keys) | _changes(documents)
    at = np.flatnonzero(begins)
    frequencies = np.diff(at, append=len(keys))
    kept = np.minimum(frequencies, _MAX_FREQUENCY)
    builder = _Builder().add(keys[at], documents[at], kept, positions[ranges(at, kept)])
    return builder.done()[0]


def _changes(values: I64) -> npt.NDArray[np.bool_]:
    found = np.ones(len(values), bool)
    found[1:] = values[1:] != values[:-1]
    return found


class _Builder:
    """Collects encoded postings in the order of their lists."""

    def __init__(self) -> None:
        self._keys: list[I64] = []
        self._counts: list[I64] = []
        self._encoded: list[codec.Encoded] = []
        self._positions: list[tuple[I64, U8]] = []

    def add(self, keys: I64, documents: I64, frequencies: I64, positions: I64) -> _Builder:
        """Add whole lists: keys (term * fields + field) of postings in ascending order."""
        at = np.flatnonzero(_changes(keys))
        counts = np.diff(at, append=len(keys))
        self._keys.append(keys[at])
        self._counts.append(counts)
        self._encoded.append(codec.encode(counts, documents, frequencies))
        totals = np.add.reduceat(frequencies, at) if len(at) else counts
        self._positions.append(codec.encode_positions(totals, positions))
        return self

    def done(self) -> tuple[Postings, I64]:
        """Return postings of the terms that have any, and which terms those are."""
        keys, counts = np.concatenate(self._keys), np.concatenate(self._counts)
        first, sizes, widths, data = (
            np.concatenate([encoded[i] for encoded in self._encoded]) for i in range(1, 5)
        )
        blocks = np.concatenate([encoded.blocks for encoded in self._encoded])
        position_sizes, positions = (
            np.concatenate([found[i] for found in self._positions]) for i in range(2)
        )
        used, of_term = np.unique(keys // _WIDTH, return_counts=True)
        postings = Postings(
            terms=_bounds(of_term).astype(np.uint32),
            fields=(keys % _WIDTH).astype(np.uint8),
            counts=counts.astype(np.uint32),
            starts=_bounds(blocks).astype(np.uint32),
            first=first,
            offsets=codec.offsets(sizes),
            widths=widths,
            data=data,
            position_starts=codec.offsets(position_sizes),
            positions=positions,
        )
        return postings, used


def _bounds(sizes: I64) -> I64:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def merge(
    parts: Sequence[Postings], terms: Sequence[I64], documents: Sequence[I64], total: int
) -> tuple[Postings, I64]:
    """Merge postings without looking at texts.

    Parameters
    ----------
    parts : sequence of Postings
    terms : sequence of int64[t]
        New number of each term of each part, ascending.
    documents : sequence of int64[n]
        New number of each document of each part; -1 for documents that are dropped.
    total : int
        New number of terms.

    Returns
    -------
    postings : Postings
        Of the terms that are left with any document.
    used : int64[...]
        Which of the new numbers these terms had, ascending.
    """
    keys = [_list_keys(part, numbers) for part, numbers in zip(parts, terms, strict=True)]
    builder = _Builder()
    for low, high in _chunks(parts, keys, total):
        found = [
            _moved(part, key, numbers, low, high)
            for part, key, numbers in zip(parts, keys, documents, strict=True)
        ]
        builder.add(*_sorted(found))
    return builder.done()


def _list_keys(part: Postings, numbers: I64) -> I64:
    """Return the new key of every list."""
    sizes = np.diff(part.terms.astype(np.int64)).astype(np.int64)
    return np.repeat(numbers, sizes) * _WIDTH + part.fields


def _chunks(parts: Sequence[Postings], keys: Sequence[I64], total: int) -> list[tuple[int, int]]:
    """Cut the new keys into ranges of about ``_CHUNK`` postings, at bounds of terms."""
    load = np.zeros(total, np.int64)
    for part, key in zip(parts, keys, strict=True):
        load += np.bincount(key // _WIDTH, part.counts, total).astype(np.int64)
    ends = np.cumsum(load)
    cuts = np.flatnonzero(np.diff(ends // _CHUNK)) + 1
    bounds = [0, *(int(cut) * _WIDTH for cut in cuts), total * _WIDTH]
    return list(pairwise(bounds))


def _moved(
    part: Postings, keys: I64, numbers: I64, low: int, high: int
) -> tuple[I64, I64, I64, I64]:
    """Return what a part has in a range of keys: keys, new documents, frequencies, positions."""
    begin, end = np.searchsorted(keys, [low, high])
    lists = np.arange(begin, end)
    counts = part.counts[lists].astype(np.int64)
    old, frequency = part.decode(lists)
    frequencies = frequency.astype(np.int64)
    totals = _sums(frequencies, counts)
    positions = part.decode_positions(lists, totals)
    moved = numbers[old]
    kept = moved >= 0
    return (
        np.repeat(keys[begin:end], counts)[kept],
        moved[kept],
        frequencies[kept],
        positions[np.repeat(kept, frequencies)],
    )


def _sums(values: I64, counts: I64) -> I64:
    """Add up values in groups of so many."""
    ends = np.cumsum(counts)
    sums = np.concatenate([[0], np.cumsum(values)])
    found: I64 = sums[ends] - sums[ends - counts]
    return found


def _sorted(found: Sequence[tuple[I64, I64, I64, I64]]) -> tuple[I64, I64, I64, I64]:
    """Join what parts have, by key, then document."""
    keys, documents, frequencies, positions = (
        np.concatenate([part[i] for part in found]) for i in range(4)
    )
    order = np.argsort((keys << 32) | documents, kind="stable")
    starts = np.cumsum(frequencies) - frequencies
    return (
        keys[order],
        documents[order],
        frequencies[order],
        positions[ranges(starts[order], frequencies[order])],
    )
