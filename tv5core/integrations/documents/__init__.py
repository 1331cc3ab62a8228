"""Documents with vectors and metadata in a folder: what the adapters of frameworks stand on.

::

    from tv5core.integrations.documents import Document, DocumentStore, Equal

    with DocumentStore("notes", fields={"topic": "keyword"}) as store:
        store.add([Document("a", "Sharks swim.", {"topic": "sea"}, vector=[0.1] * 8)])
        store.search(vector=[0.1] * 8, k=3, condition=Equal("topic", "sea"))

A document is a title of a catalogue: its text is searched by words, its vector by likeness, all of
its metadata is kept, and what is declared in ``fields`` is stored in columns that filters use. So
it has a catalogue's promises: what :meth:`DocumentStore.add` returned from is on disk, one process
writes and any number read.

Modules, in reading order:

``document``
    :class:`Document`, and how it is stored.
``conditions``
    What metadata must be like, evaluated on a document.
``pushdown``
    Filters of the catalogue that are true of every document a condition holds for.
``catalogs``
    The open catalogues of this process, shared by folder.
``selecting``
    The k best among the documents a condition holds for.
``queries``
    One search of the catalogue, by a vector or by words.
``ranking``
    Two orders fused; maximal marginal relevance.
``state``
    What is recorded of the documents in a folder.
``reader``, ``store``
    :class:`DocumentStore`, which joins them: its reading side, and all of it.
"""

from __future__ import annotations

from tv5core.integrations.documents.conditions import (
    All,
    AnyOf,
    Condition,
    Contains,
    Empty,
    Equal,
    Not,
    OneOf,
    Ordered,
    Predicate,
    Within,
)
from tv5core.integrations.documents.document import Document, Found
from tv5core.integrations.documents.ranking import diverse
from tv5core.integrations.documents.store import DocumentStore

__all__ = [
    "All",
    "AnyOf",
    "Condition",
    "Contains",
    "Document",
    "DocumentStore",
    "Empty",
    "Equal",
    "Found",
    "Not",
    "OneOf",
    "Ordered",
    "Predicate",
    "Within",
    "diverse",
]
