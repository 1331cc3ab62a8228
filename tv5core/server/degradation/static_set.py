"""The titles that ship with tv5core: the last answer there is, from memory alone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

from tv5core.data import demo_titles
from tv5core.results import BrowseResult, SearchResult, Suggestion, Total
from tv5core.types import Hit, Title

__all__ = ["StaticSet", "static_set"]

_WORD = re.compile(r"\w+")


class StaticSet:
    """A few hundred titles: by id, by words, in an order.

    Parameters
    ----------
    titles : iterable of Title
    """

    def __init__(self, titles: Iterable[Title]) -> None:
        self.titles = tuple(titles)
        self._by_id = {title.id: title for title in self.titles}
        for title in self.titles:
            for source, name in title.external_ids.items():
                self._by_id.setdefault(f"{source}:{name}", title)
        self._words = [(title, _words(title.title), _words(_text(title))) for title in self.titles]

    def get(self, id: str) -> Title | None:
        """Return a title by its id or an external one; None where it is not among them."""
        return self._by_id.get(id)

    def search(self, text: str, k: int) -> SearchResult:
        """Find titles by the share of words they have; words of a name count twice."""
        asked = _words(text)
        if not asked:
            return self._result([(1.0, title) for title in self.titles], k)
        scored = [
            ((2 * len(asked & name) + len(asked & words)) / (3 * len(asked)), title)
            for title, name, words in self._words
        ]
        scored = [(score, title) for score, title in scored if score > 0]
        scored.sort(key=lambda pair: -pair[0])
        return self._result(scored, k)

    @staticmethod
    def _result(scored: list[tuple[float, Title]], k: int) -> SearchResult:
        hits = tuple(Hit(title.id, score, title, score) for score, title in scored[:k])
        return SearchResult(hits, Total(len(scored)))

    def suggest(self, prefix: str, k: int) -> tuple[Suggestion, ...]:
        """Complete a name's beginning, or that of one of its words."""
        asked = _plain(prefix).strip()
        found = [t for t in self.titles if asked and f" {_plain(t.title)}".find(f" {asked}") >= 0]
        return tuple(Suggestion(t.title, t.id, t.kind, t.year) for t in found[:k])

    def browse(self, k: int, genre: str | None = None, offset: int = 0) -> BrowseResult:
        """List titles in the order of the file, or those of a genre."""
        wanted = None if genre is None else genre.casefold()
        some = [
            title
            for title in self.titles
            if wanted is None or wanted in (each.casefold() for each in title.genres)
        ]
        return BrowseResult(tuple(some[offset : offset + k]), Total(len(some)))


@cache
def static_set() -> StaticSet:
    """Return the set of the shipped titles."""
    return StaticSet(demo_titles())


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(_plain(text)))


def _text(title: Title) -> str:
    people = (*(person.name for person in title.cast), *title.directors, *title.creators)
    return " ".join((title.title, title.overview, *title.genres, *title.keywords, *people))
