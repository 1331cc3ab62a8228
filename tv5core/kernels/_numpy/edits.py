"""Words within a few edits of a word, in NumPy."""

from __future__ import annotations

import numpy as np

from tv5core.kernels._types import I32, U8, U32, U64

__all__ = ["MAX_WORD", "edit_distances", "prefixes_within_edits", "within_edits"]

MAX_WORD = 64
"""Characters of the longest word that is compared; longer ones match nothing."""


def within_edits(
    word: U32,
    signature: int,
    edits: int,
    signatures: U64,
    terms: U32,
    offsets: U32,
    data: U8,
) -> tuple[U32, U8]:
    """Find the terms within so many edits: insertions, deletions, substitutions, transpositions.

    The distance is that of optimal string alignment: no part is edited twice.

    Parameters
    ----------
    word : uint32[c]
        Code points, 1 to ``MAX_WORD``.
    signature : int
        Of the word: bit ``c % 32`` for a character ``c``, and bit ``32 + c % 32`` where that is met
        twice. A signature that lacks more bits than there are edits rules a term out.
    edits : int
        1 or 2.
    signatures : uint64[m]
        Of the terms to compare with.
    terms : uint32[m]
        Their numbers.
    offsets : uint32[t + 1]
        Where each term begins in ``data``.
    data : uint8[...]
        Terms in UTF-8.

    Returns
    -------
    found : uint32[n]
        Numbers of terms in the order of ``terms``.
    distances : uint8[n]
    """
    near = np.bitwise_count(np.uint64(signature) & ~signatures) <= edits
    near &= np.bitwise_count(signatures & ~np.uint64(signature)) <= edits
    candidates = terms[near]
    words = [_decode(bytes(data[offsets[t] : offsets[t + 1]])) for t in candidates.tolist()]
    return _within(word, edits, candidates, words, prefix=False)


def prefixes_within_edits(
    word: U32, edits: int, allow: U8, offsets: U32, data: U8
) -> tuple[U32, U8]:
    """Find the terms of which a beginning is within so many edits.

    Parameters
    ----------
    word : uint32[c]
        Code points, 1 to ``MAX_WORD``.
    edits : int
        1 or 2.
    allow : uint8[ceil(t / 8)]
        Bitmap of the terms that may be found.
    offsets : uint32[t + 1]
        Where each term begins in ``data``.
    data : uint8[...]
        Terms in UTF-8, in the order of their bytes; in another order some may be missed.

    Returns
    -------
    found : uint32[n]
        Numbers of terms, ascending.
    distances : uint8[n]
        Of the nearest beginning of each.
    """
    count = len(offsets) - 1
    candidates = np.flatnonzero(np.unpackbits(allow, count=count, bitorder="little"))
    words = [_decode(bytes(data[offsets[t] : offsets[t + 1]])) for t in candidates.tolist()]
    words = [found[: min(len(word) + edits, MAX_WORD)] for found in words]
    return _within(word, edits, candidates.astype(np.uint32), words, prefix=True)


def _decode(term: bytes) -> list[int]:
    return [ord(c) for c in term.decode("utf-8", "replace")]


def _within(
    word: U32, edits: int, candidates: U32, words: list[list[int]], *, prefix: bool
) -> tuple[U32, U8]:
    """Return the candidates that are near, whose letters are given."""
    lengths = np.array([len(w) for w in words], np.int32)
    fits = (lengths > 0) & (lengths <= MAX_WORD)
    table = np.zeros((len(words), MAX_WORD), np.uint32)
    for i, found in enumerate(words):
        if fits[i]:
            table[i, : len(found)] = found
    distances = edit_distances(word, table, np.where(fits, lengths, 1), prefix)
    near = fits & (distances <= edits)
    return candidates[near], distances[near].astype(np.uint8)


def edit_distances(word: U32, table: U32, lengths: I32, prefix: bool) -> I32:
    """Return the distance of a word to each of many, or to its nearest beginning."""
    count, width = len(table), int(lengths.max(initial=0))
    columns = np.arange(width + 1, dtype=np.int32)
    before = last = np.tile(columns, (count, 1))
    for i, letter in enumerate(word.tolist(), 1):
        row = np.empty_like(last)
        row[:, 0] = i
        for j in range(1, width + 1):
            cost = (table[:, j - 1] != letter).astype(np.int32)
            best = np.minimum(np.minimum(last[:, j], row[:, j - 1]) + 1, last[:, j - 1] + cost)
            if i > 1 and j > 1:
                swapped = (table[:, j - 2] == letter) & (table[:, j - 1] == word[i - 2])
                best = np.where(swapped, np.minimum(best, before[:, j - 2] + 1), best)
            row[:, j] = best
        before, last = last, row
    if prefix:
        found: I32 = np.where(columns <= lengths[:, None], last, 1 << 20).min(axis=1)
        return found.astype(np.int32)
    return last[np.arange(count), lengths]
