"""The names of titles as suggestions keep them: folded, to be compared and sorted.

Each document has phrases, the first of them its title in folded words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tv5core.lexical.suggestions import Suggestions
from tv5core.query.documents import DocumentSegment

__all__ = ["first_phrases", "phrases", "title_order"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


def phrases(some: Suggestions, documents: Sequence[int]) -> list[list[str]]:
    """Return the phrases of each of some documents."""
    wanted = np.asarray(documents, np.uint32)
    owners, count = some.documents.data, len(some.documents)
    found = []
    starts = np.searchsorted(some.documents, wanted).tolist()
    for document, place in zip(wanted.tolist(), starts, strict=True):
        end = place
        while end < count and owners[end] == document:
            end += 1
        found.append([_text(some, i) for i in range(place, end)])
    return found


def first_phrases(some: Suggestions, documents: Sequence[int]) -> list[str]:
    """Return the folded title of each of some documents; empty where it has no word."""
    wanted = np.asarray(documents, np.uint32)
    found = []
    for place, document in zip(
        np.searchsorted(some.documents, wanted).tolist(), wanted.tolist(), strict=True
    ):
        there = place < len(some.documents) and int(some.documents[place]) == document
        found.append(_text(some, place) if there else "")
    return found


def _text(some: Suggestions, phrase: int) -> str:
    ends = some.ends.data  # Python takes single items of it several times faster
    start = ends[phrase - 1] if phrase else 0
    return str(some.data.data[start : ends[phrase]], "utf-8", "replace")


def title_order(segments: Sequence[DocumentSegment]) -> list[F64]:
    """Return the place of every document in the alphabet of titles, by segment.

    Equal titles have equal places; those without a word have NaN.
    """
    if not segments:
        return []
    main = max(range(len(segments)), key=lambda place: len(segments[place]))
    big = segments[main].words.suggestions
    order = [np.empty(0)] * len(segments)
    order[main] = _own_order(big, len(segments[main]))
    others = [
        (text, place, document)
        for place, segment in enumerate(segments)
        if place != main
        for document, text in enumerate(
            first_phrases(segment.words.suggestions, range(len(segment)))
        )
    ]
    for place, segment in enumerate(segments):
        if place != main:
            order[place] = np.full(len(segment), np.nan)
    _insert(big, order, sorted(others))
    return order


def _insert(big: Suggestions, order: list[F64], others: list[tuple[str, int, int]]) -> None:
    """Give titles of small segments places between those of the big one."""
    before, last, same = -1.0, "", 0
    for text, place, document in others:
        if not text:
            continue
        low, equal = _lower_bound(big, text.encode())
        at = float(low) if equal else low - 0.5
        if at != before or equal:
            same = 0
        elif text != last:
            same += 1
        before, last = at, text
        order[place][document] = at if equal else at + 1e-6 * same


def _lower_bound(some: Suggestions, wanted: bytes) -> tuple[int, bool]:
    """Return the first entry that is not below a title, and whether it is the title."""
    low, high = 0, len(some.entries)
    while low < high:
        middle = (low + high) // 2
        if _entry(some, middle) < wanted:
            low = middle + 1
        else:
            high = middle
    return low, low < len(some.entries) and _entry(some, low) == wanted


def _entry(some: Suggestions, number: int) -> bytes:
    start, end = int(some.entries[number]), int(some.ends[some.phrases[number]])
    return some.data[start:end].tobytes()


def _own_order(some: Suggestions, count: int) -> F64:
    """Return the first entry that equals each document's title, as a place in the alphabet."""
    order = np.full(count, np.nan)
    first = np.flatnonzero(np.diff(some.documents.astype(np.int64), prepend=-1))
    starts = np.concatenate([[0], some.ends[:-1]]).astype(np.int64)[first]
    by_start = np.argsort(some.entries, kind="stable")
    at = by_start[np.searchsorted(some.entries, starts, sorter=by_start)]
    order[some.documents[first]] = _first_equal(some)[at]
    return order


def _first_equal(some: Suggestions) -> F64:
    """Return for every entry the first one of the same text."""
    starts = some.entries.astype(np.int64)
    lengths = some.ends[some.phrases].astype(np.int64) - starts
    alike = np.zeros(len(starts), bool)
    alike[1:] = (lengths[1:] == lengths[:-1]) & (lengths[1:] > 0)
    # Most that differ do so in one of these letters; the rest are compared whole.
    for step in (0, 1, 2):
        for place in (lengths * step // 3, lengths - 1 - step):
            letter = some.data[starts + np.clip(place, 0, np.maximum(lengths - 1, 0))]
            alike[1:] &= letter[1:] == letter[:-1]
    for number in np.flatnonzero(alike).tolist():
        alike[number] = _entry(some, number - 1) == _entry(some, number)
    numbers = np.where(alike, 0, np.arange(len(starts)))
    return np.maximum.accumulate(numbers).astype(np.float64)
