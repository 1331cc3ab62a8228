"""From a query to titles: embed a text, search the index, decode what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.arguments import as_array, as_list, check_int, shown
from tv5core.catalog.index.manager import ServedIndex
from tv5core.catalog.index.recovery_log import RecoveryLog
from tv5core.catalog.spaces.text_embedding import TextEmbedding
from tv5core.errors import CorruptFileError, FormatVersionError, InvalidInputError
from tv5core.store import Store, embeddings, lookup, titles
from tv5core.store.transaction import Txn
from tv5core.types import Hit, Title
from tv5core.vectors import (
    Filter,
    Matches,
    SearchOptions,
    SearchSettings,
    VectorIndex,
    check_vectors,
)

__all__ = ["Searcher", "are_texts"]

F32 = npt.NDArray[np.float32]

_NO_TITLE = -1, ""


class Searcher:
    """Answer queries from one index and the titles in the store.

    Parameters
    ----------
    store : Store
    text : TextEmbedding
    recovery : RecoveryLog
        Where damaged titles are noted.
    """

    def __init__(self, store: Store, text: TextEmbedding, recovery: RecoveryLog) -> None:
        self._store, self._text, self._recovery = store, text, recovery

    def search(
        self,
        served: ServedIndex,
        query: str | npt.ArrayLike,
        k: int,
        allow: Iterable[str] | None,
        *,
        exact: bool,
    ) -> list[Hit]:
        """Find the titles nearest to a text or a vector; see ``Catalog.search``."""
        k = check_int("k", k, 1)
        ids = _checked_ids(allow)
        vector: npt.ArrayLike = query if isinstance(query, str) else _checked_vector(query)
        if isinstance(query, str):
            vector = embedded = self._text.embed_queries(served, [query])[0]
            if not embedded.any():
                return []
        index = served.index
        if index is None:
            check_vectors(np.asarray(vector)[None])
            return []
        options = self._options(index, ids, exact, text=isinstance(query, str))
        matches = index.search_with(vector, k, options)
        return self._hits(matches, k, partial(_search, index, vector, options))

    def search_many(
        self,
        served: ServedIndex,
        queries: Sequence[str] | npt.ArrayLike,
        k: int,
        allow: Iterable[str] | None,
        *,
        exact: bool,
        threads: int,
    ) -> list[list[Hit]]:
        """Search several texts, or the rows of a matrix, at once."""
        k = check_int("k", k, 1)
        ids = _checked_ids(allow)
        matrix = self.vectors_of(served, queries)
        if served.index is None and not are_texts(queries):
            check_vectors(matrix)
        hits: list[list[Hit]] = [[] for _ in matrix]
        # A text of which no word is known has a zero vector; a given one of zeros is an error.
        known = np.any(matrix, axis=1) if are_texts(queries) else np.ones(len(matrix), bool)
        if served.index is None or not known.any():
            return hits
        options = self._options(served.index, ids, exact, threads, text=are_texts(queries))
        found = served.index.search_with(matrix[known], k, options)
        places = np.flatnonzero(known).tolist()
        for place, keys, scores in zip(places, found.keys, found.scores, strict=True):
            more = partial(_search, served.index, matrix[place], options)
            hits[place] = self._hits(Matches(keys, scores), k, more)
        return hits

    def similar(
        self, served: ServedIndex, found_by: Callable[[Txn], tuple[int, Title]], k: int
    ) -> list[Hit]:
        """Find the titles nearest to a row's, itself left out; none where it has no vector.

        Parameters
        ----------
        served : ServedIndex
        found_by : callable
            Looks row and title up, in the transaction that reads its vector.
        k : int
        """
        k, dim = check_int("k", k, 1), self._store.meta.dim
        with self._store.read() as txn:
            row, title = found_by(txn)
            vector = embeddings.get(txn, served.space, row, dim)
        index = served.index
        if vector is None or index is None:
            return []
        options = self._options(index, None, exact=False, text=False)
        search = partial(_search, index, vector, options)
        return self._hits(search(k + 1), k, search, (row, title.id))

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
        stored = self._store.meta.text_settings if text else None
        settings = index.settings if stored is None else msgspec.convert(stored, SearchSettings)
        allowed = None if allow is None else Filter.of(self._rows(allow))
        return SearchOptions(settings, exact, allowed, threads)

    def _rows(self, ids: Sequence[str]) -> npt.NDArray[np.int64]:
        with self._store.read() as txn:
            rows = [row for name in ids if (row := lookup.row_of(txn, name)) is not None]
        return np.asarray(rows, np.int64)

    def _hits(
        self,
        matches: Matches,
        k: int,
        search: Callable[[int], Matches],
        besides: tuple[int, str] = _NO_TITLE,
    ) -> list[Hit]:
        """Decode the k best titles besides one, given by row and id.

        Where some were deleted since the index was searched, look further, so that the answer is
        shorter only where there are no more.
        """
        hits, searched_k = self._decoded(matches, besides), k
        # A short answer, or one of fewer columns than asked for, holds all there is.
        while len(hits) < k and len(matches.keys) >= searched_k and matches.keys[-1] >= 0:
            searched_k += max(1, searched_k - len(hits))
            matches = search(searched_k)
            hits = self._decoded(matches, besides)
        return hits[:k]

    def _decoded(self, matches: Matches, besides: tuple[int, str] = _NO_TITLE) -> list[Hit]:
        """Decode the titles that are still there, in one short transaction."""
        hits: list[Hit] = []
        own_row, own_id = besides
        pack, decode = titles.row_key, titles.decode
        with self._store.read() as txn:
            get, database = txn.raw.get, txn.dbs.titles
            for key, score in zip(matches.keys.tolist(), matches.scores.tolist(), strict=True):
                # -1 ends a short answer; a title may have been deleted since the search.
                data = get(pack(key), db=database) if key >= 0 and key != own_row else None
                if data is not None:
                    try:
                        title = decode(data)
                    except CorruptFileError as error:
                        self._leave_out(key, error)
                        continue
                    if title.id != own_id:  # it may be in another row by now
                        hits.append(Hit(title.id, score, title))
        return hits

    def _leave_out(self, row: int, error: CorruptFileError) -> None:
        """Answer without a damaged title, and say so; what a newer tv5core wrote is an error."""
        if isinstance(error, FormatVersionError):
            raise error
        self._recovery.leave_out_title(row)


def _checked_vector(query: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return one vector of numbers, whose width and values the index validates."""
    vector = as_array("a text or a vector", query)
    if vector.ndim == 2:
        raise InvalidInputError("expected one query, got several: use search_many")
    if vector.ndim != 1 or vector.dtype.kind not in "fiu":
        raise InvalidInputError(f"expected a text or a vector, got {shown(query)}")
    return vector


def _checked_ids(allow: Iterable[str] | None) -> list[str] | None:
    """Return the ids that may be found as a list; a text would be taken for its letters."""
    if allow is None:
        return None
    return as_list("allow", allow)


def _search(index: VectorIndex, vector: npt.ArrayLike, options: SearchOptions, k: int) -> Matches:
    return index.search_with(vector, k, options)


def are_texts(queries: object) -> bool:
    """Return whether queries are texts rather than vectors."""
    return isinstance(queries, Sequence) and all(isinstance(q, str) for q in queries)
