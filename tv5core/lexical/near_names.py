"""Names that differ from a text by a few letters, however the slips fall on its words.

Words are corrected one by one by the dictionary, and not below four letters: "the dg" has no word
to correct, "lords of sam" none that is unknown. A whole name is longer than its words. With ``k``
slips, one of ``k + 1`` parts of a text is right; the sorted entries of suggestions, which begin at
every word of a name, lead from such a part to the names that have it at its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import OSA

from tv5core import bitmap
from tv5core.analysis.names import key_words
from tv5core.lexical.suggestions import Suggestions, typed_phrase

__all__ = ["MAX_LETTERS", "NearName", "allowed_slips", "near_names"]

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

MAX_LETTERS = 80
"""Of a text that is taken for a name."""
_FEW_ENTRIES, _MAX_ENTRIES = 1_000, 20_000
"""Entries that a part may lead to: "the" leads to more and tells no names apart. With the next
letter it may lead to as many as the second says."""


class NearName(NamedTuple):
    """A name near a text.

    Attributes
    ----------
    edits : int
        A transposition counts one.
    popularity : float
        Of the best known title that has it, as ``suggestions.popularity_of`` has it.
    name : str
        Folded, with single spaces.
    """

    edits: int
    popularity: float
    name: str


class _Part(NamedTuple):
    """Words of a text: what an entry begins with, and how many bytes stand before it.

    ``longer`` has the next letter, too, which is seldom wrong: it begins a word.
    """

    text: bytes
    longer: bytes
    offset: int
    last: bool


def allowed_slips(text: str) -> int:
    """Return how many edits a name may be away: none below 4 letters, 1 below 8, then 2."""
    letters = sum(map(str.isalpha, text))
    return 0 if letters < 4 else 1 if letters < 8 else 2


def near_names(
    some: Suggestions, text: str, guess: str, alive: bitmap.Bitmap | None
) -> list[NearName]:
    """Return the names within :func:`allowed_slips` of a text of several words; none of one word.

    Parameters
    ----------
    some : Suggestions
    text : str
        As typed.
    guess : str
        The same, its words corrected one by one: a part that is right in it will do.
    alive : Bitmap or None
        Documents to consider.
    """
    typed, slips = typed_phrase(text).strip(), allowed_slips(text)
    if " " not in typed or not slips or len(typed) > MAX_LETTERS:
        return []
    corrected = typed_phrase(guess).strip()
    parts = dict.fromkeys([*_parts(typed.split(" ")), *_parts(corrected.split(" "))])
    found = [_phrases_with(some, part, len(typed.encode()), _bytes(typed, slips)) for part in parts]
    phrases = np.unique(np.concatenate(found)) if found else np.empty(0, np.uint32)
    if alive is not None:
        phrases = phrases[bitmap.test(alive, some.documents[phrases])]
    return list(_near(some, phrases, typed, slips))


def _bytes(text: str, letters: int) -> int:
    """Return the bytes that so many letters take at most, in the script of a text."""
    return letters * -(-len(text.encode()) // len(text))


def _parts(words: Sequence[str]) -> Iterator[_Part]:
    """Cut words into two parts, or three where there are as many."""
    count = len(words)
    cuts = [0, 1, count] if count == 2 else [0, count // 3 or 1, count - count // 3, count]
    for low, high in pairwise(cuts):
        offset = len(" ".join(words[:low]).encode()) + (low > 0)
        part = " ".join(words[low:high]) + " " * (high < count)
        longer = part + words[high][:1] if high < count else part
        yield _Part(part.encode(), longer.encode(), offset, high == count)


def _phrases_with(some: Suggestions, part: _Part, length: int, slack: int) -> U32:
    """Return the phrases of about a length that have a part at about its place."""
    low, high = some.between(part.text)
    if high - low > _FEW_ENTRIES:
        low, high = some.between(part.longer)
    if high - low > _MAX_ENTRIES:
        return np.empty(0, np.uint32)
    phrases, entries = some.phrases[low:high], some.entries[low:high].astype(np.int64)
    starts = _starts(some, phrases)
    here = np.abs(entries - starts - part.offset) <= (slack if part.offset else 0)
    phrases, entries, starts = phrases[here], entries[here], starts[here]  # few: then their ends
    ends = some.ends[phrases].astype(np.int64)
    right = np.abs(ends - starts - length) <= slack
    if part.last:
        right &= ends - entries == len(part.text)
    found: npt.NDArray[np.uint32] = phrases[right]
    return found


def _starts(some: Suggestions, phrases: U32) -> I64:
    """Return where phrases begin."""
    starts = np.where(phrases > 0, some.ends[np.maximum(phrases, 1) - 1], 0)
    return starts.astype(np.int64)


def _near(some: Suggestions, phrases: U32, typed: str, slips: int) -> Iterator[NearName]:
    starts, ends = _starts(some, phrases), some.ends[phrases].astype(np.int64)
    popularity, data = some.popularity[some.documents[phrases]], some.data.data
    best: dict[bytes, float] = {}
    for start, end, known in zip(starts.tolist(), ends.tolist(), popularity.tolist(), strict=True):
        name = bytes(data[start:end])
        best[name] = max(best.get(name, 0.0), known)
    for name, known in best.items():
        text = name.decode("utf-8", "replace")
        edits = OSA.distance(typed, text, score_cutoff=slips)
        if edits <= slips and _numbers(text) == _numbers(typed):
            yield NearName(edits, known, text)


def _numbers(text: str) -> list[str]:
    """Return what no slip changes: "Rocky II" is not "Rocky III"."""
    return [word for word in key_words(text) if any(map(str.isdigit, word))]
