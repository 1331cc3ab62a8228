"""VectorCollection: what is asked of a collection of vectors, whoever keeps it.

Points are known by integer keys, which are the catalogue's rows. Every change is idempotent: points
are put in place of those of the same keys, and keys that are not there may be deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Described", "Point", "Quality", "VectorCollection"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


class Point(NamedTuple):
    """One vector with what is stored beside it.

    Attributes
    ----------
    key : int
    vector : float32[dim] or None
        None where it was not asked for. Qdrant keeps vectors for cosine at length 1.
    payload : dict
    """

    key: int
    vector: F32 | None
    payload: dict[str, Any]


class Quality(NamedTuple):
    """How hard a search looks, in terms that both servers and our own index share.

    Attributes
    ----------
    expansion_search : int
        Pool of a walk: ``hnsw_ef`` of Qdrant, ``ef`` of Milvus's HNSW.
    oversampling : float
        Candidates rescored for each answer.
    exact : bool
        Compare all, where the server can.
    """

    expansion_search: int = 64
    oversampling: float = 4.0
    exact: bool = False


@dataclass(frozen=True)
class Described:
    """What a collection says of itself.

    Attributes
    ----------
    dim : int
    metric : str
        ``cosine``, ``ip``, or the server's own word for another.
    labels : dict of str to str
        Ours, as :meth:`VectorCollection.label` stored them; none in a collection of others.
    """

    dim: int
    metric: str
    labels: Mapping[str, str] = field(default_factory=dict)


class VectorCollection(Protocol):
    """One collection; any number of threads may call it.

    Every method may raise ``VectorDatabaseUnavailableError`` where the server does not answer in
    time, and ``VectorDatabaseError`` where it refuses.
    """

    most_found: int
    """Points that one search may return."""

    def describe(self) -> Described | None:
        """Return what there is; None where there is no such collection."""

    def create(self, dim: int, metric: str, labels: Mapping[str, str]) -> None:
        """Create it, with one bit a dimension to search by and whole vectors to rescore by."""

    def drop(self) -> None:
        """Delete it, if it exists."""

    def label(self, labels: Mapping[str, str]) -> None:
        """Replace our labels."""

    def put(self, keys: Sequence[int], vectors: F32, payloads: Sequence[Mapping[str, Any]]) -> None:
        """Store points in place of those of the same keys; on return the server has them."""

    def delete(self, keys: Sequence[int]) -> None:
        """Delete points, of which some may not be there."""

    def count(self) -> int:
        """Count points."""

    def page(self, start: int, limit: int, *, vectors: bool, payloads: bool) -> list[Point]:
        """Return the first points with keys from ``start`` on, ascending."""

    def get(self, keys: Sequence[int]) -> list[Point]:
        """Return the points of some keys, with vectors and payloads; unknown ones are left out."""

    def search(
        self, query: F32, k: int, quality: Quality, keys: Sequence[int] | None = None
    ) -> tuple[I64, F32]:
        """Find the k nearest of all, or of some keys.

        Returns
        -------
        keys : int64[n]
            At most k.
        scores : float32[n]
            Cosines or inner products, descending.
        """

    def close(self) -> None:
        """Close the connection."""
