"""Catalog: titles with vectors in a folder, searched by text, by vector and by likeness.

::

    from tv5core import Catalog, Title

    with Catalog.open("films") as catalog:
        catalog.add([Title("tmdb:movie:27205", "movie", "Inception", overview="A thief ...")])
        for hit in catalog.search("steals secrets through dreams"):
            print(hit.score, hit.title.title)

One process writes, any number read. What :meth:`Catalog.add` stored is on disk when it
returns and found by the next search, in every process. The mechanism is in ``tv5core.store``
(what is on disk) and in the modules beside this one (what joins it to vectors and text).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Self

import numpy.typing as npt

from tv5core.arguments import as_list, as_texts, check_flag, check_path
from tv5core.catalog import calibration, open_catalogs
from tv5core.catalog.copies.restore import restore
from tv5core.catalog.index.choice import check_no_collection, manager_of
from tv5core.catalog.maintained import MaintainedCatalog
from tv5core.catalog.maintenance.optimization import OptimizeReport
from tv5core.catalog.maintenance.upgrade import UpgradeReport
from tv5core.catalog.maintenance.verification import KINDS
from tv5core.catalog.sealing import seal
from tv5core.catalog.spaces.new_space import drop_abandoned_spaces
from tv5core.catalog.spaces.second_space import SecondSpace, SecondSpec
from tv5core.catalog.spaces.text_embedding import EmbedderSpec, TextEmbedding
from tv5core.catalog.writer import AddResult, ApplyResult, Checkpoint, Vectors, Writer
from tv5core.errors import DiskFullError
from tv5core.extra_fields import check_declaration
from tv5core.object_storage import check_no_url, is_url
from tv5core.store import Store, VerifyReport
from tv5core.store.extra_fields import declare_extra_fields
from tv5core.store.verification import check_versions
from tv5core.types import ExtraType, Progress, Title
from tv5core.vectors import SearchSettings, VectorIndex

__all__ = ["AddResult", "Catalog", "OptimizeReport", "UpgradeReport", "VerifyReport"]
__all__ += ["open_urls_with"]


_URLS: list[Callable[..., Catalog]] = []


def open_urls_with(opener: Callable[..., Catalog]) -> None:
    """Have ``Catalog.open`` call this for a URL: it makes a catalogue out of catalogues."""
    _URLS.append(opener)


class Catalog(MaintainedCatalog):
    """A folder of titles; made by :meth:`open`.

    All methods may be called from any number of threads. Searches never wait for additions,
    embedding or sealing; changes wait for each other.
    """

    def __init__(
        self,
        store: Store,
        *,
        embedder: EmbedderSpec,
        second: SecondSpec,
        auto_seal: bool,
        vectors: str | None = None,
    ) -> None:
        manager = manager_of(store, vectors, auto_seal=auto_seal)
        text = TextEmbedding(store, manager, embedder)
        super().__init__(
            store, manager, text, SecondSpace(store, manager, second, auto_seal=auto_seal)
        )
        self._writer = Writer(store, manager, self._text)
        self._closing, self._released = threading.Lock(), False
        if store.writable:
            self._tidy()
        open_catalogs.remember(self)

    def _tidy(self) -> None:
        """Remove what a crash left, and rebuild what can be rebuilt."""
        with suppress(DiskFullError):  # a writer must be able to open: deletions make room
            self._store.tidy()
            if put_back := drop_abandoned_spaces(self._store):
                self._manager.recovery.add(f"misplaced vectors were put back: {put_back:,}")
                self._manager.refresh()
        self._text.recover_model()
        self._text.fitting.resume()
        self._manager.seal_if_due()
        self._second.embed_behind()

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        create: bool = True,
        read_only: bool = False,
        embedder: EmbedderSpec = "lsa",
        second_embedder: SecondSpec = None,
        metric: str = "cosine",
        rescoring: str = "auto",
        auto_seal: bool = True,
        extra_fields: Mapping[str, ExtraType] | None = None,
        vectors: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        follow_s: float | None = 10.0,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Catalog:
        """Open a catalogue.

        Damaged or missing index files are no error: the generation before them is used, or
        the index is rebuilt from the stored vectors; the writer fits
        a damaged text model again. ``info()["recovered"]`` and the log (``tv5core``) list it.

        Parameters
        ----------
        path : path-like or str
            The catalogue's folder; or the URL where one is published, such as
            ``s3://bucket/films``, whose newest snapshot is fetched, followed and read.
        create : bool
            Make one where the folder is missing or empty.
        read_only : bool
            Open beside a writer; sees its changes without being reopened.
        embedder : "lsa", callable, Embedder or None
            What turns text into vectors. ``"lsa"`` is fitted on the catalogue's own text;
            a callable takes a list of texts and returns float32[n, dim]. None takes the
            catalogue as it is, without text search where a callable made its vectors.
        second_embedder : str, callable, Embedder or None
            What embeds all titles in a second space, which searches weigh beside the first:
            ``"multilingual"``, ``"model2vec:FOLDER"``, ``"sentence-transformers:FOLDER"``, or any
            other. The catalogue keeps it: later openings need not name one of these names again.
            Titles there are embedded in the background; :meth:`embed_pending` and :meth:`seal`
            wait for that. Where it cannot be had, the first space answers alone, and
            :meth:`info` says why.
        metric : {"cosine", "ip"}
        rescoring : {"auto", "int8", "int16", "float16", "float32"}
            How the index stores rows for exact scores; see :meth:`VectorIndex.empty`. Both are used
            on creation only.
        auto_seal : bool
            Seal in the background when many titles were added since the last sealing, or a fifth
            of the sealed vectors were removed or replaced.
        extra_fields : mapping of str to str, optional
            Types of your own fields, see ``tv5core.extra_fields``; only new ones need naming.
        vectors : str, optional
            URL of a collection of Qdrant or Milvus that keeps the vectors to search: see
            ``docs/guide/collections.md``. What it lacks is sent there and found here meanwhile;
            where it is away, searches by text go on by words and say so.
        cache_dir : path-like, optional
            With a URL: a folder for its snapshots, of its own; processes of one machine share it.
        follow_s : float or None
            With a URL: look for a newer snapshot about so often; None for never.
        storage_options : mapping, optional
            With a URL: as for :meth:`backup`.

        Raises
        ------
        InvalidInputError
        NotACatalogError
            No catalogue there, and none may be made; or the folder is something else.
        CatalogLockedError
            Another writer has it open.
        EmbedderMismatchError
            Its vectors were made by another embedder.
        CorruptFileError, FormatVersionError
            LMDB's file is damaged, or of a newer tv5core.
        CollectionMismatchError
            The collection is another catalogue's, or of others.
        ObjectStoreError
            Nothing can be fetched, and ``cache_dir`` has nothing to begin with.
        """
        auto_seal = check_flag("auto_seal", auto_seal)
        create, read_only = check_flag("create", create), check_flag("read_only", read_only)
        declared = check_declaration({} if extra_fields is None else extra_fields)
        if is_url(path):
            check_no_collection(vectors)
            return _URLS[-1](
                str(path),
                read_only=read_only,
                cache_dir=cache_dir,
                follow_s=follow_s,
                storage_options=storage_options,
                embedder=embedder,
                second_embedder=second_embedder,
            )
        check_no_url("opening", cache_dir=cache_dir, storage_options=storage_options)
        if create and not read_only:
            VectorIndex.empty(8, metric=metric, rescoring=rescoring)  # checks the names
        open_store = partial(Store.open, check_path(path), derived=cls._derived)
        store = open_store(create=create, read_only=read_only, metric=metric, rescoring=rescoring)
        try:
            check_versions(store.folder, store.meta, KINDS)
            declare_extra_fields(store, declared)
            how: dict[str, Any] = {"embedder": embedder, "second": second_embedder}
            return cls(store, **how, auto_seal=auto_seal, vectors=vectors)
        except BaseException:
            store.close()
            raise

    # -- changing -------------------------------------------------------------------------

    def add(
        self,
        titles: Iterable[Title],
        vectors: Vectors | None = None,
        *,
        embed: bool = True,
        checkpoint: Checkpoint | None = None,
        progress: Progress | None = None,
    ) -> AddResult:
        """Store titles, replacing those of the same id; durable and searchable on return.

        Everything is checked before anything is written. Up to 1,000 titles (8 MB) are one
        transaction; more are several, each whole.

        The first addition fits the default embedder. When the catalogue has doubled, it is fitted
        again in the background (above 20,000 titles by :meth:`seal`), and the one before serves
        until then: one title takes less than 50 ms (p99), whatever the size. A fit that fails is
        no error here: :meth:`info` and :meth:`verify` say why, and the next addition repeats it.

        Parameters
        ----------
        titles : iterable of Title
            Each id once.
        vectors : array_like [n, dim], or sequence of array_like [dim] and None, optional
            Ready vectors, one a title; else the catalogue's embedder makes them. A title given
            None has no vector afterwards: it is found by words and filters.
        embed : bool
            False leaves titles without vectors until :meth:`embed_pending` or :meth:`seal`;
            meanwhile they are found by id only (a title that had a vector keeps it).
        checkpoint : (str, bytes), optional
            Stored in the same transaction as the last title.
        progress : callable, optional
            Called with (done, total, stage).

        Returns
        -------
        AddResult

        Raises
        ------
        InvalidInputError
            A field's type, an id, or the number of vectors is wrong.
        DimensionError, NonFiniteVectorError, ZeroVectorError, DuplicateKeyError
        EmbedderMismatchError
            Vectors given to a catalogue that embeds itself, or none to one that cannot.
        DiskFullError
            The message says how many titles were stored before. Searches continue, and so do
            additions once there is room.
        DiskFailureError
            The disk failed to store it, now or in an earlier write: the catalogue can only be
            read until it is opened again.
        """
        self._check_writable(progress)
        listed = as_list("titles", titles)
        result = self._writer.add(
            listed, vectors, embed=embed, checkpoint=checkpoint, progress=progress
        )
        if embed and vectors is None and listed:
            self._text.fitting.after_adding(len(listed), progress)
        self._second.embed_behind()
        return result

    def apply(
        self,
        titles: Iterable[Title],
        ids: Iterable[str] = (),
        *,
        embed: bool = True,
        checkpoint: Checkpoint | None = None,
    ) -> ApplyResult:
        """Store some titles and remove others by id, in one transaction, whatever their number.

        What follows another database takes its transactions over so: readers see all of one or
        nothing. Parameters and errors are those of :meth:`add`; no id may be on both sides.
        """
        self._check_writable()
        listed, removed = as_list("titles", titles), as_texts("ids", ids)
        result = self._writer.apply(listed, removed, embed=embed, checkpoint=checkpoint)
        if embed and listed:
            self._text.fitting.after_adding(len(listed), None)
        self._second.embed_behind()
        return result

    def delete(self, ids: str | Iterable[str]) -> int:
        """Remove titles by id, ignoring unknown ids; return how many were removed."""
        self._check_writable()
        deleted = self._writer.delete([ids] if isinstance(ids, str) else as_texts("ids", ids))
        self._second.embed_behind()
        return deleted

    def drop_second_space(self) -> int:
        """Forget the second space, with its vectors and files; return how many vectors."""
        self._check_writable()
        return self._second.drop()

    def embed_pending(self, progress: Progress | None = None) -> int:
        """Embed the titles that were stored without; return how many there were.

        The default embedder is fitted first where the catalogue has doubled since it was. A second
        space is brought up to date as well; what an earlier run embedded there stays.
        """
        self._check_writable(progress)
        return max(self._text.embed_pending(progress), self._second.embed_pending(progress))

    def refit(self, progress: Progress | None = None) -> None:
        """Fit the default embedder on all titles, and embed them all again.

        Searches and additions run meanwhile; the new vectors replace the old ones at once.
        """
        self._check_writable(progress)
        self._text.refit(progress)
        self._second.embed_behind()

    def seal(self, progress: Progress | None = None, *, wait: bool = True) -> bool:
        """Embed what is pending, build the graph over all vectors, and store all documents.

        Where only titles changed, the graph there is stays. The default embedder is fitted first
        where the catalogue has doubled; work of that kind in the background is waited for, and
        shown as ``waiting: ...``. A catalogue that embeds its own text is calibrated on it after a
        new graph, unless :meth:`calibrate` was given queries before: those settings stay.

        Parameters
        ----------
        progress : callable, optional
        wait : bool
            False returns at once and seals in the background what has vectors already;
            :meth:`wait` waits for that, and :meth:`close` stops it.

        Returns
        -------
        bool
            False where all was sealed already.

        Raises
        ------
        FittingError
            No embedder can be fitted, and there is none; only documents were sealed.
        DiskFullError, DiskFailureError
            What is served stays, and its files with it. Titles are still taken after a file of
            the index failed, for no title depends on it; after LMDB's did, they are not.
        """
        self._check_writable(progress)
        if not check_flag("wait", wait):
            self._manager.seal_in_background()
            return True
        calibrate = partial(calibration.calibrate_on_own_text, self, self._store, self._searcher)
        sealed = seal(self._store, self._manager, self._text, calibrate, progress)
        embedded = self._second.embed_pending(progress) > 0
        return self._second.seal(progress) or embedded or sealed

    def calibrate(
        self, queries: Sequence[str] | npt.ArrayLike, target_recall: float = 0.95, k: int = 10
    ) -> SearchSettings:
        """Choose and keep the cheapest search settings that reach a recall on these queries.

        Texts set how hard searches by text look, vectors how hard the others do.

        Parameters
        ----------
        queries : sequence of str, or array_like [n, dim]
            Like those to come; a few hundred.
        target_recall : float
        k : int
        """
        self._check_writable()
        served = self._current()
        return calibration.calibrate(self._store, self._searcher, served, queries, target_recall, k)

    restore = staticmethod(restore)

    # -- closing --------------------------------------------------------------------------

    def close(self) -> None:
        """Stop work in the background and close the files; closing twice does nothing."""
        with self._closing:
            if self._released:
                return
            self._closed = True
            open_catalogs.forget(self)
            self._second.close()
            self._manager.close()
            with self._store.lock:
                self._store.close()
            self._released = True  # last: the next call resumes where this is interrupted

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def after_fork(self) -> None:
        """Restart as a reader; a writer stays with the parent, which holds the lock."""
        self._store.after_fork()
        self._closing = threading.Lock()
        self._foreign = self._store.writable
        self._manager.after_fork()
        self._second.after_fork()
        super().after_fork()
