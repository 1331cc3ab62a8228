"""Words side by side: quoted phrases."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tv5core.analysis.names import chunks, name_words, text_chunk
from tv5core.lexical.fields import TEXT
from tv5core.lexical.postings import Postings
from tv5core.lexical.terms import Dictionary
from tv5core.lexical.tokens import ranges

__all__ = ["PlacedTerm", "documents_with", "phrase_of"]

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

_POSITIONS = 1 << 17
"""Above every position and every offset in a phrase."""


class PlacedTerm(NamedTuple):
    """A term of a phrase."""

    offset: int
    term: str


def phrase_of(text: str, field: int) -> list[PlacedTerm]:
    """Return the terms of a phrase as a field has them; stop words of running text match any."""
    if field != TEXT:
        return [PlacedTerm(i, word.term) for i, word in enumerate(name_words(text))]
    found: list[PlacedTerm] = []
    position = 0
    for chunk in map(text_chunk, chunks(text)):
        found += [PlacedTerm(position + offset, term) for offset, term in chunk.terms]
        position += chunk.positions
    return found


def documents_with(
    dictionary: Dictionary, postings: Postings, phrase: Sequence[PlacedTerm], field: int
) -> I64:
    """Return the documents that have a phrase in a field, in ascending order."""
    lists = [_list_of(dictionary, postings, placed.term, field) for placed in phrase]
    if not phrase or None in lists:
        return np.zeros(0, np.int64)
    known = [number for number in lists if number is not None]
    decoded = {number: postings.decode(np.array([number])) for number in set(known)}
    common = _common([documents for documents, _ in decoded.values()])
    if len(phrase) == 1 or not len(common):
        return common.astype(np.int64)
    places = [
        _places(postings, number, decoded[number], common) - placed.offset
        for number, placed in zip(known, phrase, strict=True)
    ]
    return np.unique(reduce(np.intersect1d, places) // _POSITIONS)


def _common(lists: Sequence[U32]) -> U32:
    """Return the documents of all lists, looking up those of the shortest in the others."""
    common, *others = sorted(lists, key=len)
    for documents in others:
        at = np.minimum(np.searchsorted(documents, common), len(documents) - 1)
        common = common[documents[at] == common]
    return common


def _list_of(dictionary: Dictionary, postings: Postings, term: str, field: int) -> int | None:
    number = dictionary.find(term)
    if number is None:
        return None
    return next((n for n in postings.lists_of(number) if postings.fields[n] == field), None)


def _places(
    postings: Postings,
    number: int,
    decoded: tuple[U32, npt.NDArray[np.uint8]],
    common: U32,
) -> I64:
    """Return where a list's term stands in some documents, as document * _POSITIONS + place."""
    documents, frequencies = decoded
    many = frequencies.astype(np.int64)
    positions = postings.decode_positions(np.array([number]), many.sum(keepdims=True))
    at = np.searchsorted(documents, common)
    starts = (np.cumsum(many) - many)[at]
    place = positions[ranges(starts, many[at])] + _POSITIONS // 2
    found: I64 = np.repeat(common.astype(np.int64), many[at]) * _POSITIONS + place
    return found
