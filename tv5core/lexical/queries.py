"""From what someone typed to the terms that are looked up, corrected where nothing is known.

``expand`` finds the terms of every word, in one order whatever the segments, so that scores do not
depend on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tv5core.analysis.names import NameWord, name_words
from tv5core.analysis.scripts import UNSPACED
from tv5core.analysis.words import STOP_WORDS, stem
from tv5core.lexical.fields import GROUPS
from tv5core.lexical.statistics import NearTerm, Statistics
from tv5core.lexical.terms import allowed_edits

__all__ = ["MAX_WORDS", "QueryWord", "Typed", "WeightedTerm", "WordQuery", "expand"]

MAX_WORDS = 64
"""Words of a query that are looked up; the bits of a mask. Later ones are not."""
_MAX_CANDIDATES = 8
_STEM_WEIGHT = 0.75
"""Of another form of the word in a title: "pirate" for "Pirates of the Caribbean"."""
_CORRECTED_WEIGHT = (1.0, 0.7, 0.5)
"""Of a word, by the edits that were needed."""


class WeightedTerm(NamedTuple):
    """A term to look up."""

    term: str
    weight: float


@dataclass(frozen=True, slots=True)
class QueryWord:
    """One word of a query.

    Attributes
    ----------
    surface : str
        As typed, folded.
    groups : tuple of tuple of WeightedTerm
        The terms that stand for it, by group of fields (``fields.GROUPS``).
    weight : float
        1 where the word is known, less where it was corrected.
    corrections : tuple of NearTerm
        What it may have meant, best first, where nothing has the word itself.
    """

    surface: str
    groups: tuple[tuple[WeightedTerm, ...], ...]
    weight: float = 1.0
    corrections: tuple[NearTerm, ...] = ()

    @property
    def known(self) -> bool:
        """Whether there is any term for it."""
        return any(self.groups)


class Typed(NamedTuple):
    """A text, taken apart.

    Attributes
    ----------
    text : str
        What is left without exclusions and the signs of quoting.
    phrases, excluded : tuple of str
        Quoted phrases; words and phrases that must not be there.
    """

    text: str
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WordQuery:
    """A query whose terms are known.

    Attributes
    ----------
    text : str
        Whose key is compared with whole titles; corrected where words were.
    words : tuple of QueryWord
        Bit ``i`` of a mask stands for word ``i``.
    phrases, excluded : tuple of str
    did_you_mean : str or None
        The text with its unknown words corrected; None where there was no need.
    """

    text: str
    words: tuple[QueryWord, ...]
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    did_you_mean: str | None = None

    @property
    def known(self) -> tuple[bool, ...]:
        """Which words have any term."""
        return tuple(word.known for word in self.words)


def expand(typed: Typed | str, statistics: Statistics, *, correct: bool = True) -> WordQuery:
    """Find the terms of a query.

    Parameters
    ----------
    typed : Typed or str
        A str is taken as it is, without phrases and exclusions.
    statistics : Statistics
        Of all segments that are searched.
    correct : bool
        Whether words that no document has may stand for words nearby.
    """
    if isinstance(typed, str):
        typed = Typed(typed)
    found = name_words(typed.text)[:MAX_WORDS]
    joins = _joins(found)
    words = [
        _known_word(word, joins[i], _science_fiction(found, i), statistics)
        for i, word in enumerate(found)
    ]
    text = typed.text
    if correct and not all(word.known for word in words):
        words = [part for word in words for part in _corrected(word, statistics)][:MAX_WORDS]
        text = " ".join(_meant(word) for word in words)
    changed = any(word.corrections for word in words)
    return WordQuery(
        text if changed else typed.text,
        tuple(words),
        typed.phrases,
        typed.excluded,
        text if changed else None,
    )


def _joins(words: Sequence[NameWord]) -> list[list[str]]:
    """Return for every word the longer words that it is part of: its chunk, and with neighbours."""
    found: list[list[str]] = [[] for _ in words]
    for i in range(len(words) - 1):
        for j in (i, i + 1):
            found[j].append(words[i].surface + words[i + 1].surface)
    for number in {word.chunk for word in words}:
        inside = [i for i, word in enumerate(words) if word.chunk == number]
        for i in inside if len(inside) > 2 else ():
            found[i].append("".join(words[j].surface for j in inside))
    return found


def _science_fiction(words: Sequence[NameWord], i: int) -> tuple[str, ...]:
    """Return the words that "sci-fi" stands for, for its half or the whole of it."""
    if words[i].surface == "scifi":
        return ("science", "fiction")
    if words[i].surface == "sci" and i + 1 < len(words) and words[i + 1].surface == "fi":
        return ("science",)
    if words[i].surface == "fi" and i and words[i - 1].surface == "sci":
        return ("fiction",)
    return ()


def _known_word(
    word: NameWord, joins: Sequence[str], meant: Sequence[str], statistics: Statistics
) -> QueryWord:
    exact = {word.term: 1.0, **dict.fromkeys(joins, 1.0)}
    if len(word.term) == 1 and UNSPACED.match(word.term):  # terms are pairs of characters
        exact.update(dict.fromkeys(statistics.with_prefix(word.term), 1.0))
    # A number's other spellings are terms of the same documents: they would count twice.
    mates = statistics.with_stem(stem(word.term)) if word.term.isalpha() else []
    title = {**dict.fromkeys(mates, _STEM_WEIGHT), **exact}
    text = {} if word.surface in STOP_WORDS else dict(exact)
    if text:
        same = statistics.with_stem(stem(word.surface))
        text.update(dict.fromkeys([*mates, *same, *meant], 1.0))
    people = {word.surface: 1.0, **exact}
    return _query_word(word.surface, (title, people, text), statistics)


def _query_word(
    surface: str, groups: Sequence[dict[str, float]], statistics: Statistics
) -> QueryWord:
    found = tuple(
        tuple(
            WeightedTerm(term, weight)
            for term, weight in sorted(terms.items(), key=lambda item: (-item[1], item[0]))
            if statistics.document_frequency((term,), GROUPS[group].fields)
        )
        for group, terms in enumerate(groups)
    )
    return QueryWord(surface, found)


def _corrected(word: QueryWord, statistics: Statistics) -> list[QueryWord]:
    if word.known:
        return [word]
    near = _best(word.surface, statistics)
    split = None if near and near[0].distance < 1 else _split(word.surface, statistics)
    if split is not None:
        return split
    if not near:
        return [word]
    groups = tuple(
        tuple(
            WeightedTerm(candidate.term, 1.0)
            for candidate in sorted(near, key=lambda n: n.term)
            if statistics.document_frequency((candidate.term,), group.fields)
        )
        for group in GROUPS
    )
    return [
        replace(
            word, groups=groups, weight=_CORRECTED_WEIGHT[near[0].distance], corrections=tuple(near)
        )
    ]


def _best(word: str, statistics: Statistics) -> list[NearTerm]:
    """Return the nearest terms, likelier ones first."""
    edits = allowed_edits(word)
    found = statistics.within_edits(word, edits) if edits else []
    # The first letter is seldom wrong.
    found.sort(key=lambda n: (n.term[:1] != word[:1], -n.frequency, n.term))
    return found[:_MAX_CANDIDATES]


def _split(word: str, statistics: Statistics) -> list[QueryWord] | None:
    """Return the two words that were written as one, where a title has them side by side."""
    if not 4 <= len(word) <= 40:
        return None
    splits = [(word[:i], word[i:]) for i in range(2, len(word) - 1)]
    known = [
        pair for pair in splits if all(statistics.document_frequency((term,)) for term in pair)
    ]
    pair = next((pair for pair in known if statistics.has_title_phrase(pair)), None)
    if pair is None:
        return None
    return [_part(term, statistics) for term in pair]


def _part(term: str, statistics: Statistics) -> QueryWord:
    found = _query_word(term, [{term: 1.0}] * len(GROUPS), statistics)
    frequency = statistics.document_frequency((term,))
    return replace(found, weight=_CORRECTED_WEIGHT[1], corrections=(NearTerm(term, 1, frequency),))


def _meant(word: QueryWord) -> str:
    return word.corrections[0].term if word.corrections else word.surface
