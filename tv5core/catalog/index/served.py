"""ServedIndex: one space and what searches it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tv5core.embedding import Embedder
from tv5core.files import SealedFile
from tv5core.query.document_index import DocumentIndex, Report
from tv5core.query.documents import DocumentSnapshot
from tv5core.query.view import View
from tv5core.store.meta import Meta
from tv5core.vectors import Snapshot, VectorIndex

__all__ = ["ServedIndex", "empty_index", "served_of"]

_NOTHING = View(None, DocumentSnapshot(), 0)


@dataclass
class ServedIndex:
    """One space and what searches it; searches hold on to it, so spaces never mix.

    Attributes
    ----------
    space : int
    documents : DocumentIndex
        Of all titles, whatever the space; it may outlive this.
    index : VectorIndex or None
        None until the catalogue has a vector.
    generation : int
        The sealed files under it; 0 for none.
    applied : int
        The last journal entry it contains.
    fingerprint : str
        Of the embedder that made the space.
    model : SealedFile or None
        File of that embedder, where the catalogue keeps one.
    embedder : Embedder or None
        That model, once loaded.
    """

    space: int
    documents: DocumentIndex
    index: VectorIndex | None = None
    generation: int = 0
    applied: int = 0
    fingerprint: str = ""
    model: SealedFile | None = None
    embedder: Embedder | None = None
    _published: tuple[int, Snapshot | None, int] = 0, None, 0
    _view: View = field(default=_NOTHING, repr=False)

    def publish(self, applied: int) -> None:
        """Show searches what is there, which contains the journal up to an entry."""
        vectors = None if self.index is None else self.index.snapshot
        self._published = applied, vectors, self.documents.noted
        self.applied = applied

    @property
    def published_vectors(self) -> tuple[int, Snapshot | None]:
        """The vectors that searches see, and the last journal entry they contain."""
        return self._published[:2]

    def view(self) -> View:
        """Return what a search sees: vectors and documents at one moment.

        What changed since the last search is made documents now. Nobody waits for a change.
        """
        self.documents.in_use = True
        while True:
            published = self._published
            applied, vectors, noted = published
            documents = self.documents.settled(noted)
            if documents is None and self._published is published:
                documents = self.documents.latest  # another space is served by now, with these
            if documents is not None:
                return self._viewed(vectors, documents, applied)

    def make_documents(self, report: Report) -> None:
        """Make documents of what was published, as the next search would."""
        self.documents.settled(self._published[2], report)

    def _viewed(self, vectors: Snapshot | None, documents: DocumentSnapshot, applied: int) -> View:
        last = self._view
        if last.vectors is not vectors or last.documents is not documents:
            last = self._view = last.following(vectors, documents, applied)
        return last


def served_of(
    meta: Meta,
    documents: DocumentIndex,
    index: VectorIndex | None,
    embedder: Embedder | None = None,
) -> ServedIndex:
    """Return what serves the record's space, nothing of its journal applied."""
    return ServedIndex(
        meta.space,
        documents,
        index,
        fingerprint=meta.embedder,
        model=meta.model,
        embedder=embedder,
    )


def empty_index(meta: Meta, dim: int = 0) -> VectorIndex | None:
    """Return an index without rows, of a width of its own; None until there is a vector."""
    if not dim and not meta.dim:
        return None
    return VectorIndex.empty(dim or meta.dim, metric=meta.metric, rescoring=meta.rescoring)
