"""Queries made from the titles at hand by a seed: exact, typo, partial, numeric.

Nothing of the titles is stored in the repository; the same titles and seed give the same queries,
and :data:`CHECKSUMS` says which they were. A title serves one half only. Half the titles are drawn
by how many votes they have, half evenly, since people ask for the known and a catalogue holds the
rest. Where a name is shared, the title of the most votes is meant, and the others are second best.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import log1p

from benchmarks.relevance import numerals
from benchmarks.relevance.judgements import FIRST, SECOND, Query, Want
from benchmarks.relevance.names import folded, words
from benchmarks.relevance.slips import mistype
from benchmarks.relevance.titles import Titles
from tv5core import Title

__all__ = ["CHECKSUMS", "GENERATED", "PER_GROUP", "SEED", "checksum", "generate"]

GENERATED = ("exact", "typo", "partial", "numeric")
"""Groups made from the titles."""

_LOOSE = frozenset("the a an of and in on at to for with from is are s by i it its my your".split())

SEED = 18
PER_GROUP = 500
"""Queries of each group in each half."""

CHECKSUMS = {
    "titles": "2699e584893e50ff",
    "tuning": "cc741f5011c56be3",
    "testing": "3d9dc88d7118300d",
}
"""Of the 66,120 real titles and of what is made from them; the published figures are theirs."""

_LATIN = re.compile(r"[a-z0-9 ]+")
_LONGEST = 60
"""Characters of a name that is typed; longer ones are pasted."""


def generate(half: str, titles: Titles, count: int = PER_GROUP, seed: int = SEED) -> list[Query]:
    """Make the queries of all generated groups; fewer where the titles give no more."""
    mine = [title for title in titles if _half_of(title) == half and _typed(title)]
    names = _Names(titles)
    made: list[Query] = []
    for group, make in _MAKERS.items():
        draw = random.Random(f"{seed}/{group}/{half}")
        pool = [title for title in mine if _suits(group, title)]
        seen: set[str] = set()
        for title in _drawn(pool, draw):
            if len(seen) == min(count, len(pool)):
                break
            found = make(title, names, draw)
            if found is not None and found.text not in seen:
                seen.add(found.text)
                made.append(found)
    return made


def checksum(queries: Iterable[Query], titles: Titles) -> str:
    """Hash generated queries with the name and year of what they ask for."""
    digest = hashlib.sha256()
    for query in queries:
        best = titles.by_id[min(query.want.works[0])]
        digest.update(f"{query.group}\t{query.text}\t{best.title}\t{best.year}\n".encode())
    return digest.hexdigest()[:16]


def _half_of(title: Title) -> str:
    return "testing" if hashlib.sha256(folded(title.title).encode()).digest()[0] & 1 else "tuning"


def _typed(title: Title) -> bool:
    name = folded(title.title)
    return 0 < len(name) <= _LONGEST and bool(_LATIN.fullmatch(name))


def _suits(group: str, title: Title) -> bool:
    if group == "numeric":
        return numerals.is_numeric(words(title.title))
    return True


def _drawn(pool: list[Title], draw: random.Random) -> Iterator[Title]:
    """Draw titles, in turns by their votes and evenly, without an end."""
    known = [title for title in pool if title.votes]
    weights = [log1p(title.votes) ** 3 for title in known]
    cumulated = list(_sums(weights))
    for _ in range(200 * max(1, len(pool))):
        if known:
            yield draw.choices(known, cum_weights=cumulated)[0]
        if pool:
            yield draw.choice(pool)


def _sums(values: list[float]) -> Iterator[float]:
    total = 0.0
    for value in values:
        total += value
        yield total


class _Names:
    """Which works go by a name, the most voted first."""

    def __init__(self, titles: Titles) -> None:
        self._by_name = titles.by_name
        self._by_pair: dict[str, list[Title]] = {}
        for title in titles:
            for pair in {" ".join(each) for each in pairwise(words(title.title))}:
                self._by_pair.setdefault(pair, []).append(title)
        self._by_word: dict[str, list[Title]] = {}
        for title in titles:
            for word in set(words(title.title)):
                self._by_word.setdefault(word, []).append(title)

    def known(self, text: str) -> bool:
        return folded(text) in self._by_name

    def same(self, name: str) -> list[list[Title]]:
        """Return the works of a name: records of one year and kind are one work."""
        return _as_works(self._by_name.get(folded(name), []))

    def containing(self, part: str) -> list[list[Title]]:
        """Return the works whose name contains words in this order, side by side."""
        parts = part.split()
        some = self._by_word if len(parts) == 1 else self._by_pair
        keys = parts if len(parts) == 1 else [" ".join(pair) for pair in pairwise(parts)]
        lists = sorted((some.get(key, []) for key in keys), key=len)
        padded = f" {part} "
        return _as_works([t for t in lists[0] if padded in f" {folded(t.title)} "])


def _as_works(titles: list[Title]) -> list[list[Title]]:
    works: dict[tuple[str, str, int], list[Title]] = {}
    for title in titles:
        name, year = folded(title.title), title.year or 0
        keys = ((title.kind, name, year + off) for off in (0, -1, 1))
        near = next((key for key in keys if key in works), (title.kind, name, year))
        works.setdefault(near, []).append(title)
    return sorted(works.values(), key=lambda work: -max(title.votes for title in work))


def _query(group: str, text: str, works: list[list[Title]]) -> Query:
    ids = tuple(frozenset(title.id for title in work) for work in works)
    votes = [max(title.votes for title in work) for work in works]
    gains = tuple(FIRST if vote == votes[0] else SECOND for vote in votes)
    return Query(group, text, Want("one", ids, gains))


def _as_typed(name: str, draw: random.Random) -> str:
    """Write a name as people do: mostly in lower case and without signs."""
    style = draw.random()
    return name if style < 0.2 else name.lower() if style < 0.4 else folded(name)


def _exact(title: Title, names: _Names, draw: random.Random) -> Query:
    works = names.same(title.title)
    if title.year and draw.random() < 0.15:
        mine = [work for work in works if title in work]
        return _query("exact", f"{_as_typed(title.title, draw)} {title.year}", mine)
    return _query("exact", _as_typed(title.title, draw), works)


def _typo(title: Title, names: _Names, draw: random.Random) -> Query | None:
    name = folded(title.title)
    if len(name.replace(" ", "")) < 5:
        return None
    wrong = mistype(name, draw)
    if wrong == name or names.known(wrong):
        return None
    return _query("typo", wrong, names.same(name))


def _partial(title: Title, names: _Names, draw: random.Random) -> Query | None:
    parts = words(title.title)
    if len(parts) < 3:
        return None
    text = draw.choice((_without_article, _before_colon, _last_words, _first_words))(title, draw)
    text = _without_loose_end(text)
    if not text or text == folded(title.title) or len(text) < 5 or names.known(text):
        return None
    works = names.containing(text)
    if not works or title not in works[0] or len(works) > 20:
        return None
    return _query("partial", text, works)


def _without_loose_end(text: str) -> str:
    """Cut off last words that nobody stops after; nothing is left of too little."""
    parts = text.split()
    while parts and parts[-1] in _LOOSE:
        parts.pop()
    return " ".join(parts) if len(parts) > 1 or (parts and len(parts[0]) > 6) else ""


def _without_article(title: Title, draw: random.Random) -> str:
    del draw
    parts = words(title.title)
    return " ".join(parts[1:]) if parts[0] in {"the", "a", "an", "le", "la", "el", "der"} else ""


def _before_colon(title: Title, draw: random.Random) -> str:
    del draw
    start, colon, rest = title.title.partition(":")
    return folded(rest if colon and len(words(rest)) > 1 else start) if colon else ""


def _last_words(title: Title, draw: random.Random) -> str:
    parts = words(title.title)
    return " ".join(parts[-draw.randint(2, max(2, len(parts) - 1)) :])


def _first_words(title: Title, draw: random.Random) -> str:
    parts = words(title.title)
    return " ".join(parts[: draw.randint(2, max(2, len(parts) - 1))])


def _numeric(title: Title, names: _Names, draw: random.Random) -> Query | None:
    parts = words(title.title)
    other = numerals.rewritten(parts, draw) if draw.random() < 0.5 else parts
    text = " ".join(other)
    if other != parts and names.known(text):
        return None
    return _query("numeric", text, names.same(title.title))


_MAKERS = {"exact": _exact, "typo": _typo, "partial": _partial, "numeric": _numeric}
