"""Pages of an answer: which matches are shown, decoded, grouped, and where the next page begins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import msgspec
import numpy as np

from tv5core.arguments import shown
from tv5core.catalog.grouping import Groups
from tv5core.errors import InvalidInputError
from tv5core.lexical import highlight
from tv5core.query.answering import Answer
from tv5core.query.paging import Ranking
from tv5core.query.request import SearchRequest
from tv5core.results import SearchResult, Total
from tv5core.types import Hit, Title

__all__ = ["RERANKED", "Found", "TitleSource", "page_of", "reranked", "result_of"]

RERANKED = 100
"""Matches that a reranker sees, where no more are asked for."""
_BLOCK = 32
_MORE = 4
"""Titles decoded at once to make up for some that are gone."""


class TitleSource(Protocol):
    """What titles are read from: a ``TitleReader``, or shards."""

    def titles(self, rows: Iterable[int]) -> list[Title | None]:
        """Return the titles in some rows, None where there is none."""


class Found(NamedTuple):
    """A page.

    Attributes
    ----------
    hits : list of Hit
    end : int
        Matches behind the page, in the order of the answer.
    """

    hits: list[Hit]
    end: int


def page_of(titles: TitleSource, answer: Answer, request: SearchRequest, start: int) -> Found:
    """Decode the hits of a page that begins at some place in the order.

    Titles that are gone by now are left out, and later ones take their places.
    """
    ranking = answer.ranking
    groups = None if request.group is None else Groups(request.group)
    page = _Shown(request.k, groups)
    # Groups are known by all titles before the page, too.
    place, size = 0 if groups is not None else start, request.k
    while place < len(ranking) and not page.is_full:
        some = titles.titles(ranking.keys[place : place + size].tolist())
        for title in some:
            if title is not None and not page.take(place, title, before=place < start):
                break
            place += 1
        size = _BLOCK if groups is not None else max(_MORE, request.k - len(page.hits))
    return Found(_hits(page, answer, request), place)


@dataclass
class _Shown:
    """Titles of a page, as they come."""

    k: int
    groups: Groups | None
    hits: list[tuple[int, Title]] = field(default_factory=list)
    folded: dict[int, list[str]] = field(default_factory=dict)
    _number: dict[int, int] = field(default_factory=dict)
    _met: int = 0
    _closed: bool = False

    @property
    def is_full(self) -> bool:
        """Whether nothing can change the page; a group may grow until the next begins."""
        return self._closed or (self.groups is None and len(self.hits) == self.k)

    def take(self, place: int, title: Title, *, before: bool) -> bool:
        """Take one more title; return whether there was room for it."""
        group = None if self.groups is None else self.groups.place(title)
        if group is not None:
            if group in self._number:
                self.folded.setdefault(self._number[group], []).append(title.id)
            return True
        if not before:
            if len(self.hits) == self.k:
                self._closed = True
                return False
            self._number[self._met] = len(self.hits)
            self.hits.append((place, title))
        self._met += 1
        return True


def _hits(page: _Shown, answer: Answer, request: SearchRequest) -> list[Hit]:
    ranking, words = answer.ranking, answer.words
    return [
        Hit(
            title.id,
            float(ranking.scores[place]),
            title,
            float(ranking.relevance[place]),
            _parts(ranking, place) if request.explain else {},
            tuple(page.folded.get(number, ())),
            highlight(title, words) if request.highlight and words is not None else {},
        )
        for number, (place, title) in enumerate(page.hits)
    ]


def _parts(ranking: Ranking, place: int) -> dict[str, float]:
    return {name: float(part[place]) for name, part in ranking.parts.items() if part[place]}


def reranked(titles: TitleSource, answer: Answer, request: SearchRequest) -> Answer:
    """Let the caller's function order the first matches.

    Raises
    ------
    InvalidInputError
        It does not return a number for each title.
    """
    ranking = answer.ranking
    if request.reranker is None or not len(ranking):
        return answer
    count = min(len(ranking), max(RERANKED, request.k))
    found = titles.titles(ranking.keys[:count].tolist())
    there = [place for place, title in enumerate(found) if title is not None]
    given = request.reranker(request.text, [title for title in found if title is not None])
    try:
        values = np.asarray(list(given), np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"expected numbers of reranker, got {shown(given)}") from error
    if values.shape != (len(there),) or not np.isfinite(values).all():
        raise InvalidInputError(
            f"expected {len(there)} finite numbers of reranker, got {shown(given)}"
        )
    order = np.concatenate(
        [
            np.array(there, np.int64)[np.argsort(-values, kind="stable")],
            np.arange(count, len(ranking)),
        ]
    )
    again = {
        name: getattr(ranking, name)[order] for name in ("keys", "values", "scores", "relevance")
    }
    parts = {name: part[order] for name, part in ranking.parts.items()}
    return replace(answer, ranking=replace(ranking, **again, parts=parts))


def result_of(hits: list[Hit], k: int) -> SearchResult:
    """Return the answer of vectors alone, of which nobody counts all that are near."""
    worth = [msgspec.structs.replace(hit, relevance=min(1.0, max(0.0, hit.score))) for hit in hits]
    return SearchResult(tuple(worth), Total(len(hits), "at_least" if len(hits) == k else "exact"))
