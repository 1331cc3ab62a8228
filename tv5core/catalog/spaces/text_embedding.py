"""The catalogue's embedder: which one made its vectors, when it is fitted, what waits for it.

Two kinds of embedder fill a catalogue. A *given* one (any callable, a transformer) never
changes. The default, latent semantic analysis, is *fitted* on the catalogue's own text and
kept as a file in its folder; it is fitted again whenever the catalogue has doubled, in the
background (``fitting``), or when the caller seals or embeds what is pending.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.catalog.index.manager import IndexManager, ServedIndex
from tv5core.catalog.spaces.fitting import Fitting
from tv5core.catalog.spaces.new_space import embed_into_new_space
from tv5core.catalog.spaces.pending import Pending, pending_blocks, unchanged
from tv5core.embedding import Embedder, LsaEmbedder, checked_embedding, resolve_embedder
from tv5core.embedding.lsa_processes import LsaProcesses
from tv5core.errors import CorruptFileError, EmbedderMismatchError, FittingError
from tv5core.store import Store, embeddings, generations, journal, titles
from tv5core.store.meta import Meta, with_entry
from tv5core.store.transaction import Txn
from tv5core.types import Progress, Title
from tv5core.worker_pool import processes_for

__all__ = ["EXTERNAL", "EmbedderSpec", "TextEmbedding", "TextReadiness"]

F32 = npt.NDArray[np.float32]
EmbedderSpec: TypeAlias = "str | Embedder | Callable[[list[str]], npt.ArrayLike] | None"

log = logging.getLogger("tv5core")

EXTERNAL = "external"
"""Recorded as embedder where vectors were given and no embedder was named."""

_BLOCK = 1_000
_SHARED = 100
"""Titles from which the way to other processes is worth it."""


class TextEmbedding:
    """Turn text into vectors of the space that is served.

    Parameters
    ----------
    store : Store
    manager : IndexManager
    spec
        What ``Catalog.open`` was given as ``embedder``.

    Raises
    ------
    EmbedderMismatchError
        The catalogue was built with another embedder.

    Attributes
    ----------
    fitting : Fitting
        When the default embedder is fitted.
    """

    def __init__(self, store: Store, manager: IndexManager, spec: EmbedderSpec) -> None:
        self._store, self._manager = store, manager
        resolved = resolve_embedder(spec)
        self._fits = resolved is None or isinstance(resolved, LsaEmbedder)
        self._given = None if self._fits else resolved
        self.fitting = Fitting(store, manager, enabled=self._fits)
        recorded = store.meta.embedder
        if recorded in ("", EXTERNAL) or resolved is None:
            return
        if self._fits != _is_fitted(recorded) or (
            self._given is not None and self._given.fingerprint != recorded
        ):
            got = "lsa" if self._given is None else self._given.fingerprint
            raise EmbedderMismatchError(
                f"{store.folder}: expected the embedder its vectors were made with, {recorded!r}, "
                f"got {got!r}; embedder=None opens it without text search"
            )

    # -- which embedder -------------------------------------------------------------------

    def fingerprint_of_given_vectors(self) -> str:
        """Return the fingerprint under which ready vectors are stored.

        Raises
        ------
        EmbedderMismatchError
            The catalogue makes its own vectors.
        """
        recorded = self._store.meta.embedder
        if _is_fitted(recorded):
            raise EmbedderMismatchError(
                f"{self._store.folder}: expected titles without vectors, because this catalogue "
                "embeds them itself ('lsa'), got ready vectors"
            )
        return recorded or (self._given.fingerprint if self._given is not None else EXTERNAL)

    def check_can_embed(self) -> None:
        """Raise EmbedderMismatchError where titles cannot be embedded."""
        recorded = self._store.meta.embedder
        if self._given is None and recorded and not _is_fitted(recorded):
            raise EmbedderMismatchError(_no_embedder(self._store, recorded))

    def can_embed(self) -> bool:
        """Return whether a title can be embedded again."""
        return not self._is_without_embedder()

    def fits(self, served: ServedIndex) -> bool:
        """Return whether the catalogue made this space itself, from its own text."""
        return self._given is None and _is_fitted(served.fingerprint)

    def embedder(self, served: ServedIndex) -> Embedder | None:
        """Return the embedder of a space; None where it is still to be fitted.

        Raises
        ------
        EmbedderMismatchError
            The vectors were made elsewhere and no embedder was given.
        CorruptFileError
            The fitted embedder's file is damaged or gone.
        """
        if self._given is not None:
            return self._given
        if not served.fingerprint:
            return None
        if not _is_fitted(served.fingerprint):
            raise EmbedderMismatchError(_no_embedder(self._store, served.fingerprint))
        if served.embedder is None:
            served.embedder = self._load(served)
        return served.embedder

    def _load(self, served: ServedIndex) -> Embedder:
        if served.model is None:
            raise CorruptFileError(f"{self._store.folder}: expected a fitted embedder, got none")
        path = self._store.folder / served.model.name
        try:
            generations.check_sizes(self._store.folder, (served.model,))
            model = LsaEmbedder.load(path)
        except (CorruptFileError, OSError) as error:
            raise CorruptFileError(
                f"{path}: expected the fitted embedder, got {error}; "
                "opening the catalogue for writing refits it"
            ) from error
        if model.fingerprint != served.fingerprint:
            raise CorruptFileError(
                f"{path}: expected {served.fingerprint}, got {model.fingerprint}"
            )
        return model

    def embed_queries(self, served: ServedIndex, texts: Sequence[str]) -> F32:
        """Embed queries: float32[n, dim]; a zero row where nothing of a text is known."""
        embedder = self.embedder(served)
        if embedder is None:
            return np.zeros((len(texts), self._store.meta.dim), np.float32)
        return checked_embedding(embedder.embed_queries(texts), len(texts), self._store.meta.dim)

    def embed_titles(
        self, embedder: Embedder, some: Sequence[Title], processes: LsaProcesses | None = None
    ) -> F32:
        """Embed titles: float32[n, dim]; a zero row where a title has no known text.

        Parameters
        ----------
        embedder : Embedder
        some : sequence of Title
        processes : LsaProcesses, optional
            Used where they are this embedder's, and the titles are many.
        """
        if processes is not None and processes.embedder is embedder and len(some) >= _SHARED:
            made = processes.embed(some)
            return checked_embedding(made, len(some), self._store.meta.dim)
        return checked_embedding(embedder.embed_titles(some), len(some), self._store.meta.dim)

    # -- what is pending ------------------------------------------------------------------

    def embed_pending(self, progress: Progress | None = None) -> int:
        """Embed the titles stored without; return how many there were."""
        with self._store.read() as txn:
            total = titles.pending_count(txn)
        if self.fitting.is_due() and self._fit(progress):
            return total
        if not total or self._is_without_embedder():
            return 0
        report = self._manager.cancellable(progress)
        done, last = self._embed_in_processes(total, report), -1
        while True:
            with self._store.lock:
                rows = self._embed_some(last)
            if not rows:
                return done
            done, last = done + len(rows), rows[-1]
            report(min(done, total), total, "embedding")
            self._manager.seal_if_due()

    def _embed_in_processes(self, total: int, report: Progress) -> int:
        """Embed what is pending on several cores; return how many that were.

        It holds no lock meanwhile. What changes in the time is left pending, and so is all the
        rest where another embedder takes over.
        """
        served, done = self._manager.current(), 0
        with self.processes(served, total) as processes:
            if processes is None:
                return 0
            for block, vectors in processes.blocks(pending_blocks(self._store, _BLOCK)):
                with self._store.lock:
                    if self._manager.current().fingerprint != served.fingerprint:
                        return done
                    done += self._store_unchanged(block, vectors)
                report(min(done, total), total, "embedding")
                self._manager.seal_if_due()
        return done

    def _store_unchanged(self, block: Pending, vectors: F32) -> int:
        places = unchanged(self._store, block)
        if places:
            vectors = checked_embedding(vectors, len(block), self._store.meta.dim)
            self._store_vectors([block[place][0] for place in places], vectors[places])
        return len(places)

    @contextmanager
    def processes(self, served: ServedIndex, count: int) -> Iterator[LsaProcesses | None]:
        """Have processes that embed as many titles; None where they are not worth it, or cannot."""
        number = processes_for(count, behind=False)  # fits alone embed in the background
        embedder = self.embedder(served) if number and self._given is None else None
        if not isinstance(embedder, LsaEmbedder) or served.model is None:
            yield None
            return
        path = self._store.folder / served.model.name
        with LsaProcesses(embedder, path, number) as processes:
            yield processes

    def _fit(self, progress: Progress | None) -> bool:
        """Fit; where that fails, keep an earlier model if there is one."""
        try:
            self.fitting.fit(progress, due=self.fitting.is_due)
        except FittingError as error:
            if self._is_without_embedder():
                raise
            log.warning("%s: fitting the embedder failed: %s", self._store.folder, error)
            return False
        return True

    def _is_without_embedder(self) -> bool:
        recorded = self._store.meta.embedder
        return self._given is None and (not recorded or not _is_fitted(recorded))

    def _embed_some(self, last: int) -> list[int]:
        """Embed and store the next pending rows after ``last``; return them."""
        with self._store.read() as txn:
            rows = titles.pending_rows(txn, last, _BLOCK)
            read = [(row, titles.readable(txn, row)) for row in rows]
        embedder = self.embedder(self._manager.current())
        if not rows or embedder is None:
            return []
        some = [(row, title) for row, title in read if title is not None]
        if some:
            vectors = self.embed_titles(embedder, [title for _, title in some])
            self._store_vectors([row for row, _ in some], vectors)
        return rows

    def _store_vectors(self, rows: list[int], vectors: F32) -> None:
        has = np.any(vectors, axis=1)

        def work(txn: Txn, meta: Meta) -> tuple[Meta, None]:
            for row, vector, found in zip(rows, vectors, has.tolist(), strict=True):
                titles.set_pending(txn, row, pending=False)
                embeddings.put_or_delete(txn, meta.space, row, vector if found else None)
            journal.append(txn, meta.next_seq, rows, ())
            return with_entry(meta, vectors.shape[1], self.fingerprint_of_own_vectors()), None

        self._manager.change.begin()
        self._store.write(work)
        given = np.asarray(rows, np.int64)
        unchanged = np.empty(0, np.int64)  # no title is
        self._manager.apply(given[has], vectors[has], given[~has], unchanged)
        self._manager.change.done()

    def fingerprint_of_own_vectors(self) -> str:
        """Return the fingerprint under which vectors made here are stored."""
        return self._store.meta.embedder if self._given is None else self._given.fingerprint

    def recover_model(self) -> None:
        """Fit again where the fitted embedder's file is damaged or gone; for the writer."""
        served = self._manager.served
        if self._given is not None or not _is_fitted(served.fingerprint):
            return
        try:
            self.embedder(served)
        except CorruptFileError as error:
            message = f"the fitted embedder was lost and is refitted: {error}"
            self._manager.recovered.append(message)
            log.warning("%s: %s", self._store.folder, message)
            with suppress(FittingError):  # the rest can be used; ``readiness`` says why not this
                self.refit()

    def refit(self, progress: Progress | None = None) -> None:
        """Embed all titles again; see ``Catalog.refit``."""
        self.check_can_embed()
        if self._given is None:
            self.fitting.fit(progress)
        else:
            embed_into_new_space(self._store, self._manager, self._given, progress)

    # -- whether texts can be searched ----------------------------------------------------

    def readiness(self, served: ServedIndex) -> TextReadiness:
        """Return whether texts can be searched, and why they cannot."""
        failure = self.fitting.failure
        if served.fingerprint or self._given is not None:
            try:
                self.embedder(served)
            except (CorruptFileError, EmbedderMismatchError) as error:
                return TextReadiness(ready=False, reason=str(error), failed=bool(failure))
            older = f"fitting it again failed: {failure}; the embedder before serves"
            return TextReadiness(ready=True, reason=older if failure else "")
        with self._store.read() as txn:
            count = titles.count(txn)
        if not count:
            return TextReadiness(ready=False, reason="there are no titles")
        waiting = f"{count:,} titles wait for the embedder to be fitted"
        if failure:
            return TextReadiness(False, f"{waiting}, and that failed: {failure}", failed=True)
        return TextReadiness(ready=False, reason=f"{waiting}; sealing fits it")


class TextReadiness(msgspec.Struct, frozen=True):
    """Whether texts can be searched.

    Attributes
    ----------
    ready : bool
    reason : str
        Why not; where they can, what is amiss; ``""`` for nothing.
    failed : bool
        Whether a fit was tried and failed.
    """

    ready: bool
    reason: str = ""
    failed: bool = False


def _is_fitted(fingerprint: str) -> bool:
    return fingerprint.split(":", maxsplit=1)[0] == "lsa"


def _no_embedder(store: Store, recorded: str) -> str:
    made = "were given ready-made" if recorded == EXTERNAL else f"were made by {recorded!r}"
    return (
        f"{store.folder}: expected an embedder for text, got none: this catalogue's vectors "
        f"{made}; pass Catalog.open(..., embedder=...)"
    )
