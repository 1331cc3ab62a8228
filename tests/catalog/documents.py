"""Whether the documents of a catalogue are those of its titles."""

from __future__ import annotations

import numpy as np

from tv5core.catalog import Catalog
from tv5core.query.document_audit import differing, missing
from tv5core.store import titles


def problems(catalog: Catalog) -> list[str]:
    """Compare the documents that a search would see with all titles, and with their vectors."""
    view = catalog._current().view()
    with catalog._store.read() as txn:
        rows = np.asarray(titles.rows_after(txn, -1, 1 << 30), np.int64)
        stored = [titles.by_row(txn, row) for row in rows.tolist()]
    found = [f"row {row} has not one document" for row in missing(view.documents, rows).tolist()]
    if view.documents.alive_count != len(rows):
        found.append(f"expected {len(rows)} documents, got {view.documents.alive_count}")
    if found:
        return found
    source = catalog._manager.titles.source
    known = [title for title in stored if title is not None]
    different = differing(view.documents, rows, known, source)
    found += [f"row {row} has the document of another title" for row in different.tolist()]
    for vectors in () if view.vectors is None else view.vectors.segments:
        for documents in view.documents.segments:
            if documents.graph is vectors.id:
                same = np.array_equal(documents.keys[: len(vectors)], vectors.keys)
                found += [] if same else ["documents are not numbered like the graph"]
    return found
