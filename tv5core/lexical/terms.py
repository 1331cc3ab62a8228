"""The dictionary of a segment: exact terms, prefixes, terms of one stem, terms within edits."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core import bitmap, kernels
from tv5core.analysis.names import MAX_WORD
from tv5core.analysis.words import stem
from tv5core.errors import CorruptFileError

__all__ = [
    "Dictionary",
    "allowed_edits",
    "build",
    "merge",
    "signatures_of",
    "terms_of",
    "union_of",
]

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]

_SHORTEST = 3  # characters of a term that a misspelt word may stand for
_SIGNATURES_AT_ONCE = 50_000
_MAX_FOUND = 5_000  # terms whose numbers are remembered: a query asks for each several times


@dataclass(frozen=True, eq=False)
class Dictionary:
    """The sorted terms of a segment, as its file stores them.

    Attributes
    ----------
    offsets : uint32[t + 1]
        Where each term begins in ``data``.
    data : uint8[...]
        Terms in UTF-8, in the order of their bytes.
    stems : uint32[t]
        Checksums of the terms' stems, ascending.
    stem_order : uint32[t]
        The terms they belong to.
    lengths : uint32[MAX_WORD + 2]
        The terms of ``n`` characters are those from ``lengths[n]`` to ``lengths[n + 1]`` of
        ``by_length``.
    by_length : uint32[m]
        Terms that may be meant by a misspelt word: three characters or more, no digits.
    signatures : uint64[m]
        Letters of each of them, as ``kernels.within_edits`` takes them.
    """

    offsets: U32
    data: U8
    stems: U32
    stem_order: U32
    lengths: U32
    by_length: U32
    signatures: U64

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def term(self, number: int) -> str:
        """Return a term."""
        return self._bytes(number).decode("utf-8", "replace")

    def _bytes(self, number: int) -> bytes:
        data, offsets = self._views
        return bytes(data[offsets[number] : offsets[number + 1]])

    @cached_property
    def _views(self) -> tuple[memoryview, memoryview]:
        """The arrays, as Python takes single items of them fastest."""
        return self.data.data, self.offsets.data

    @cached_property
    def _found(self) -> dict[str, int | None]:
        return {}

    def find(self, term: str) -> int | None:
        """Return a term's number, or None."""
        found = self._found.get(term, -1)
        if found != -1:
            return found
        wanted = term.encode("utf-8", "replace")
        at = self._lower_bound(wanted)
        found = at if at < len(self) and self._bytes(at) == wanted else None
        if len(self._found) >= _MAX_FOUND:
            self._found.clear()
        self._found[term] = found
        return found

    def with_prefix(self, prefix: str) -> range:
        """Return the numbers of the terms that begin so."""
        wanted = prefix.encode("utf-8", "replace")
        return range(self._lower_bound(wanted), self._lower_bound(wanted + b"\xff"))

    def _lower_bound(self, wanted: bytes) -> int:
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._bytes(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def with_stem(self, word: str) -> list[int]:
        """Return the numbers of the terms that have the stem ``word``, in order."""
        wanted = np.uint32(_checksum(word))
        low, high = (int(np.searchsorted(self.stems, wanted, s)) for s in ("left", "right"))
        found = sorted(self.stem_order[low:high].tolist())
        return [number for number in found if stem(self.term(number)) == word]

    def within_edits(self, word: str, edits: int) -> tuple[I64, U8]:
        """Return the numbers of the terms within so many edits of a word, and their distances.

        Parameters
        ----------
        word : str
            Folded.
        edits : int
            At least 1; a transposition counts one.
        """
        if not 0 < len(word) <= MAX_WORD or edits < 1:
            return np.zeros(0, np.int64), np.zeros(0, np.uint8)
        low = max(len(word) - edits, 0)
        high = min(len(word) + edits, MAX_WORD)
        begin, end = int(self.lengths[low]), int(self.lengths[high + 1])
        found, distances = kernels.within_edits(
            _points([word]),
            int(signatures_of([word])[0]),
            edits,
            self.signatures[begin:end],
            self.by_length[begin:end],
            self.offsets,
            self.data,
        )
        return found.astype(np.int64), distances

    def prefixes_within_edits(self, word: str, edits: int, allow: bitmap.Bitmap) -> tuple[I64, U8]:
        """Return the terms of which a beginning is within so many edits of a word.

        Parameters
        ----------
        word, edits
            As for :meth:`within_edits`.
        allow : Bitmap
            Terms to compare with.
        """
        if not 0 < len(word) <= MAX_WORD or edits < 1:
            return np.zeros(0, np.int64), np.zeros(0, np.uint8)
        points = _points([word])
        found, distances = kernels.prefixes_within_edits(
            points, edits, allow, self.offsets, self.data
        )
        return found.astype(np.int64), distances

    def sections(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name."""
        return {f"terms.{f.name}": getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_sections(cls, sections: dict[str, npt.NDArray[Any]]) -> Dictionary:
        """Take arrays by name.

        Raises
        ------
        CorruptFileError
            Their sizes do not fit together.
        """
        found = cls(*(sections[f"terms.{f.name}"] for f in fields(cls)))
        found._check()
        return found

    def _check(self) -> None:
        terms, compared = len(self.offsets) - 1, len(self.by_length)
        right = (
            terms >= 0
            and int(self.offsets[0]) == 0
            and int(self.offsets[-1]) == len(self.data)
            and bool((self.offsets[1:] >= self.offsets[:-1]).all())
            and len(self.stems) == len(self.stem_order) == terms
            and len(self.lengths) == MAX_WORD + 2
            and int(self.lengths[-1]) == compared == len(self.signatures)
            and bool((self.lengths[1:] >= self.lengths[:-1]).all())
            and all(not len(x) or int(x.max()) < terms for x in (self.stem_order, self.by_length))
        )
        if not right:
            raise CorruptFileError("expected a dictionary that fits together, got another")


def allowed_edits(word: str) -> int:
    """Return how many edits a word may be away: none below 4 letters, 1 below 8, then 2.

    Words with digits are never corrected: "1984" is not "1983".
    """
    if len(word) < 4 or any(c.isdigit() for c in word):
        return 0
    return 1 if len(word) < 8 else 2


def build(terms: Sequence[str]) -> Dictionary:
    """Make a dictionary of sorted terms."""
    return _assemble(terms, np.array([_checksum(stem(term)) for term in terms], np.uint32))


def merge(
    parts: Sequence[Dictionary], numbers: Sequence[I64], union: Sequence[str], kept: I64
) -> Dictionary:
    """Make the dictionary of some terms of a union of dictionaries.

    Parameters
    ----------
    parts : sequence of Dictionary
    numbers : sequence of int64[t]
        Of each part: the numbers of its terms in the union.
    union : sequence of str
        All terms, sorted.
    kept : int64[...]
        Numbers of those that the new dictionary has.
    """
    stems = np.zeros(len(union), np.uint32)
    for part, places in zip(parts, numbers, strict=True):
        stems[places[part.stem_order]] = part.stems
    return _assemble([union[i] for i in kept.tolist()], stems[kept])


def union_of(parts: Sequence[Dictionary]) -> tuple[list[str], list[I64]]:
    """Return all terms of some dictionaries, sorted, and the place of each part's terms."""
    found = [terms_of(part) for part in parts]
    union = sorted(set().union(*found))
    place = {term: number for number, term in enumerate(union)}
    return union, [np.fromiter(map(place.__getitem__, terms), np.int64) for terms in found]


def terms_of(dictionary: Dictionary) -> list[str]:
    """Return all terms."""
    data = dictionary.data.tobytes()
    bounds = dictionary.offsets.tolist()
    return [data[a:b].decode("utf-8", "replace") for a, b in pairwise(bounds)]


def _assemble(terms: Sequence[str], stems: U32) -> Dictionary:
    encoded = [term.encode("utf-8", "replace") for term in terms]
    order = np.argsort(stems, kind="stable")
    characters = np.array([len(term) for term in terms], np.int64)
    compared = np.flatnonzero(
        ~_have_digits(terms, characters) & (characters >= _SHORTEST) & (characters <= MAX_WORD)
    )
    by_length = compared[np.argsort(characters[compared], kind="stable")]
    return Dictionary(
        np.cumsum([0, *map(len, encoded)]).astype(np.uint32),
        np.frombuffer(b"".join(encoded), np.uint8),
        stems[order],
        order.astype(np.uint32),
        np.searchsorted(characters[by_length], np.arange(MAX_WORD + 2)).astype(np.uint32),
        by_length.astype(np.uint32),
        signatures_of([terms[i] for i in by_length.tolist()]),
    )


def _have_digits(terms: Sequence[str], characters: I64) -> npt.NDArray[np.bool_]:
    points = _points(terms)
    kinds, which = np.unique(points, return_inverse=True)
    digit = np.array([chr(point).isdigit() for point in kinds.tolist()], bool)
    owner = np.repeat(np.arange(len(terms)), characters)
    found: npt.NDArray[np.bool_] = np.bincount(owner[digit[which]], minlength=len(terms)) > 0
    return found


def _points(words: Sequence[str]) -> U32:
    return np.frombuffer("".join(words).encode("utf-32-le", "replace"), np.uint32)


def signatures_of(words: Sequence[str]) -> U64:
    """Return the signatures of words: which letters they have, and which of them twice."""
    parts = [
        _signatures(words[i : i + _SIGNATURES_AT_ONCE])
        for i in range(0, len(words), _SIGNATURES_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def _signatures(words: Sequence[str]) -> U64:
    points = _points(words)
    lengths = np.array([len(word) for word in words], np.int64)
    cell = np.repeat(np.arange(len(words)), lengths) * 32 + points % 32
    counts = np.bincount(cell, minlength=32 * len(words)).reshape(len(words), 32)
    bits = np.concatenate([counts >= 1, counts >= 2], axis=1)
    return np.packbits(bits, axis=1, bitorder="little").view("<u8").ravel().astype(np.uint64)


def _checksum(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "replace"))
