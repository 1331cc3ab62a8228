"""Folding for every script, and what is special about writing without spaces.

``words.fold`` serves the embedding, whose terms must stay what they are; this one keeps Hangul,
kana and Indic syllables whole, and folds Arabic and Hebrew.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["UNSPACED", "fold_word", "normalize", "segments", "words_of"]

# Letters and digits, and the marks that are part of a word in Indic and South-East Asian scripts,
# which ``\w`` leaves out: without them every vowel sign would end a word.
_MARKS = "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670"
_SYLLABIC = "\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e\u0eb1-\u0ecd\u0f18-\u0fbc\u102b-\u109d"
_KHMER = "\u17b4-\u17d3\u3099\u309a\u30fc"
_WORD = re.compile(f"(?:[^\\W_]|[{_MARKS}{_SYLLABIC}{_KHMER}\u0640])+")

UNSPACED = re.compile(
    "[\u0e00-\u0edf\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003134f]+"
)
"""A run of a script that is written without spaces: Thai, Lao, Burmese, Khmer, kana, Han."""

# Accents of Latin, Greek and Cyrillic, Hebrew points, Arabic vowel signs and the tatweel.
_DROPPED = re.compile(f"[{_MARKS}\u0640]")
_LETTERS = str.maketrans(
    dict(zip("øłđðħŧ\u0131\u03c2\u0454", "olddhti\u03c3\u0435", strict=True))
    | {"ß": "ss", "þ": "th", "æ": "ae", "œ": "oe"}
    # Arabic: the forms of alef, yeh and kaf, teh marbuta, and hamza on its seats.
    | dict.fromkeys("\u0623\u0625\u0622\u0671", "\u0627")
    | {"\u0649": "\u064a", "\u06cc": "\u064a", "\u06a9": "\u0643", "\u0629": "\u0647"}
    | {"\u0624": "\u0648", "\u0626": "\u064a"}
)
_FRACTION = re.compile("([\u00bc-\u00be\u2150-\u215e])")


def normalize(text: str) -> str:
    """Convert to lower case and compatible characters; accents stay.

    Examples
    --------
    >>> normalize("LÉON Ⅱ")
    'léon ii'
    """
    if text.isascii():
        return text.lower()
    text = _FRACTION.sub(r" \1", text).casefold()
    if unicodedata.is_normalized("NFKC", text):
        return text
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def words_of(text: str) -> list[str]:
    """Return the words of a normalised text; signs between them separate.

    Examples
    --------
    >>> words_of("m*a*s*h"), words_of("लगान!")
    (['m', 'a', 's', 'h'], ['लगान'])
    """
    found = _WORD.findall(text)
    return found if text.isascii() else [word for word in found if fold_word(word)]


def fold_word(word: str) -> str:
    """Strip accents and optional signs from a normalised word.

    Examples
    --------
    >>> fold_word("amélie"), fold_word("łódź"), fold_word("ёлки")
    ('amelie', 'lodz', 'елки')
    """
    if word.isascii():
        return word
    word = word.translate(_LETTERS)
    kept = _DROPPED.sub("", unicodedata.normalize("NFKD", word).translate(_LETTERS))
    return unicodedata.normalize("NFC", kept)


def segments(word: str) -> list[tuple[int, str]]:
    """Cut runs of unspaced script into pairs of characters, each with its position.

    The last character of a run stands alone as well, so that the terms that begin with any one
    character find every place where it is. What is spaced stays whole and has one position.

    Examples
    --------
    >>> segments("七人の侍")
    [(0, '七人'), (1, '人の'), (2, 'の侍'), (3, '侍')]
    >>> segments("rec")
    [(0, 'rec')]
    """
    found: list[tuple[int, str]] = []
    end = position = 0
    for run in UNSPACED.finditer(word):
        if run.start() > end:
            found.append((position, word[end : run.start()]))
            position += 1
        text, end = run.group(), run.end()
        found += [(position + i, text[i : i + 2]) for i in range(len(text))]
        position += len(text)
    if end < len(word):
        found.append((position, word[end:]))
    return found
