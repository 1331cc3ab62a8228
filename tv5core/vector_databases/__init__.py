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

Only collections know their servers' libraries, which they import when they are opened (extras
``qdrant`` and ``milvus``).
"""

from __future__ import annotations

from tv5core.vector_databases.address import CollectionAddress, is_collection_url
from tv5core.vector_databases.collection import Described, Point, Quality, VectorCollection
from tv5core.vector_databases.opening import open_collection

__all__ = [
    "CollectionAddress",
    "Described",
    "Point",
    "Quality",
    "VectorCollection",
    "is_collection_url",
    "open_collection",
]
