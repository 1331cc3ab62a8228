"""From text to the terms a model counts: folded, stemmed words and word pairs.

Titles and queries go through the same functions, so a rule need not be right as
linguistics, only harmless: "rise" becoming "rize" on both sides costs nothing, and
"terrorise" meeting "terrorize" is worth a lot.

Stemming is Snowball's English stemmer (package PyStemmer: the reference
implementation in C, no dependencies of its own). Words of other languages pass
through it mostly unharmed. Scripts written without spaces are cut into overlapping
pairs of characters, the usual poor man's segmentation.
"""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import Stemmer

__all__ = ["STOP_WORDS", "count_terms", "fold", "pairs", "stem", "stems"]

STOP_WORDS = frozenset(
    """
    a about after again all also am an and any are as at be because been before being but by can
    could did do does doing down during each either else ever every few for from further get gets
    had has have having he her here hers herself him himself his how however i if in into is it
    its itself just let me more most much must my myself no nor not now of off on once only onto
    or other our ours out over own per rather s same shall she should so some such t than that
    the their theirs them themselves then there these they this those though through thus to too
    under until up upon us very was we were what when where whether which while who whom whose
    why will with within without would yet you your yours yourself
    d ll m re ve film films movie movies
    """.split()
)

# Snowball leaves these apart. Both sides of a pair are common in synopses.
_IRREGULAR = {
    "thieves": "thief",
    "wolves": "wolf",
    "wives": "wife",
    "knives": "knife",
    "elves": "elf",
    "dwarves": "dwarf",
    "men": "man",
    "women": "woman",
    "children": "child",
    "mice": "mouse",
    "teeth": "tooth",
    "feet": "foot",
    "stole": "steal",
    "stolen": "steal",
    "fought": "fight",
    "taught": "teach",
    "fell": "fall",
    "fallen": "fall",
    "went": "go",
    "goes": "go",
    "going": "go",
    "caught": "catch",
    "bought": "buy",
    "sought": "seek",
    "hid": "hide",
    "hidden": "hide",
    "ran": "run",
    "became": "become",
    "began": "begin",
    "won": "win",
    "lost": "lose",
    "losing": "lose",
    "fled": "flee",
    "met": "meet",
    "woke": "wake",
    "grew": "grow",
    "dying": "die",
    "death": "die",
    "dead": "die",
    "dies": "die",
    "grey": "gray",
    "aeroplane": "airplane",
    "mum": "mom",
    "programme": "program",
    "jewellery": "jewelry",
    "tv": "television",
}

_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f]+")
_APOSTROPHE_S = re.compile("['\u2019\u02bc]s?\\b")
_SCIENCE_FICTION = re.compile(r"\bsci-?\s?fi\b")
_MARKS = re.compile("[\u0300-\u036f]")
# "ß", "ø", "ł" and their like have no decomposition that NFKD would find.
_LETTERS = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "\u0131": "i"}
)

# British to American, where the stemmer would keep them apart.
_SPELLING = (
    (re.compile(r"(?<=[a-z]{2}[iy])s(?=(?:e|es|ed|er|ers|ing|ation|ations)$)"), "z"),
    (re.compile(r"(?<=[a-z]{3})our"), "or"),
    (re.compile(r"(?<=[a-z]{3})tre(?=s?$)"), "ter"),
    (re.compile(r"(?<=[a-z])fence(?=s?$|less$)"), "fense"),
)

_MAX_WORD = 40  # longer runs of letters are noise: URLs, keyboard mashing
_CACHE_WORDS = 200_000

_stemmer = Stemmer.Stemmer("english", 0)
_stemmer_lock = threading.Lock()
_cache: dict[str, str] = {}


def _after_fork_in_child() -> None:
    global _stemmer, _stemmer_lock
    _stemmer, _stemmer_lock = Stemmer.Stemmer("english", 0), threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)


def fold(text: str) -> str:
    """Convert to lower case and strip accents.

    Examples
    --------
    >>> fold("Amélie GROẞ Łódź")
    'amelie gross lodz'
    """
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    return _MARKS.sub("", text)


def stems(text: str) -> list[str]:
    """Return the stems of a text's words in order, stop words left out.

    A text of nothing else keeps its stop words: "Up", "Her" and "It" are films.

    Examples
    --------
    >>> stems("The thieves who terrorised Brontë's theatre")
    ['thief', 'terror', 'bront', 'theater']
    """
    folded = fold(text)
    if "'" in folded or not folded.isascii():
        folded = _APOSTROPHE_S.sub("", folded)
    if "sci" in folded:
        folded = _SCIENCE_FICTION.sub("science fiction", folded)
    words = _WORD.findall(folded)
    if not folded.isascii():
        words = [part for word in words for part in _segments(word)]
    kept = [word for word in words if word not in STOP_WORDS]
    known = _cache.get
    return [known(word) or _remember(word) for word in kept or words]


def stem(word: str) -> str:
    """Return the stem of one folded word.

    Examples
    --------
    >>> stem("thieves")
    'thief'
    """
    return _cache.get(word) or _remember(word)


def pairs(words: Sequence[str]) -> list[str]:
    """Join neighbours, as in ``["new york", "york citi"]``."""
    return [f"{a} {b}" for a, b in pairwise(words)]


def count_terms(terms: dict[str, float], words: Iterable[str], weight: float) -> None:
    """Add a weight to the count of each word."""
    for word in words:
        terms[word] = terms.get(word, 0.0) + weight


def _remember(word: str) -> str:
    stem = _stem(word[:_MAX_WORD])
    if len(_cache) >= _CACHE_WORDS:  # a flood of distinct words must not grow it for ever
        _cache.clear()
    _cache[word] = stem
    return stem


def _stem(word: str) -> str:
    word = _IRREGULAR.get(word, word)
    for pattern, replacement in _SPELLING:
        word = pattern.sub(replacement, word)
    with _stemmer_lock:  # one Stemmer is not for several threads at once
        stem: str = _stemmer.stemWord(word)
    return stem[:-1] if stem.endswith("ll") else stem  # travell(ing) and travel(ing)


def _segments(word: str) -> Iterator[str]:
    """Cut runs of unspaced script into pairs of characters; leave the rest whole."""
    end = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > end:
            yield word[end : run.start()]
        text, end = run.group(), run.end()
        yield from (text[i : i + 2] for i in range(max(1, len(text) - 1)))
    if end < len(word):
        yield word[end:]
