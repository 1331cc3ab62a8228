"""Spelling by names: what a text would be called if some of its words were misspelt.

Words that nothing has are corrected one by one, each to what is likeliest alone. That misses slips
that are words too ("gone gril", "the seventh seel"), short words ("the dg"), and picks the wrong
word among equals. A whole name decides, where no title and nobody is called so as it was typed: a
title whose name differs from the whole text by no more than a slip or two; or else the name of a
title or of a person that changing rare or unknown words within their edits gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from rapidfuzz.distance import OSA

from tv5core.analysis.names import name_words
from tv5core.lexical import Statistics, TitleMatch, WordQuery
from tv5core.lexical.near_names import MAX_LETTERS
from tv5core.lexical.terms import allowed_edits
from tv5core.query.names import Names

__all__ = ["respelled"]

_MAX_WORDS = 6
_RARE = 30
"""Titles that may have a word that is still taken for a slip."""
_CHOICES = 40
"""Terms that a word may stand for."""
_MAX_TEXTS = 160

_Choice = tuple[int, str]
"""Edits, and the word they give."""


def respelled(text: str, query: WordQuery, statistics: Statistics, names: Names) -> str | None:
    """Return the name that a text is a misspelling of; None where it is none, or right.

    Parameters
    ----------
    text : str
        As typed.
    query : WordQuery
        Its words corrected one by one.
    statistics : Statistics
    names : Names
        Of the same documents.
    """
    if not query.words or len(text) > MAX_LETTERS or _is_name(query.text, names):
        return None
    if statistics.has_title_phrase([word.surface for word in name_words(text)]):
        return None
    name = _nearest_name(text, query, names) or _by_words(query, statistics, names)
    return None if name is None or _is_someone(text, query, names) else name


def _nearest_name(text: str, query: WordQuery, names: Names) -> str | None:
    """Return the best known of the names nearest to a text of several words."""
    found = names.near(text, query.text)
    if not found:
        return None
    return min(found, key=lambda one: (one.edits, -one.popularity, one.name)).name


def _is_someone(text: str, query: WordQuery, names: Names) -> bool:
    """Tell whether somebody's or a character's name is as a text was typed."""
    # Where a word was corrected, nothing has it.
    return query.did_you_mean is None and names.has_phrase(text)


def _by_words(query: WordQuery, statistics: Statistics, names: Names) -> str | None:
    """Return the best known name that the words nearest to those of a text make."""
    typed = [word.surface for word in query.words]
    if len(typed) > _MAX_WORDS:
        return None
    choices = [_choices(word, statistics) for word in typed]
    if all(len(some) == 1 for some in choices) or statistics.has_title_phrase(typed):
        return None
    best: tuple[int, float, str] | None = None
    for edits, text in _texts(choices):
        if best is not None and edits > best[0]:
            break
        popularity = names.popularity(text)
        if popularity is not None and (best is None or popularity > best[1]):
            best = edits, popularity, text
    return None if best is None else best[2]


def _choices(word: str, statistics: Statistics) -> list[_Choice]:
    """Return what a word may stand for: itself, and where it is rare, what is near."""
    own = [(0, word)]
    edits = allowed_edits(word)
    if not edits or statistics.document_frequency((word,)) > _RARE:
        return own
    near = statistics.title_terms_near(word, edits, _CHOICES, prefix=False)
    near += [one.term for one in statistics.within_edits(word, edits)[:_CHOICES]]
    others = [term for term in dict.fromkeys(near) if term != word]
    return own + [(OSA.distance(word, term), term) for term in others]


def _texts(choices: Sequence[Sequence[_Choice]]) -> Iterator[tuple[int, str]]:
    """Yield texts by the edits that they need, the typed one left out."""
    several = sorted(
        (sum(edits for edits, _ in some), " ".join(word for _, word in some))
        for _, some in zip(range(_MAX_TEXTS * 4), product(*choices), strict=False)
    )
    yield from [one for one in several if one[0]][:_MAX_TEXTS]


def _is_name(text: str, names: Names) -> bool:
    return names.popularity(text, TitleMatch.OTHER_MAIN) is not None
