"""The reading side of a catalogue: searches and look-ups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.catalog.embedding import TextSide
from tv5core.catalog.index import IndexKeeper, Served
from tv5core.catalog.popularity import most_popular
from tv5core.catalog.versions import Changes, Follower, Version, VersionedTitle
from tv5core.errors import CatalogError, ClosedError, InvalidInputError, UnknownIdError
from tv5core.store import Store, embeddings, titles
from tv5core.store import meta as records
from tv5core.store.transaction import Txn
from tv5core.types import Hit, Title
from tv5core.vectors import Filter, Matches, SearchOptions, SearchSettings, VectorIndex

__all__ = ["CatalogReader", "are_texts"]

F32 = npt.NDArray[np.float32]

_IDS_BLOCK = 1_000


class CatalogReader:
    """What ``Catalog`` offers to those who only read.

    Parameters
    ----------
    store : Store
    keeper : IndexKeeper
    text : TextSide
    """

    def __init__(self, store: Store, keeper: IndexKeeper, text: TextSide) -> None:
        self._store, self._keeper, self._text = store, keeper, text
        self._follower = Follower(store)
        self._closed = self._foreign = False

    # -- searching ------------------------------------------------------------------------

    def search(
        self,
        query: str | npt.ArrayLike,
        k: int = 10,
        *,
        allow: Iterable[str] | None = None,
        exact: bool = False,
    ) -> list[Hit]:
        """Find the titles nearest to a text or a vector.

        The index is searched as it is at one moment, and the titles found are then read as they
        are at one later moment. So no deleted title is returned, and each is whole; of one that
        another thread or process changes meanwhile, the score may be that of the vector before.

        Parameters
        ----------
        query : str or array_like [dim]
        k : int
            At least 1.
        allow : iterable of str, optional
            Only these ids; unknown ones are passed over.
        exact : bool
            Compare with every title instead of walking the graph.

        Returns
        -------
        list of Hit
            Best first; fewer than k only where there are fewer, and none for a text of which
            no word is known.

        Raises
        ------
        InvalidInputError, DimensionError, NonFiniteVectorError, ZeroVectorError
        EmbedderMismatchError
            A text, and the catalogue has no embedder.
        """
        served = self._serve()
        vector: npt.ArrayLike = query
        if isinstance(query, str):
            vector = embedded = self._text.embed_queries(served, [query])[0]
            if not embedded.any():
                return []
        index = served.index
        if index is None:
            return []
        options = self._options(index, allow, exact, text=isinstance(query, str))
        matches = index.search_with(vector, k, options)
        if matches.keys.ndim != 1:
            raise InvalidInputError("expected one query, got several: use search_many")
        return self._hits(matches, k, partial(_search, index, vector, options))

    def search_many(
        self,
        queries: Sequence[str] | npt.ArrayLike,
        k: int = 10,
        *,
        allow: Iterable[str] | None = None,
        exact: bool = False,
        threads: int = 1,
    ) -> list[list[Hit]]:
        """Search several texts, or the rows of a matrix, at once; see :meth:`search`."""
        served = self._serve()
        matrix = self._vectors_of(served, queries)
        hits: list[list[Hit]] = [[] for _ in matrix]
        # A text of which no word is known has a zero vector; a given one of zeros is an error.
        known = np.any(matrix, axis=1) if are_texts(queries) else np.ones(len(matrix), bool)
        if served.index is None or not known.any():
            return hits
        options = self._options(served.index, allow, exact, threads, text=are_texts(queries))
        found = served.index.search_with(matrix[known], k, options)
        places = np.flatnonzero(known).tolist()
        for place, keys, scores in zip(places, found.keys, found.scores, strict=True):
            more = partial(_search, served.index, matrix[place], options)
            hits[place] = self._hits(Matches(keys, scores), k, more)
        return hits

    def _options(
        self,
        index: VectorIndex,
        allow: Iterable[str] | None,
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

    def similar(self, id: str, k: int = 10) -> list[Hit]:
        """Find the titles most like one of the catalogue, itself left out.

        Returns
        -------
        list of Hit
            None where the title has no vector.

        Raises
        ------
        UnknownIdError
        """
        served = self._serve()
        with self._store.read() as txn:
            row = self._row(txn, id)
            vector = embeddings.get(txn, served.space, row)
            title = titles.by_row(txn, row)
        own = id if title is None else title.id
        if vector is None or served.index is None:
            return []
        search = partial(served.index.search, vector)
        hits = self._hits(search(k + 1), k + 1, search)
        return [hit for hit in hits if hit.id != own][:k]

    def embed_queries(self, texts: Sequence[str]) -> F32:
        """Return the vectors :meth:`search` would use: float32[n, dim], zero where unknown."""
        return self._text.embed_queries(self._serve(), list(texts))

    def _vectors_of(self, served: Served, queries: Sequence[str] | npt.ArrayLike) -> F32:
        if are_texts(queries):
            return self._text.embed_queries(served, list(queries))  # type: ignore[arg-type]
        matrix = np.asarray(queries)
        if matrix.ndim != 2:
            raise InvalidInputError(f"expected texts or a matrix, got shape {matrix.shape}")
        return matrix

    def _rows(self, ids: Iterable[str]) -> npt.NDArray[np.int64]:
        wanted = list(ids)
        with self._store.read() as txn:
            rows = [row for name in wanted if (row := titles.find(txn, name)) is not None]
        return np.asarray(rows, np.int64)

    def _hits(self, matches: Matches, k: int, search: Callable[[int], Matches]) -> list[Hit]:
        """Decode the k best titles.

        Where some were deleted since the index was asked, look further, so that the answer is
        shorter only where there are no more.
        """
        hits, wanted = self._decoded(matches), k
        while len(hits) < k and matches.keys[-1] >= 0:
            wanted += max(1, wanted - len(hits))
            matches = search(wanted)
            hits = self._decoded(matches)
        return hits[:k]

    def _decoded(self, matches: Matches) -> list[Hit]:
        """Decode the titles that are still there, in one short transaction."""
        hits: list[Hit] = []
        pack, decode = titles.row_key, titles.decode
        with self._store.read() as txn:
            get, database = txn.raw.get, txn.dbs.titles
            for key, score in zip(matches.keys.tolist(), matches.scores.tolist(), strict=True):
                # -1 ends a short answer; a title may have been deleted since the search.
                data = get(pack(key), db=database) if key >= 0 else None
                if data is not None:
                    title = decode(data)
                    hits.append(Hit(title.id, score, title))
        return hits

    # -- looking up -----------------------------------------------------------------------

    def get(self, id: str) -> Title:
        """Return a title by its id, or by one elsewhere such as ``imdb:tt1375666``.

        Raises
        ------
        UnknownIdError
        """
        self._check_open()
        with self._store.read() as txn:
            title = titles.by_row(txn, self._row(txn, id))
        if title is None:
            raise UnknownIdError(f"expected a known id, got {id!r}")
        return title

    def get_many(self, ids: Iterable[str]) -> list[Title | None]:
        """Return titles by id, None for those that do not exist."""
        self._check_open()
        wanted = list(ids)
        with self._store.read() as txn:
            rows = [titles.find(txn, name) for name in wanted]
            return [None if row is None else titles.by_row(txn, row) for row in rows]

    def find(self, alias: str) -> tuple[str, ...]:
        """Return the ids of the titles that carry an alias, oldest first.

        Parameters
        ----------
        alias : str
            Such as ``imdb:tt1375666`` or ``name:movie:2010:inception``; see
            ``tv5core.store.aliases``.
        """
        self._check_open()
        with self._store.read() as txn:
            some = [titles.by_row(txn, row) for row in titles.find_alias(txn, alias)]
            return tuple(title.id for title in some if title is not None)

    @staticmethod
    def _row(txn: Txn, id: str) -> int:
        row = titles.find(txn, id)
        if row is None and not (rows := titles.find_alias(txn, id)):
            raise UnknownIdError(f"expected a known id, got {id!r}")
        return rows[0] if row is None else row

    def __contains__(self, id: object) -> bool:
        self._check_open()
        if not isinstance(id, str):
            return False
        with self._store.read() as txn:
            return titles.find(txn, id) is not None

    def ids(self) -> Iterator[str]:
        """Iterate over all ids, sorted; sees changes made meanwhile."""
        last = ""
        while True:
            self._check_open()
            with self._store.read() as txn:
                block = titles.ids_after(txn, last, _IDS_BLOCK)
            if not block:
                return
            yield from block
            last = block[-1]

    def popular(self, k: int = 20, *, genre: str | None = None) -> list[Title]:
        """Return the most popular titles, best first; ties are ordered by id.

        Every title is read and decoded, so cache the result where it is needed often;
        ``CachedCatalog.popular`` does.

        Parameters
        ----------
        k : int
            At least 1.
        genre : str, optional
            Only titles of this genre.

        Raises
        ------
        InvalidInputError
        """
        return most_popular(self._all_titles(), k, genre)

    def _all_titles(self) -> Iterator[Title]:
        ids = self.ids()
        while block := list(islice(ids, _IDS_BLOCK)):
            yield from (title for title in self.get_many(block) if title is not None)

    def count(self) -> int:
        """Count titles."""
        self._check_open()
        with self._store.read() as txn:
            return titles.count(txn)

    def __len__(self) -> int:
        return self.count()

    def checkpoint(self, key: str) -> bytes | None:
        """Return the value last stored under a checkpoint's key."""
        self._check_open()
        with self._store.read() as txn:
            return records.checkpoint(txn, key)

    # -- following ------------------------------------------------------------------------

    def identity(self) -> str:
        """Return what tells this catalogue from every other, one later in its place too."""
        self._check_open()
        return self._follower.identity()

    def version(self) -> Version:
        """Return the version of what is stored; every change, by any process, moves it on."""
        self._check_open()
        return self._follower.version()

    def changes(self, seq: int) -> Changes:
        """Return which rows changed after a version's ``seq``."""
        self._check_open()
        return self._follower.changes(seq)

    def get_versioned(self, id: str) -> VersionedTitle:
        """Return a title with its row and the version it was read at; see :meth:`get`.

        Raises
        ------
        UnknownIdError
        """
        self._check_open()
        with self._store.read() as txn:
            stored = self._follower.stored(self._row(txn, id), txn)
        if stored is None:
            raise UnknownIdError(f"expected a known id, got {id!r}")
        return stored

    def _serve(self) -> Served:
        self._check_open()
        return self._keeper.serve()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(f"expected an open catalogue, got {self._store.folder} after close()")
        if self._foreign:
            raise CatalogError(
                f"{self._store.folder}: expected the process that opened it for writing, got a "
                "child of it: open it again there, with read_only=True"
            )


def _search(index: VectorIndex, vector: npt.ArrayLike, options: SearchOptions, k: int) -> Matches:
    return index.search_with(vector, k, options)


def are_texts(queries: object) -> bool:
    """Tell whether queries are texts rather than vectors."""
    return isinstance(queries, Sequence) and all(isinstance(q, str) for q in queries)
