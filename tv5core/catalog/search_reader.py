"""SearchReader: how a catalogue is searched: by words, meaning, filters, while typing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy.typing as npt

from tv5core.arguments import as_list, check_flag, check_int, check_text
from tv5core.catalog.index.manager import ServedIndex
from tv5core.catalog.searcher import Searcher, are_texts
from tv5core.columns import Expression
from tv5core.errors import InvalidInputError
from tv5core.query.parsing import MAX_CHARACTERS
from tv5core.query.request import MAX_K, Reranker, SearchRequest
from tv5core.results import FacetValue, SearchResult, Suggestion

__all__ = ["Expression", "Facets", "Mode", "SearchReader", "SearchRequest"]

_MOST_SUGGESTIONS = 1_000
Facets = Sequence[str] | Mapping[str, int]
Mode = Literal["hybrid", "keyword", "semantic"]


class SearchReader:
    """What ``Catalog`` offers to those who search."""

    _searcher: Searcher

    def _current(self) -> ServedIndex:
        raise NotImplementedError

    def search(
        self,
        query: str | npt.ArrayLike = "",
        k: int = 10,
        *,
        mode: Mode = "hybrid",
        where: Expression | str | None = None,
        sort: str = "relevance",
        facets: Facets = (),
        group: Literal["collection", "title"] | None = None,
        cursor: str | None = None,
        understand: bool = True,
        explain: bool = False,
        highlight: bool = False,
        reranker: Reranker | None = None,
        allow: Iterable[str] | None = None,
        exact: bool = False,
    ) -> SearchResult:
        """Find titles by a text: a name, people, a plot, a description; or by a vector.

        Words may be misspelt; ``did_you_mean`` then says what was searched for. In a text,
        ``"quoted words"`` must occur as they are, ``-word`` must not, and ``year:1990..1999`` is a
        filter as in ``where``. A text of which nothing is known finds nothing. Without a text, the
        answer is what the filters leave, the titles of most votes first.

        A search sees words, filters and vectors as they are at one moment, and then the titles
        found as they are at one later moment: none that is deleted, each whole.

        Parameters
        ----------
        query : str or array_like [dim]
        k : int
            1 to 10,000: each hit is a decoded title. Where more are wanted, ask a ``VectorIndex``
            for keys alone.
        mode : {"hybrid", "keyword", "semantic"}
            ``hybrid`` weighs all evidence, ``keyword`` leaves vectors out, and ``semantic``
            compares vectors only, as a vector always does.
        where : Expression or str, optional
            Filters: ``F.genre("Drama") & (F.year >= 1990)``, or the same as text,
            ``genre:Drama year:>=1990``.
        sort : str
            ``relevance``, ``popularity``, ``rating``, ``date`` or ``title``; with ``:asc`` or
            ``:desc`` for the other direction.
        facets : sequence of str, or mapping of str to int
            Fields whose values are counted among all matches; a mapping says how many values of
            each. A field's own clause in ``where`` does not count for it.
        group : {"collection", "title"}, optional
            One hit for all records of what is nearly one title; or for all of a collection, too.
        cursor : str, optional
            Of the answer before, to continue after its last hit. To save time, a vector, filtered
            or not, is answered with a cursor only where one is passed: the empty one begins.
        understand : bool
            Read words such as ``thrillers from the 80s`` as filters.
        explain : bool
            Say how the search was made, and what each score is the sum of.
        highlight : bool
            Give matched words in their context.
        reranker : callable, optional
            Takes the text and the first 100 titles (k, if more); returns a score for each.
        allow : iterable of str, optional
            Only these ids; unknown ones are ignored.
        exact : bool
            Compare with every vector instead of walking the graph.

        Returns
        -------
        SearchResult
            A sequence of hits, best first.

        Raises
        ------
        InvalidInputError
            An argument is wrong; of a filter, the message says where, and the nearest known field.
        DimensionError, NonFiniteVectorError, ZeroVectorError
        EmbedderMismatchError
            A text in mode ``semantic``, and the catalogue has no embedder.
        """
        request = SearchRequest.of(
            query,
            k,
            mode=mode,
            where=where,
            sort=sort,
            facets=facets,
            group=group,
            cursor=cursor,
            understand=understand,
            explain=explain,
            highlight=highlight,
            reranker=reranker,
            allow=allow,
            exact=exact,
        )
        return self._searcher.search(self._current(), request)

    def search_many(
        self,
        queries: Sequence[str] | npt.ArrayLike,
        k: int = 10,
        *,
        mode: Mode = "hybrid",
        where: Expression | str | None = None,
        understand: bool = True,
        allow: Iterable[str] | None = None,
        exact: bool = False,
        threads: int = 1,
    ) -> list[SearchResult]:
        """Search several texts, or the rows of a matrix, at once; see :meth:`search`.

        Parameters
        ----------
        threads : int
            Threads to split the queries over; 0 for all cores.
        """
        threads = check_int("threads", threads, 0, 1_024)
        ids = None if allow is None else as_list("allow", allow)
        exact = check_flag("exact", exact)
        if not are_texts(queries) and where is None:
            k = check_int("k", k, 1, MAX_K)
            return self._searcher.search_vectors(
                self._current(), queries, k, ids, exact=exact, threads=threads
            )
        several = as_list("queries", queries)
        requests = [
            SearchRequest.of(
                one, k, mode=mode, where=where, understand=understand, allow=ids, exact=exact
            )
            for one in several
        ]
        if not requests:
            check_int("k", k, 1, MAX_K)
        return self._searcher.search_many(self._current(), requests, threads)

    def filter_text(self, where: Expression | str | None) -> str:
        """Return a filter as text; filters that mean the same give the same text.

        Raises
        ------
        InvalidInputError
        """
        return self._searcher.filter_text(where)

    def suggest(self, prefix: str, k: int = 10) -> list[Suggestion]:
        """Complete what is being typed: titles with a word that begins so, the best known first.

        Parameters
        ----------
        prefix : str
            What was typed so far; words of four letters or more may be misspelt. A space at its
            end ends the last word.
        k : int
            1 to 1,000.

        Raises
        ------
        InvalidInputError
        """
        if len(check_text("prefix", prefix)) > MAX_CHARACTERS:
            raise InvalidInputError(
                f"expected at most {MAX_CHARACTERS:,} characters, got {len(prefix):,}"
            )
        k = check_int("k", k, 1, _MOST_SUGGESTIONS)
        return self._searcher.suggest(self._current(), prefix, k)

    def facets(
        self,
        fields: Facets,
        *,
        query: str = "",
        where: Expression | str | None = None,
        mode: Mode = "hybrid",
        understand: bool = True,
    ) -> dict[str, tuple[FacetValue, ...]]:
        """Count the values of fields among all titles, or among those that match.

        Parameters
        ----------
        fields : sequence of str, or mapping of str to int
            A mapping says how many values of each, the most frequent first; otherwise 1,000.
        query, where, mode, understand
            As for :meth:`search`.
        """
        found = self.search(query, 1, mode=mode, where=where, facets=fields, understand=understand)
        return found.facets
