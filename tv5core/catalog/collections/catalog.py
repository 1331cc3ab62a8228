"""CollectionCatalog: copies of a catalogue in Qdrant or Milvus, and catalogues of such copies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tv5core.arguments import check_callable, check_flag
from tv5core.catalog.collections.exporting import CollectionReport, export_collection
from tv5core.catalog.collections.importing import extra_fields_of, import_collection
from tv5core.catalog.index.manager import ServedIndex
from tv5core.catalog.tables import TableCatalog
from tv5core.extra_fields import check_declaration
from tv5core.store.extra_fields import declare_extra_fields
from tv5core.types import Progress
from tv5core.vectors import SearchOptions

__all__ = ["CollectionCatalog"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


class CollectionCatalog(TableCatalog):
    """What ``Catalog`` offers to those who use a vector database beside it."""

    def export_collection(
        self, url: str, progress: Progress | None = None, *, replace: bool = False
    ) -> CollectionReport:
        """Copy all titles that have a vector into a collection of Qdrant or Milvus, and check it.

        A point's key is the title's row, its payload the title's fields. The collection is made
        with one bit a dimension to search by and whole vectors to rescore by, as the own index is.
        An export that was interrupted goes on where it was, a later one sends what has changed.
        In the end all points are counted, and some are fetched, compared and searched for.

        Parameters
        ----------
        url : str
            ``qdrant://host/collection``, ``milvus://host/collection``; see
            ``tv5core.vector_databases.address``.
        progress : callable, optional
            Called with (done, total, stage); an exception it raises ends the work, and what was
            sent stays for the next call.
        replace : bool
            Delete the collection that is there first, whatever it is.

        Raises
        ------
        InvalidInputError
            It is no such URL, the client is not installed, or there are no vectors.
        CollectionMismatchError
            The collection is another catalogue's, or of other vectors. Nothing was changed.
        VectorDatabaseUnavailableError
            The server is gone, or too slow; what was sent stays.
        VectorDatabaseError
            The server refuses, or the collection is not what was sent.
        """
        self._check_open()
        check_callable("progress", progress)
        replace = check_flag("replace", replace)
        served = self._current()
        report = self._manager.cancellable(progress)
        exact = _Exact(served)
        return export_collection(self._store, url, exact, report, replace=replace)

    def import_collection(
        self, url: str, progress: Progress | None = None, *, embed: bool = False
    ) -> CollectionReport:
        """Bring what :meth:`export_collection` copied into this catalogue, and check it.

        Titles replace those of the same id. An import that was interrupted goes on where it was.
        Qdrant keeps vectors for cosine at length 1, so that is what comes back from it.

        Parameters
        ----------
        url : str
        progress : callable, optional
            As for :meth:`export_collection`.
        embed : bool
            Leave the vectors, and embed the titles with this catalogue's embedder.

        Raises
        ------
        CollectionMismatchError
            There is no such collection, or no whole export in it.
        EmbedderMismatchError
            This catalogue embeds titles itself, and ``embed`` is False.
        InvalidInputError, VectorDatabaseError, VectorDatabaseUnavailableError
        """
        self._check_writable(progress)
        embed = check_flag("embed", embed)
        declare_extra_fields(self._store, check_declaration(extra_fields_of(url)))
        return import_collection(self, url, self._manager.cancellable(progress), embed=embed)  # type: ignore[arg-type]


class _Exact:
    """The true neighbours of a vector."""

    def __init__(self, served: ServedIndex) -> None:
        self._served = served

    def __call__(self, vector: F32, k: int) -> tuple[I64, F32]:
        index = self._served.index
        if index is None:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        found = index.search_with(vector, k, SearchOptions(index.settings, exact=True))
        there = found.keys >= 0
        return found.keys[there], found.scores[there]
