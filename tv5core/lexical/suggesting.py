"""Suggesting titles for what was typed so far, over all segments, with typos."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tv5core.lexical.statistics import Statistics
from tv5core.lexical.suggestions import typed_phrase
from tv5core.lexical.terms import allowed_edits

__all__ = ["Suggestion", "suggest"]

_MAX_BEGINNINGS = 12
"""Terms that a misspelt beginning may lead to; each costs a search."""


class Suggestion(NamedTuple):
    """A document to suggest.

    Attributes
    ----------
    segment : int
        Which of ``statistics.parts``.
    document : int
    popularity : float
        As ``suggestions.popularity_of`` has it.
    corrected : bool
        Whether what was typed had to be corrected.
    """

    segment: int
    document: int
    popularity: float
    corrected: bool


def suggest(statistics: Statistics, text: str, k: int) -> list[Suggestion]:
    """Return the most popular titles with a word that begins as what was typed.

    The words typed may begin anywhere in a title, at a word's beginning. Where there are fewer than
    ``k``, words of four letters or more may be misspelt; such titles follow the others.

    Parameters
    ----------
    statistics : Statistics
    text : str
        What was typed so far; a space at its end ends the last word.
    k : int
    """
    phrase = typed_phrase(text)
    if not phrase or k < 1:
        return []
    found = _top(statistics, phrase, k, corrected=False)
    if len(found) < k:
        known = {(one.segment, one.document) for one in found}
        others = {
            (one.segment, one.document): one
            for corrected in _corrections(statistics, phrase)
            for one in _top(statistics, corrected, k, corrected=True)
            if (one.segment, one.document) not in known
        }
        found += _best(others.values(), k - len(found))
    return found


def _top(statistics: Statistics, phrase: str, k: int, *, corrected: bool) -> list[Suggestion]:
    return _best(
        (
            Suggestion(number, one.document, one.popularity, corrected)
            for number, part in enumerate(statistics.parts)
            for one in part.segment.suggestions.top(phrase, k, part.alive)
        ),
        k,
    )


def _best(found: Iterable[Suggestion], k: int) -> list[Suggestion]:
    return sorted(found, key=lambda s: (-s.popularity, s.segment, s.document))[:k]


def _corrections(statistics: Statistics, phrase: str) -> Iterator[str]:
    """Return phrases with a misspelt word replaced: whole words, and the last one's beginning."""
    *before, last = phrase.split(" ")
    fixed = [_corrected(statistics, word) for word in before]
    if last and not statistics.has_title_word(last):
        begun = " ".join([*fixed, ""])
        for term in statistics.title_terms_near(last, allowed_edits(last), _MAX_BEGINNINGS):
            yield begun + term
    if fixed != before:
        yield " ".join([*fixed, last])


def _corrected(statistics: Statistics, word: str) -> str:
    """Return the likeliest title word for one that no title has."""
    edits = allowed_edits(word)
    if not edits or statistics.has_title_word(word):
        return word
    near = statistics.title_terms_near(word, edits, 1, prefix=False)
    return near[0] if near else word
