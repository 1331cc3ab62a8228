"""From a query to titles: embed a text, search the index, decode what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.arguments import as_array, check_int
from tv5core.catalog.index.manager import ServedIndex
from tv5core.catalog.index.recovery_log import RecoveryLog
from tv5core.catalog.nearest import exact_scores, explained, neighbours, search_index
from tv5core.catalog.pages import page_of, reranked, result_of
from tv5core.catalog.spaces.second_space import SecondSpace
from tv5core.catalog.spaces.text_embedding import TextEmbedding
from tv5core.catalog.title_reader import TitleReader
from tv5core.columns import F
from tv5core.columns.expressions import all_of
from tv5core.columns.wording import to_text
from tv5core.errors import EmbedderMismatchError, InvalidInputError, VectorDatabaseError
from tv5core.lexical import suggest
from tv5core.observing import stage
from tv5core.query.answering import answer
from tv5core.query.grammar import as_filter
from tv5core.query.knowledge import Knowledge
from tv5core.query.paging import MAX_KEPT, Cursor, Page, PageStore, Ranking, digest
from tv5core.query.planning import Context
from tv5core.query.request import MAX_K, SearchRequest
from tv5core.query.search import POOL
from tv5core.query.second import ExplainedSearch, NearestSearch, Scores, SecondMeaning
from tv5core.query.view import View
from tv5core.results import BrowseResult, SearchResult, Suggestion
from tv5core.store import Store, embeddings
from tv5core.store.transaction import Txn
from tv5core.types import Title
from tv5core.vectors import (
    Filter,
    Matches,
    SearchOptions,
    SearchSettings,
    Snapshot,
    VectorIndex,
    check_vectors,
)

__all__ = ["Searcher", "are_texts"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


class Searcher:
    """Answer queries from one index and the titles in the store.

    Parameters
    ----------
    store : Store
    text : TextEmbedding
    second : SecondSpace
    recovery : RecoveryLog
        Where damaged titles are noted.
    """

    def __init__(
        self, store: Store, text: TextEmbedding, second: SecondSpace, recovery: RecoveryLog
    ) -> None:
        self._store, self._text, self._second = store, text, second
        self._titles = TitleReader(store, recovery)
        self._knowledge, self._pages = Knowledge(), PageStore()

    def search(self, served: ServedIndex, request: SearchRequest) -> SearchResult:
        """Find titles; see ``Catalog.search``."""
        started = perf_counter()
        with stage("search"):
            if request.vector is not None and request.is_plain:
                found = self._nearest(served, request, request.vector)
            else:
                found = self._page_or_words(served, request)
        return msgspec.structs.replace(found, took_ms=(perf_counter() - started) * 1e3)

    def browse(
        self, served: ServedIndex, request: SearchRequest, genre: str | None, offset: int
    ) -> BrowseResult:
        """List titles in an order; see ``Catalog.browse``."""
        where = as_filter(request.where, self._store.meta.extra_fields)
        if genre is not None:
            where = all_of([where, F.genre(genre)])
        found = self._page(served, replace(request, where=where), offset)
        titles = tuple(hit.title for hit in found.hits)
        return BrowseResult(titles, found.total, found.facets, found.cursor, found.explanation)

    def search_many(
        self, served: ServedIndex, requests: Sequence[SearchRequest], threads: int
    ) -> list[SearchResult]:
        """Make several searches, in some threads."""
        if threads == 1 or len(requests) < 2:
            return [self.search(served, one) for one in requests]
        with ThreadPoolExecutor(threads or None) as pool:
            return list(pool.map(partial(self.search, served), requests))

    def search_vectors(
        self,
        served: ServedIndex,
        vectors: npt.ArrayLike,
        k: int,
        allow: Sequence[str] | None,
        *,
        exact: bool,
        threads: int,
    ) -> list[SearchResult]:
        """Search the rows of a matrix at once."""
        matrix = self.vectors_of(served, vectors)
        if served.index is None:
            check_vectors(matrix)
            return [SearchResult() for _ in matrix]
        if not len(matrix):
            return []
        options = self._options(served.index, allow, exact, threads, text=False)
        found = served.index.search_with(matrix, k, options)
        answers = []
        for vector, keys, scores in zip(matrix, found.keys, found.scores, strict=True):
            more = partial(search_index, served.index, vector, options)
            answers.append(result_of(self._titles.hits(Matches(keys, scores), k, more), k))
        return answers

    def similar(
        self,
        served: ServedIndex,
        found_by: Callable[[Txn], tuple[int, Title]],
        k: int,
        cursor: str | None,
    ) -> SearchResult:
        """Find the titles nearest to a row's, itself left out; none where it has no vector.

        Parameters
        ----------
        served : ServedIndex
        found_by : callable
            Looks row and title up, in the transaction that reads its vector.
        k : int
        cursor : str or None
        """
        k, dim = check_int("k", k, 1, MAX_K), self._store.meta.dim
        with self._store.read() as txn:
            row, title = found_by(txn)
            vector = embeddings.get(txn, served.space, row, dim)
        index = served.index
        if vector is None or index is None:
            return SearchResult()
        if cursor is not None:
            request = SearchRequest.of(vector, k, where=~F.id(title.id), cursor=cursor)
            return self._page(served, request, like=title.id)
        options = self._options(index, None, exact=False, text=False)
        search = partial(search_index, index, vector, options)
        with stage("search"):
            matches = search(k + 1)
            with stage("decode"):
                return result_of(self._titles.hits(matches, k, search, (row, title.id)), k)

    def rows(self, ids: Sequence[str]) -> I64:
        """Return the rows of ids, unknown ones left out: int64[n]."""
        return self._titles.rows(ids)

    def filter_text(self, where: object) -> str:
        """Return a filter as text in its normal form."""
        return to_text(as_filter(where, self._store.meta.extra_fields))

    def suggest(self, served: ServedIndex, prefix: str, k: int) -> list[Suggestion]:
        """Return titles for what was typed so far."""
        documents = served.view().documents
        found = suggest(self._knowledge.statistics(documents), prefix, k)
        keys = [int(documents.segments[one.segment].keys[one.document]) for one in found]
        return [
            Suggestion(title.title, title.id, title.kind, title.year, one.corrected)
            for one, title in zip(found, self._titles.titles(keys), strict=True)
            if title is not None
        ]

    def vectors_of(self, served: ServedIndex, queries: Sequence[str] | npt.ArrayLike) -> F32:
        """Embed texts, or return the matrix given: float32[n, dim]."""
        if are_texts(queries):
            return self._text.embed_queries(served, list(queries))  # type: ignore[arg-type]
        matrix = as_array("texts or a matrix", queries)
        if matrix.ndim != 2 or matrix.dtype.kind not in "fiu":
            raise InvalidInputError(
                f"expected texts or a matrix, got {matrix.dtype} of shape {matrix.shape}"
            )
        return matrix

    # -- vectors alone --------------------------------------------------------------------

    def _nearest(
        self, served: ServedIndex, request: SearchRequest, vector: npt.NDArray[Any]
    ) -> SearchResult:
        """Answer a vector with as many of the titles nearest to it as are asked for."""
        index = served.index
        if index is None:
            check_vectors(vector[None])
            return SearchResult()
        snapshot: Snapshot | None = None
        if request.where is None:
            options = self._options(index, request.allow, request.exact, text=False)
        else:
            snapshot, options = self._filtered(served, index, request)
        search = partial(search_index, index, vector, options, snapshot=snapshot)
        matches = search(request.k)
        with stage("decode"):
            return result_of(self._titles.hits(matches, request.k, search), request.k)

    def _filtered(
        self, served: ServedIndex, index: VectorIndex, request: SearchRequest
    ) -> tuple[Snapshot | None, SearchOptions]:
        """Return the vectors to search, and which of them the filters of a request allow."""
        view = served.view()
        with stage("plan"):
            where = as_filter(request.where, self._store.meta.extra_fields)
            may = self.context(served, view, request).allowed(where, request)
            some = view.vector_filter(may.full(view.documents.segments)) if may.restricts else None
        settings = self._settings(index, text=False)
        return view.vectors, SearchOptions(settings, request.exact, some)

    def _options(
        self,
        index: VectorIndex,
        allow: Sequence[str] | None,
        exact: bool,
        threads: int = 1,
        *,
        text: bool,
    ) -> SearchOptions:
        """Return a search's options: by text, with the settings calibrated for texts, if any."""
        allowed = None if allow is None else Filter.of(self._titles.rows(allow))
        return SearchOptions(self._settings(index, text=text), exact, allowed, threads)

    def _settings(self, index: VectorIndex, *, text: bool) -> SearchSettings:
        stored = self._store.meta.text_settings if text else None
        return index.settings if stored is None else msgspec.convert(stored, SearchSettings)

    # -- everything else ------------------------------------------------------------------

    def _page_or_words(self, served: ServedIndex, request: SearchRequest) -> SearchResult:
        """Answer a page; by words alone where the vectors are elsewhere and cannot be had."""
        try:
            return self._page(served, request)
        except VectorDatabaseError as error:
            if request.vector is not None or request.mode == "semantic":
                raise
            found = self._page(served, request, by_words=True)
            reason = f"by words alone: {error}"
        told = found.explanation | {"degraded": reason} if request.explain else found.explanation
        return msgspec.structs.replace(found, degraded=reason, explanation=told)

    def _page(
        self,
        served: ServedIndex,
        request: SearchRequest,
        offset: int = 0,
        like: str = "",
        *,
        by_words: bool = False,
    ) -> SearchResult:
        """Answer a page of a search, or of what is like a title whatever its vector becomes."""
        view = served.view()
        query = digest(like) if like else digest(request.text, *request.asked())
        cursor = None if request.cursor is None else Cursor.decode(request.cursor, query)
        page = None if cursor is None else self._pages.get(cursor)
        if request.explain and page is not None and not page.answer.explanation:
            page = None  # the page before was not explained
        start = offset if cursor is None else cursor.place
        if page is None:
            context = self.context(served, view, request)
            if by_words:
                second = partial(self._second_meaning, served, view, request, for_first="")
                context = replace(
                    context, meaning=lambda _: None, second=lambda text, _: second(text)
                )
            whole = cursor is not None or request.group is not None
            first = None if whole else offset + max(request.k, MAX_KEPT)
            found = reranked(self._titles, answer(context, request, cursor, first), request)
            start = offset if cursor is None else found.ranking.behind(cursor.last)
            page = Page(found)
        found = page.answer
        with stage("decode"):
            hits, end = page_of(self._titles, found, request, start - page.start)
        return SearchResult(
            tuple(hits),
            found.total,
            found.facets,
            found.did_you_mean,
            found.interpretation,
            cursor=self._cursor(query, request, cursor, page, start, end),
            explanation=found.explanation,
        )

    def _cursor(
        self,
        query: bytes,
        request: SearchRequest,
        cursor: Cursor | None,
        page: Page,
        start: int,
        end: int,
    ) -> str:
        """Return where the next page begins; empty where there is none."""
        ranking: Ranking = page.answer.ranking
        if end >= len(ranking) and not ranking.rest:
            return ""
        if page.name:
            order = page.name
        else:  # what is shown before a page decides on its groups
            first = 0 if request.group is not None else start
            kept = ranking.cut(first, first + MAX_KEPT)
            order = self._pages.put(Page(replace(page.answer, ranking=kept), first))
        rows = self._store.meta.next_row if cursor is None else cursor.rows
        pool = max(POOL, request.k) if cursor is None else cursor.pool
        last = (float(ranking.values[end - 1]), int(ranking.keys[end - 1]))
        return Cursor(query, order, page.start + end, rows, last, pool).encode()

    def context(self, served: ServedIndex, view: View, request: SearchRequest) -> Context:
        """Return what a search is made with."""
        return Context(
            view,
            self._knowledge,
            self._store.meta.extra_fields,
            partial(self._meaning, served, view, request),
            self._titles.rows,
            self._text.fits(served),
            partial(self._second_meaning, served, view, request),
        )

    def _meaning(
        self,
        served: ServedIndex,
        view: View,
        request: SearchRequest,
        query: str | npt.NDArray[Any],
    ) -> NearestSearch | None:
        """Return how to find the neighbours of a text or vector; None where it has none."""
        if isinstance(query, str):
            vector = self._embedded(served, query, needed=request.mode == "semantic")
        else:
            vector = query
        index = served.index
        if index is None or view.vectors is None:
            if not isinstance(query, str):
                check_vectors(query[None])
            return None
        if vector is None or (isinstance(query, str) and not vector.any()):
            return None
        settings = self._settings(index, text=isinstance(query, str))
        asked = index, view, vector, settings, request.exact
        if request.explain:
            return ExplainedSearch(partial(neighbours, *asked), partial(explained, "first", *asked))
        return partial(neighbours, *asked)

    def _second_meaning(
        self, served: ServedIndex, view: View, request: SearchRequest, text: str, for_first: str
    ) -> SecondMeaning | None:
        """Return what the second space says of a text; see ``Context.second``."""
        index = self._second.index.current()
        vector = None if index is None else self._second.query(text)
        if index is None or vector is None:
            return None
        first = self._embedded(served, for_first, needed=False) if for_first else None
        scores: Scores | None = None
        if first is not None and first.any() and served.index is not None:
            scores = partial(exact_scores, served.index, view.vectors, first)
        snapshot = index.snapshot
        asked = index, view, vector, self._second.index.settings, request.exact
        nearest: NearestSearch = partial(neighbours, *asked, other=snapshot)
        if request.explain:
            how = partial(explained, "second", *asked, other=snapshot)
            nearest = ExplainedSearch(nearest, how)
        return SecondMeaning(nearest, partial(exact_scores, index, snapshot, vector), scores)

    def _embedded(self, served: ServedIndex, text: str, *, needed: bool) -> F32 | None:
        """Embed a text; that nobody can is an error only where meaning is all that counts."""
        try:
            vectors = self._text.embed_queries(served, [text])
        except EmbedderMismatchError:
            if needed:
                raise
            return None
        vector: F32 = vectors[0]
        return vector


def are_texts(queries: object) -> bool:
    """Return whether queries are texts rather than vectors."""
    return isinstance(queries, Sequence) and all(isinstance(q, str) for q in queries)
