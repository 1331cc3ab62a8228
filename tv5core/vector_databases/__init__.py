"""Collections of vectors in Qdrant or Milvus: reached by a URL, filled, read and searched.

Read in this order:

``address``
    What a URL such as ``qdrant://host:6333/films?shard_number=4`` says.
``collection``
    ``VectorCollection``: the few things that are asked of a collection, whoever keeps it.
``qdrant``, ``milvus``
    The two that answer: over a server's client, or Qdrant's client by itself.
``opening``
    The collection of a URL.
``guard``
    One that is left alone for a while after it failed.
``segment``, ``index``
    A segment whose rows are in a collection; an index that joins it with what is on its way there.

Only collections know their servers' libraries, which they import when they are opened (extras
``qdrant`` and ``milvus``).
"""

from __future__ import annotations

from tv5core.vector_databases.address import CollectionAddress, is_collection_url
from tv5core.vector_databases.collection import Described, Point, Quality, VectorCollection
from tv5core.vector_databases.guard import GuardedCollection
from tv5core.vector_databases.index import RemoteIndex
from tv5core.vector_databases.opening import open_collection

__all__ = [
    "CollectionAddress",
    "Described",
    "GuardedCollection",
    "Point",
    "Quality",
    "RemoteIndex",
    "VectorCollection",
    "is_collection_url",
    "open_collection",
]
