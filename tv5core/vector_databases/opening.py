"""The collection of a URL."""

from __future__ import annotations

from tv5core.vector_databases.address import CollectionAddress
from tv5core.vector_databases.collection import VectorCollection

__all__ = ["open_collection"]


def open_collection(address: str | CollectionAddress) -> VectorCollection:
    """Open a collection; nothing is asked of its server yet.

    Raises
    ------
    InvalidInputError
        It is no such URL, or the server's library is not installed.
    VectorDatabaseError
        A folder of a local Qdrant cannot be used.
    """
    at = address if isinstance(address, CollectionAddress) else CollectionAddress.parse(address)
    if at.backend == "qdrant":
        from tv5core.vector_databases.qdrant import QdrantCollection

        return QdrantCollection(at)
    from tv5core.vector_databases.milvus import MilvusCollection

    return MilvusCollection(at)
