"""Coordinator: answers for all shards as one catalogue of all titles would.

A search takes a few rounds. *Plan*: every shard plans the text and says what it had to ask of its
titles; the sums make one plan for all. *Weigh*, where words and meaning both count: how many titles
share words. *Match*: candidates with all evidence. Then candidates are chosen and weighed here, and
the titles of a page fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from tv5core.catalog.pages import page_of, reranked
from tv5core.cluster import messages
from tv5core.cluster.messages import Asked
from tv5core.cluster.planning import asked_of, sent, suggested
from tv5core.cluster.questions import Elsewhere, SharedKnowledge, question_of
from tv5core.cluster.results import ShardedResult
from tv5core.cluster.rounds import Rounds, Transport
from tv5core.cluster.searching import (
    Fetched,
    count_facets,
    match,
    plan_text,
    planned_by_all,
    rank,
)
from tv5core.columns import F
from tv5core.columns.wording import to_text
from tv5core.errors import UnknownIdError
from tv5core.query.answering import NOTHING, Answer
from tv5core.query.documents import DocumentSnapshot
from tv5core.query.grammar import as_filter
from tv5core.query.paging import MAX_KEPT, Cursor, Page, PageStore, Ranking, digest
from tv5core.query.request import SearchRequest
from tv5core.query.search import POOL, Search
from tv5core.query.view import View
from tv5core.query.vocabulary import Vocabulary
from tv5core.results import Suggestion, Total
from tv5core.store import titles
from tv5core.types import Title

__all__ = ["Coordinator"]

_CHANGE = 50
_NOTHING = View(None, DocumentSnapshot(), 0)
_NEWEST = 1 << 62


class Coordinator:
    """Answers for all shards.

    Parameters
    ----------
    transport : Transport
    schema : mapping of str to str
        Types of the catalogue's own fields.
    """

    def __init__(self, transport: Transport, schema: Mapping[str, str]) -> None:
        self._transport, self._schema = transport, schema
        self._vocabulary: tuple[int, Vocabulary] | None = None
        self._documents = 0
        self._pages = PageStore()

    # -- searching ------------------------------------------------------------------------

    async def search(self, request: SearchRequest, after: int = 0) -> ShardedResult:
        """Find titles; see ``Catalog.search``."""
        started, rounds = perf_counter(), Rounds(self._transport, after)
        fetched, query = Fetched(rounds), digest(request.text, *request.asked())
        cursor = None if request.cursor is None else Cursor.decode(request.cursor, query)
        page = None if cursor is None else self._pages.get(cursor)
        start, rows = (0, _NEWEST) if cursor is None else (cursor.place, cursor.rows)
        if page is None:
            answer, rows = await self._answer(rounds, fetched, request, cursor)
            answer = await fetched.have(lambda: reranked(fetched, answer, request))
            start = 0 if cursor is None else answer.ranking.behind(cursor.last)
            page = Page(answer)
        found, before = page.answer, start - page.start
        hits, end = await fetched.have(lambda: page_of(fetched, found, request, before))
        total, following = found.total, self._cursor(query, request, page, start, end, rows)
        if request.vector is not None and request.is_plain:
            total = Total(len(hits), "at_least" if len(hits) == request.k else "exact")
            following = ""
        return ShardedResult(
            tuple(hits),
            total,
            found.facets,
            found.did_you_mean,
            found.interpretation,
            (perf_counter() - started) * 1e3,
            following,
            shards=rounds.shards,
        )

    def _cursor(
        self, query: bytes, request: SearchRequest, page: Page, start: int, end: int, rows: int
    ) -> str:
        """Return where the next page begins; empty where there is none."""
        ranking: Ranking = page.answer.ranking
        if end >= len(ranking) and not ranking.rest:
            return ""
        order = page.name
        if not order:
            first = 0 if request.group is not None else start
            kept = ranking.cut(first, first + MAX_KEPT)
            order = self._pages.put(Page(replace(page.answer, ranking=kept), first))
        last = (float(ranking.values[end - 1]), int(ranking.keys[end - 1]))
        pool = max(POOL, request.k)
        return Cursor(query, order, page.start + end, rows, last, pool).encode()

    async def _answer(
        self, rounds: Rounds, fetched: Fetched, request: SearchRequest, cursor: Cursor | None
    ) -> tuple[Answer, int]:
        """Make a search; return its answer, and the row that the next new title will have."""
        rows, pool = (None, POOL) if cursor is None else (cursor.rows, cursor.pool)
        whole = cursor is not None or request.group is not None
        first = None if whole else max(request.k, MAX_KEPT)
        if request.vector is not None:
            asked = self._of_vector(request, rows, max(pool, request.k), first)
            nearest = Elsewhere(request.vector)
            search = Search(_NOTHING, None, nearest, "semantic", request.k, asked.pool)
            return await self._carried_out(rounds, fetched, request, asked, search), rows or _NEWEST
        given = sent(request, self._schema, rows, max(pool, request.k))
        made, table = await plan_text(rounds, given, await self._known(rounds), self._schema)
        self._documents, _, next_row, _ = table[question_of("sizes")]
        asked = asked_of(made, request, table, rows, first)
        answer = await self._carried_out(rounds, fetched, request, asked, made.search)
        return replace(answer, interpretation=made.interpretation), rows or int(next_row)

    def _of_vector(
        self, request: SearchRequest, rows: int | None, pool: int, first: int | None
    ) -> Asked:
        where = to_text(as_filter(request.where, self._schema))
        return Asked(
            None,
            {},
            "semantic",
            request.k,
            request.k if request.is_plain else pool,
            where,
            vector=request.vector,
            allow=request.allow,
            rows=rows,
            exact=request.exact,
            sort=str(request.sort),
            first=first,
        )

    async def _carried_out(
        self,
        rounds: Rounds,
        fetched: Fetched,
        request: SearchRequest,
        asked: Asked,
        search: Search | None,
    ) -> Answer:
        if search is None:
            facets = await count_facets(rounds, request, asked, None, self._schema)
            return Answer(NOTHING, Total(0), facets)
        found = await match(rounds, asked, search)
        ranking = await rank(fetched, found, request)
        facets = await count_facets(rounds, request, asked, found, self._schema)
        words = None if search.words is None else search.words.query
        total = Total(found.count, "exact" if found.complete else "at_least")
        meant = (words and words.did_you_mean) or ""
        return Answer(ranking, total, facets, meant, words=words)

    async def _known(self, rounds: Rounds) -> Vocabulary:
        """Return the words that titles give a meaning to, counted anew when they changed much."""
        known = self._vocabulary
        if known is None or _CHANGE * abs(self._documents - known[0]) > known[0]:
            found = await rounds.ask("vocabulary", None, messages.Vocabulary)
            count = sum(one.titles for one in found)
            self._documents = count
            known = self._vocabulary = count, Vocabulary.of(_together(found), count)
        return known[1]

    # -- everything else ------------------------------------------------------------------

    async def suggest(self, prefix: str, k: int, after: int = 0) -> list[Suggestion]:
        """Return titles for what was typed so far; see ``Catalog.suggest``."""
        rounds = Rounds(self._transport, after)
        fetched, vocabulary = Fetched(rounds), Vocabulary.of({}, 0)
        given = {"kind": "suggest", "text": prefix, "k": k}
        found, _ = await planned_by_all(
            rounds, given, lambda ask: suggested(given, SharedKnowledge(ask, vocabulary))
        )
        keys = [one.document for one in found]
        several = await fetched.have(lambda: fetched.titles(keys))
        return [
            Suggestion(title.title, title.id, title.kind, title.year, one.corrected)
            for one, title in zip(found, several, strict=True)
            if title is not None
        ]

    async def get_many(self, ids: Sequence[str], after: int = 0) -> list[Title | None]:
        """Return titles by id, None for those that no shard has."""
        rounds = Rounds(self._transport, after)
        found: dict[str, Title] = {}
        for one in await rounds.ask("get", list(ids), messages.Titles):
            for title in map(titles.decode, one.found.values()):
                found[title.id] = title
        return [found.get(name) for name in ids]

    async def vectors(self, ids: Sequence[str], after: int = 0) -> dict[str, Any]:
        """Return the vectors of ids that have one."""
        rounds = Rounds(self._transport, after)
        found: dict[str, Any] = {}
        for one in await rounds.ask("vectors", list(ids), messages.Vectors):
            found.update(zip(one.ids, one.vectors, strict=True))
        return found

    async def similar(self, id: str, k: int, after: int = 0) -> ShardedResult:
        """Return the titles nearest to one, itself left out; see ``Catalog.similar``."""
        if (await self.get_many([id], after))[0] is None:
            raise UnknownIdError(f"expected the id of a title, got {id!r}")
        vector = (await self.vectors([id], after)).get(id)
        if vector is None:
            return ShardedResult()
        return await self.search(SearchRequest.of(vector, k, where=~F.id(id)), after)

    async def like(
        self, ids: Sequence[str], k: int, where: object = None, after: int = 0
    ) -> ShardedResult:
        """Return the titles nearest to the mean of some, these left out."""
        found = await self.vectors(ids, after)
        if not found:
            return ShardedResult()
        units = [vector / np.linalg.norm(vector) for vector in found.values()]
        mean = np.mean(units, axis=0)
        others = ~F.id(*ids) if where is None else as_filter(where, self._schema) & ~F.id(*ids)
        return await self.search(SearchRequest.of(mean, k, where=others), after)

    async def count(self, after: int = 0) -> int:
        """Return how many titles there are."""
        rounds = Rounds(self._transport, after)
        return sum(one.titles for one in await rounds.ask("size", None, messages.Size))


def _together(found: Sequence[messages.Vocabulary]) -> dict[str, dict[str, int]]:
    """Add up the counts of values, field by field."""
    total: dict[str, Counter[str]] = {}
    for one in found:
        for name, values in one.values.items():
            total.setdefault(name, Counter()).update(values)
    return {name: dict(values) for name, values in total.items()}
