"""Parts of a series by their number: "harry potter 3" is the third title of that collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tv5core import bitmap
from tv5core.analysis.spellings import number_of
from tv5core.columns import F
from tv5core.lexical import Evidence, TitleMatch, WordQuery
from tv5core.query.documents import DocumentSegment
from tv5core.query.request import Sort
from tv5core.query.sorting import keys_at, values_at

__all__ = ["with_part"]

_MOST = 100
_BY_DATE = Sort("date", descending=False)


def with_part(
    evidence: list[Evidence],
    query: WordQuery,
    segments: Sequence[DocumentSegment],
    allowed: Sequence[bitmap.Bitmap | None],
) -> list[Evidence]:
    """Let the part that a text names by the number of a series count as called so.

    Nothing changes where a title has all words of the text: "rocky 4" is "Rocky IV".

    Parameters
    ----------
    evidence : list of Evidence
        What words say, by segment.
    query : WordQuery
    segments : sequence of DocumentSegment
    allowed : sequence of Bitmap or None
        Documents of each that may answer.
    """
    name, number = _series_and_number(query)
    if not number or not _is_collection(name, segments):
        return evidence
    everything = np.uint64((1 << len(query.words)) - 1)
    if any(((some.words[0] & everything) == everything).any() for some in evidence):
        return evidence
    found = _part(name, number, segments)
    if found is None:
        return evidence
    place, document = found
    may = allowed[place]
    if may is None or bitmap.test(may, np.array([document]))[0]:
        evidence[place] = _called_so(evidence[place], document, everything)
    return evidence


def _series_and_number(query: WordQuery) -> tuple[str, int]:
    """Return what a text has before its last word, and the number that this is, or 0."""
    *before, last = query.text.casefold().split() or [""]
    digits = last if last.isascii() and last.isdigit() else number_of(last)
    number = int(digits) if digits and len(digits) < 4 else 0
    return " ".join(before), number if before and number <= _MOST else 0


def _is_collection(name: str, segments: Sequence[DocumentSegment]) -> bool:
    return any(one.columns.find_value("collection", name) is not None for one in segments)


def _part(name: str, number: int, segments: Sequence[DocumentSegment]) -> tuple[int, int] | None:
    """Return segment and document of the n-th title of a collection, by date."""
    some = [
        bitmap.rows(bitmap.intersect(one.columns.evaluate(F.collection(name)), one.alive), len(one))
        for one in segments
    ]
    places = (
        np.repeat(np.arange(len(some), dtype=np.int32), [len(rows) for rows in some]),
        np.concatenate([np.empty(0, np.int64), *some]),
    )
    values = values_at(segments, _BY_DATE, places, list)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.lexsort((keys_at(segments, places)[known], -values[known]))]
    if number > len(order):
        return None
    at = order[number - 1]
    return int(places[0][at]), int(places[1][at])


def _called_so(some: Evidence, document: int, words: np.uint64) -> Evidence:
    """Return evidence in which a document's title has all words and is the text."""
    at = int(np.searchsorted(some.documents, document))
    if at == len(some) or some.documents[at] != document:
        some = Evidence(
            np.insert(some.documents, at, document),
            np.insert(some.scores, at, 0, axis=1),
            np.insert(some.words, at, 0, axis=1),
            np.insert(some.title_match, at, 0),
        )
    masks, match = some.words.copy(), some.title_match.copy()
    masks[0, at] |= words
    match[at] = max(int(match[at]), TitleMatch.OTHER_EXACT)
    return replace(some, words=masks, title_match=match)
