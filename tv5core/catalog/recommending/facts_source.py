"""The numbers of all titles as searches see them now."""

from __future__ import annotations

import numpy as np

from tv5core.catalog.index.served import ServedIndex
from tv5core.columns import ColumnSegment
from tv5core.query.documents import DocumentSnapshot
from tv5core.recommend.facts import TitleFacts

__all__ = ["FactsSource"]


class FactsSource:
    """Facts of the documents of one snapshot, kept until another is served."""

    def __init__(self) -> None:
        self._known: tuple[DocumentSnapshot, TitleFacts] | None = None

    def of(self, served: ServedIndex) -> tuple[DocumentSnapshot, TitleFacts]:
        """Return the documents served now, and their facts.

        Returns
        -------
        documents : DocumentSnapshot
        facts : TitleFacts
            The same object as long as the documents are.
        """
        documents, known = served.view().documents, self._known
        if known is None or known[0] is not documents:
            known = self._known = documents, _facts(documents)
        return known


def _facts(documents: DocumentSnapshot) -> TitleFacts:
    parts = []
    for segment in documents.segments:
        alive = segment.documents()
        parts.append(TitleFacts.of_columns(segment.columns, alive, segment.keys[alive]))
    if not parts:
        none = np.empty(0, np.int64)
        return TitleFacts.of_columns(ColumnSegment.build([], {}), none, none)
    return TitleFacts.joined(parts)
