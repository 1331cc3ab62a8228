"""QdrantCollection: points of a Qdrant server, or of its client's local mode (extra ``qdrant``).

Vectors are quantized to one bit a dimension, kept in memory, and rescored by the originals: what
our own index does. The local mode has the same interface and neither quantization nor a graph.
"""

from __future__ import annotations

import atexit
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.errors import (
    InvalidInputError,
    VectorDatabaseError,
    VectorDatabaseUnavailableError,
)
from tv5core.vector_databases.address import CollectionAddress
from tv5core.vector_databases.collection import Described, Point, Quality

__all__ = ["QdrantCollection"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_LABELS = "tv5core"
_METRICS = {"cosine": "Cosine", "ip": "Dot"}
_HNSW = ("m", "ef_construct")
_BUSY = (408, 429, 500, 502, 503, 504)


class QdrantCollection:
    """One collection of Qdrant; see ``VectorCollection``.

    Parameters
    ----------
    address : CollectionAddress
    """

    most_found = 1_000_000

    def __init__(self, address: CollectionAddress) -> None:
        self.address = address
        try:
            from qdrant_client import models
        except ModuleNotFoundError as error:
            raise InvalidInputError(
                f"expected qdrant-client for {address}, got none: pip install 'tv5core[qdrant]'"
            ) from error
        self._models: Any = models
        self._name = address.collection
        self._client: Any = _client(address)
        self._closed = False

    # -- the collection -------------------------------------------------------------------

    def describe(self) -> Described | None:
        """Return what there is; None where there is no such collection."""
        with self._errors():
            if not self._client.collection_exists(self._name):
                return None
            config = self._client.get_collection(self._name).config
        vectors, labels = config.params.vectors, (config.metadata or {}).get(_LABELS)
        found = labels if isinstance(labels, dict) else {}
        if not hasattr(vectors, "size"):
            return Described(0, "several vectors a point", found)
        metrics = {name: ours for ours, name in _METRICS.items()}
        distance = str(getattr(vectors.distance, "value", vectors.distance))
        return Described(int(vectors.size), metrics.get(distance, distance), found)

    def create(self, dim: int, metric: str, labels: Mapping[str, str]) -> None:
        """Create it, with one bit a dimension to search by and whole vectors to rescore by."""
        models, options = self._models, dict(self.address.options)
        on_disk = options.pop("on_disk", "true") == "true"
        hnsw = {name: options.pop(name) for name in _HNSW if name in options}
        bits = models.BinaryQuantizationConfig(always_ram=True)
        with self._errors():
            self._client.create_collection(
                self._name,
                vectors_config=models.VectorParams(
                    size=dim, distance=_METRICS[metric], on_disk=on_disk
                ),
                quantization_config=models.BinaryQuantization(binary=bits),
                hnsw_config=models.HnswConfigDiff(**hnsw) if hnsw else None,
                metadata={_LABELS: dict(labels)},
                **options,
            )

    def drop(self) -> None:
        """Delete it, if it exists."""
        with self._errors():
            self._client.delete_collection(self._name)

    def label(self, labels: Mapping[str, str]) -> None:
        """Replace our labels."""
        with self._errors():
            self._client.update_collection(self._name, metadata={_LABELS: dict(labels)})

    # -- points ---------------------------------------------------------------------------

    def put(self, keys: Sequence[int], vectors: F32, payloads: Sequence[Mapping[str, Any]]) -> None:
        """Store points in place of those of the same keys; on return the server has them."""
        if len(keys):
            batch = self._models.Batch(
                ids=list(keys), vectors=vectors.tolist(), payloads=[dict(one) for one in payloads]
            )
            with self._errors():
                self._client.upsert(self._name, points=batch, wait=True)

    def delete(self, keys: Sequence[int]) -> None:
        """Delete points, of which some may not be there."""
        if len(keys):
            chosen = self._models.PointIdsList(points=list(keys))
            with self._errors():
                self._client.delete(self._name, points_selector=chosen, wait=True)

    def count(self) -> int:
        """Count points."""
        with self._errors():
            return int(self._client.count(self._name, exact=True).count)

    def page(self, start: int, limit: int, *, vectors: bool, payloads: bool) -> list[Point]:
        """Return the first points with keys from ``start`` on, ascending."""
        with self._errors():
            found, _ = self._client.scroll(
                self._name,
                offset=start,
                limit=limit,
                with_vectors=vectors,
                with_payload=payloads,
            )
        return [_point(one) for one in found]

    def get(self, keys: Sequence[int]) -> list[Point]:
        """Return the points of some keys, with vectors and payloads; unknown ones are left out."""
        with self._errors():
            found = self._client.retrieve(
                self._name, ids=list(keys), with_vectors=True, with_payload=True
            )
        return [_point(one) for one in found]

    def search(
        self, query: F32, k: int, quality: Quality, keys: Sequence[int] | None = None
    ) -> tuple[I64, F32]:
        """Find the k nearest of all, or of some keys."""
        models, chosen = self._models, None
        if keys is not None:
            chosen = models.Filter(must=[models.HasIdCondition(has_id=list(keys))])
        with self._errors():
            found = self._client.query_points(
                self._name,
                query=query.tolist(),
                limit=k,
                query_filter=chosen,
                search_params=None if self.address.is_local else self._params(quality),
                with_payload=False,
            ).points
        return (
            np.asarray([one.id for one in found], np.int64),
            np.asarray([one.score for one in found], np.float32),
        )

    def _params(self, quality: Quality) -> Any:
        models = self._models
        by_bits = models.QuantizationSearchParams(
            ignore=quality.exact, rescore=True, oversampling=quality.oversampling
        )
        return models.SearchParams(
            hnsw_ef=quality.expansion_search, exact=quality.exact, quantization=by_bits
        )

    def close(self) -> None:
        """Close the connection; what is in memory stays."""
        if self._closed:
            return
        self._closed = True
        if self.address.is_local:
            _release(self.address)
        else:
            self._client.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise our errors in place of the client's."""
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        try:
            with _quiet(self.address):
                yield
        except ResponseHandlingException as error:
            raise VectorDatabaseUnavailableError(
                f"expected an answer of {self.address}, got {type(error.source).__name__}"
            ) from None
        except UnexpectedResponse as error:
            kind = (
                VectorDatabaseUnavailableError
                if error.status_code in _BUSY
                else VectorDatabaseError
            )
            said = error.content.decode("utf-8", "replace")[:300]
            raise kind(
                f"expected {self.address} to do it, got {error.status_code}: {said}"
            ) from None
        except (ValueError, RuntimeError, AttributeError, TypeError) as error:  # the local mode's
            raise VectorDatabaseError(f"expected {self.address} to do it, got {error}") from error


def _point(found: Any) -> Point:
    if not isinstance(found.id, int):
        raise VectorDatabaseError(
            f"expected points with integer ids, as tv5core stores them, got {found.id!r}"
        )
    vector = None if found.vector is None else np.asarray(found.vector, np.float32)
    return Point(found.id, vector, dict(found.payload or {}))


# -- clients ------------------------------------------------------------------------------

_local: dict[tuple[str, str], Any] = {}
_users: Counter[tuple[str, str]] = Counter()
_opening = threading.Lock()
_local_calls = threading.RLock()
"""Its local mode is not made for several threads."""


def _client(address: CollectionAddress) -> Any:
    from qdrant_client import QdrantClient

    if not address.is_local:
        return QdrantClient(
            url=address.server,
            api_key=address.secret or None,
            timeout=max(1, round(address.timeout_s)),
            check_compatibility=False,
        )
    where = (address.path, address.host)
    with _opening:
        if where not in _local:
            _local[where] = _local_client(address)
        _users[where] += 1
        return _local[where]


def _release(address: CollectionAddress) -> None:
    """Let other processes use a folder that nobody here does."""
    where = (address.path, address.host)
    with _opening:
        _users[where] -= 1
        if address.how == "local" and _users[where] == 0:
            _local.pop(where).close()


@atexit.register
def _close_local() -> None:
    while _local:
        _local.popitem()[1].close()


def _local_client(address: CollectionAddress) -> Any:
    from qdrant_client import QdrantClient

    try:
        if address.how == "memory":
            return QdrantClient(":memory:")
        return QdrantClient(path=address.path, force_disable_check_same_thread=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise VectorDatabaseError(f"expected a folder for {address}, got {error}") from error


@contextmanager
def _quiet(address: CollectionAddress) -> Iterator[None]:
    """Leave out what the local mode says of itself at each call; address says it once."""
    if not address.is_local:
        yield
        return
    with _local_calls, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
