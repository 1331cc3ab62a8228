"""From titles and people's names to words in all the forms that people type.

Text is cut at spaces into *chunks*. What a chunk means depends on nothing beside it, so its
analysis is remembered, and a text is analysed by looking up its chunks. "M*A*S*H" is one chunk: its
letters stand at four positions, and the joined word at the first and the last of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from tv5core.analysis.scripts import UNSPACED, fold_word, normalize, segments, words_of
from tv5core.analysis.spellings import compared, forms, looked_up, number_of
from tv5core.analysis.words import STOP_WORDS

__all__ = [
    "MAX_WORD",
    "Chunk",
    "NameWord",
    "chunks",
    "key_words",
    "name_chunk",
    "name_words",
    "near_key",
    "text_chunk",
]

MAX_WORD = 40
"""Characters of a word that count; longer runs are addresses or noise."""
_MAX_PARTS = 8  # of a chunk that are joined to one word
_CACHE_CHUNKS = 100_000  # some 45 MB

_CLITIC = re.compile("(?<=\\w)['\u2019\u02bc\u2018`](?=(?:s|t|re|ve|ll|d|m)(?![^\\W_]))")
_POSSESSIVE = re.compile("(?<=\\w)['\u2019\u02bc\u2018`]s?(?![^\\W_])")
_EDGES = '.,;:!?()[]"-'
_DOLLAR = re.compile(r"(?<=[a-z$])\$(?=[a-z$])")
_HALF = re.compile(r"\band a half\b")
_DROPPED_FROM_KEYS = frozenset("the a an and le la les l el los las il lo der die das den".split())


class Chunk(NamedTuple):
    """The analysis of a text without spaces.

    Attributes
    ----------
    positions : int
        How many positions it takes.
    terms : tuple of (int, str)
        Terms by position, from 0.
    """

    positions: int
    terms: tuple[tuple[int, str], ...]


class NameWord(NamedTuple):
    """One word of a query, as names are searched.

    Attributes
    ----------
    surface : str
        Folded.
    term : str
        The form to look up.
    chunk : int
        Number of the chunk it is part of.
    """

    surface: str
    term: str
    chunk: int


def chunks(text: str) -> list[str]:
    """Normalise a text and cut it at spaces.

    Examples
    --------
    >>> chunks("Léon: The Professional")
    ['léon:', 'the', 'professional']
    """
    return normalize(text).split()


def _remembering(analyse: Callable[[str], Chunk]) -> Callable[[str], Chunk]:
    known: dict[str, Chunk] = {}

    def remembered(chunk: str) -> Chunk:
        found = known.get(chunk)
        if found is None:
            if len(known) >= _CACHE_CHUNKS:  # a flood of distinct ones must not grow it for ever
                known.clear()
            found = known[chunk] = analyse(chunk)
        return found

    return remembered


@_remembering
def name_chunk(chunk: str) -> Chunk:
    """Analyse a chunk of a title or a name: every form of every word, and the words joined.

    Examples
    --------
    >>> name_chunk("spider-man")
    Chunk(positions=2, terms=((0, 'spider'), (0, 'spiderman'), (1, 'man'), (1, 'spiderman')))
    """
    word = chunk.strip(_EDGES)
    if word.isascii() and word.isalpha():  # most are
        number = number_of(word)
        plain = (0, word[:MAX_WORD])
        return Chunk(1, (plain, (0, number)) if number else (plain,))
    parts = _parts(chunk)
    joined = "".join(map(fold_word, parts)) if 1 < len(parts) <= _MAX_PARTS else ""
    if len(joined) > MAX_WORD or UNSPACED.search(joined):
        joined = ""
    terms: list[tuple[int, str]] = []
    position = 0
    for i, part in enumerate(parts):
        found = _placed_forms(part)
        terms += [(position + offset, form) for offset, form in found]
        if joined and i in (0, len(parts) - 1):
            terms.append((position, joined))
        position += found[-1][0] + 1
    return Chunk(position, tuple(dict.fromkeys(terms)))


@_remembering
def text_chunk(chunk: str) -> Chunk:
    """Analyse a chunk of running text: folded words; stop words take a position and no more.

    Examples
    --------
    >>> text_chunk("brontë's"), text_chunk("the")
    (Chunk(positions=1, terms=((0, 'bronte'),)), Chunk(positions=1, terms=()))
    """
    plain = chunk.strip(_EDGES)
    if plain.isascii() and plain.isalpha():  # most are
        return Chunk(1, () if plain in STOP_WORDS else ((0, plain[:MAX_WORD]),))
    terms: list[tuple[int, str]] = []
    position = 0
    for word in words_of(_POSSESSIVE.sub("", chunk)):
        found = segments(fold_word(word))
        terms += [(position + i, s[:MAX_WORD]) for i, s in found if s not in STOP_WORDS]
        position += found[-1][0] + 1
    return Chunk(position, tuple(terms))


def name_words(text: str) -> list[NameWord]:
    """Return the words of a query in order, each in the form that names are searched by.

    Examples
    --------
    >>> [word.term for word in name_words("Thir13en Ghosts, part two")]
    ['13', 'ghosts', 'part', '2']
    """
    return [
        NameWord(fold_word(segment)[:MAX_WORD], looked_up(segment)[:MAX_WORD], number)
        for number, chunk in enumerate(chunks(text))
        for part in _parts(chunk)
        for segment in _query_segments(part)
    ]


def key_words(text: str) -> list[str]:
    """Return the words of a title as they are compared whole: numbers as digits.

    Examples
    --------
    >>> key_words("Rocky II"), key_words("Se7en"), key_words("Fast & Furious")
    (['rocky', '2'], ['7'], ['fast', 'and', 'furious'])
    """
    text = normalize(text)
    if "half" in text:
        text = _HALF.sub("1/2", text)
    words = [word for chunk in text.split() for word in _key_chunk(chunk)]
    return words[:1] + [number_of(word) or word for word in words[1:]]


def near_key(words: Iterable[str]) -> str:
    """Join the words of a title without spaces, articles and "and", unless there is nothing else.

    Examples
    --------
    >>> near_key(["the", "lord", "of", "the", "rings"]), near_key(["the", "a"])
    ('lordofrings', 'thea')
    """
    words = list(words)
    kept = [word for word in words if word not in _DROPPED_FROM_KEYS]
    return "".join(kept or words)


def _parts(chunk: str) -> list[str]:
    """Return the words that signs inside a chunk separate."""
    if chunk.isalpha() and chunk.isascii():
        return [chunk]
    if chunk in ("&", "+"):
        return ["and"]
    if "$" in chunk:
        chunk = _DOLLAR.sub("s", chunk)
    return words_of(_CLITIC.sub("", chunk))


def _placed_forms(part: str) -> list[tuple[int, str]]:
    """Return the forms of a word by position; it has several where it is written unspaced."""
    if not UNSPACED.search(part):
        return [(0, form[:MAX_WORD]) for form in forms(part) or [part]]
    return [(position, segment) for position, segment in segments(fold_word(part))]


def _query_segments(part: str) -> list[str]:
    """Return the words to look up: of unspaced script the pairs, or the one character."""
    if not UNSPACED.search(part):
        return [part]
    found = [segment for _, segment in segments(fold_word(part))]
    return [s for i, s in enumerate(found) if len(s) > 1 or i == 0 or not UNSPACED.match(s)]


@lru_cache(maxsize=100_000)
def _key_chunk(chunk: str) -> tuple[str, ...]:
    """Return the words of a chunk; letters between signs, as in "m*a*s*h", are one word."""
    parts = _parts(chunk)
    if len(parts) > 1 and all(len(part) == 1 and part.isalpha() for part in parts):
        return ("".join(parts),)
    words = (compared(part) for part in parts)
    # A letter alone is a number only behind other words.
    return tuple(word if len(word) == 1 else number_of(word) or word for word in words)
