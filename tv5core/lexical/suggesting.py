"""Suggesting titles for what was typed so far, over all segments, with typos."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, product
from typing import NamedTuple

from tv5core.lexical.statistics import Statistics
from tv5core.lexical.suggestions import typed_phrase
from tv5core.lexical.terms import allowed_edits

__all__ = ["Suggestion", "suggest"]

_MAX_BEGINNINGS = 12
"""Terms that a misspelt beginning may lead to; each costs a search, some 40 us."""
_MAX_WORDS = 6
_MAX_PHRASES = 40
_MAX_KNOWN = 2
"""Words that titles have and that may be slips all the same; each costs some 2 ms at a million."""


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
    corrections = _corrections(statistics, phrase, right=bool(found))
    if len(found) < k:
        known = {(one.segment, one.document) for one in found}
        others = {
            (one.segment, one.document): one
            for corrected in corrections
            for one in _top(statistics, corrected, k, corrected=True)
            if (one.segment, one.document) not in known
        }
        found += _best(others.values(), k - len(found))
    return found


def _top(statistics: Statistics, phrase: str, k: int, *, corrected: bool) -> list[Suggestion]:
    return _best(
        (
            Suggestion(number, document, popularity, corrected)
            for number, document, popularity in statistics.top(phrase, k)
        ),
        k,
    )


def _best(found: Iterable[Suggestion], k: int) -> list[Suggestion]:
    return sorted(found, key=lambda s: (-s.popularity, s.segment, s.document))[:k]


def _corrections(statistics: Statistics, phrase: str, *, right: bool) -> Iterator[str]:
    """Return phrases with misspelt words replaced.

    Words that no title has may be any of those near; where titles have all, but none has them like
    this, one of the rarer words may be, for "poter" may be somebody's name. Of the last word only
    the beginning is compared.

    Parameters
    ----------
    statistics : Statistics
    phrase : str
    right : bool
        Whether a title has the phrase as it was typed.
    """
    *before, last = phrase.split(" ")
    options = [_options(statistics, word) for word in before]
    endings = [last, *_near(statistics, last, prefix=True)]
    yield from (" ".join(words) for words in islice(product(*options, endings), _MAX_PHRASES))
    if not right and options == [[word] for word in before]:
        rarest = sorted(range(len(before)), key=lambda at: statistics.title_count(before[at]))
        for place in rarest[:_MAX_KNOWN]:
            for term in _near(statistics, before[place], prefix=False):
                yield " ".join([*before[:place], term, *before[place + 1 :], last])


def _options(statistics: Statistics, word: str) -> list[str]:
    """Return the words that a whole word may stand for."""
    if statistics.has_title_word(word):
        return [word]
    return _near(statistics, word, prefix=False)[:_MAX_WORDS] or [word]


def _near(statistics: Statistics, word: str, *, prefix: bool) -> list[str]:
    edits = allowed_edits(word)
    if not edits:
        return []
    near = statistics.title_terms_near(word, edits, _MAX_BEGINNINGS, prefix=prefix)
    return [term for term in near if term != word]
