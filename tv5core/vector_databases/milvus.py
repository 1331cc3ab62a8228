"""MilvusCollection: a collection of a Milvus server, over gRPC (extra ``milvus``).

The index is ``IVF_RABITQ`` with refinement by default: one bit a dimension to search by, and finer
rows to rescore by, as our own index does. ``index_type=HNSW`` or another may be asked for.
"""

from __future__ import annotations

import logging
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

__all__ = ["MilvusCollection"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_METRICS = {"cosine": "COSINE", "ip": "IP"}
_LABEL = "tv5core."
_INDEX, _LISTS, _REFINED = "IVF_RABITQ", 1_024, "SQ8"
_UNAVAILABLE = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "Fail connecting", "timeout", "closed channel")


class MilvusCollection:
    """One collection of Milvus; see ``VectorCollection``.

    Parameters
    ----------
    address : CollectionAddress
    """

    most_found = 16_384  # Milvus's own bound

    def __init__(self, address: CollectionAddress) -> None:
        self.address = address
        try:
            import pymilvus
        except ModuleNotFoundError as error:
            raise InvalidInputError(
                f"expected pymilvus for {address}, got none: pip install 'tv5core[milvus]'"
            ) from error
        self._pymilvus: Any = pymilvus
        self._name = address.collection
        self._index = str(address.options.get("index_type", _INDEX))
        self._connected: Any = None

    @property
    def _client(self) -> Any:
        """The connection, made at first use: pymilvus connects when it is made."""
        if self._connected is None:
            at = self.address
            # It logs each error with its stack, though it raises it, too.
            logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
            connected = self._pymilvus.MilvusClient(
                uri=at.server, token=at.secret, db_name=at.database, timeout=at.timeout_s
            )
            if connected.has_collection(self._name, **self._patience):
                self._load(connected)
            self._connected = connected
        return self._connected

    def _load(self, client: Any) -> None:
        """Have the server load the collection: after a restart it may not have."""
        replicas = {n: v for n, v in self.address.options.items() if n == "replica_number"}
        client.load_collection(self._name, **replicas, **self._patience)

    # -- the collection -------------------------------------------------------------------

    def describe(self) -> Described | None:
        """Return what there is; None where there is no such collection."""
        with self._errors():
            if not self._client.has_collection(self._name, **self._patience):
                return None
            found = self._client.describe_collection(self._name, **self._patience)
            self._load(self._client)
            metric = self._metric()
        params = [one["params"] for one in found["fields"] if one["name"] == "vector"]
        labels = {
            name.removeprefix(_LABEL): str(value)
            for name, value in (found.get("properties") or {}).items()
            if name.startswith(_LABEL)
        }
        return Described(int(params[0].get("dim", 0)) if params else 0, metric, labels)

    def _metric(self) -> str:
        listed = self._client.list_indexes(self._name)
        if not listed:
            return "no index"
        named = self._client.describe_index(self._name, listed[0], **self._patience)
        metrics = {name: ours for ours, name in _METRICS.items()}
        return metrics.get(named.get("metric_type", ""), str(named.get("metric_type")))

    def create(self, dim: int, metric: str, labels: Mapping[str, str]) -> None:
        """Create it, with one bit a dimension to search by and whole vectors to rescore by."""
        with self._errors():
            index = self._client.prepare_index_params()
            index.add_index(
                "vector",
                index_type=self._index,
                metric_type=_METRICS[metric],
                params=self._building(),
            )
            options = self.address.options
            given = {
                name: options[name] for name in ("shards_num", "replica_number") if name in options
            }
            self._client.create_collection(
                self._name,
                schema=self._schema(dim),
                index_params=index,
                consistency_level=options.get("consistency_level", "Strong"),
                properties=_properties(labels),
                **given,
                **self._patience,
            )

    def _schema(self, dim: int) -> Any:
        types = self._pymilvus.DataType
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", types.INT64, is_primary=True)
        schema.add_field("vector", types.FLOAT_VECTOR, dim=dim)
        schema.add_field("payload", types.JSON, nullable=True)
        return schema

    def _building(self) -> dict[str, Any]:
        options = self.address.options
        if self._index == _INDEX:
            refined = str(options.get("refine_type", _REFINED))
            lists = int(options.get("nlist", _LISTS))
            return {"nlist": lists, "refine": True, "refine_type": refined}
        if self._index.startswith("IVF"):
            return {"nlist": int(options.get("nlist", _LISTS))}
        return {"M": 32, "efConstruction": 160} if self._index.startswith("HNSW") else {}

    def drop(self) -> None:
        """Delete it, if it exists."""
        with self._errors():
            self._client.drop_collection(self._name, **self._patience)

    def label(self, labels: Mapping[str, str]) -> None:
        """Replace our labels."""
        with self._errors():
            self._client.alter_collection_properties(
                self._name, _properties(labels), **self._patience
            )

    # -- points ---------------------------------------------------------------------------

    def put(self, keys: Sequence[int], vectors: F32, payloads: Sequence[Mapping[str, Any]]) -> None:
        """Store points in place of those of the same keys; on return the server has them."""
        if not len(keys):
            return
        rows = [
            {"id": int(key), "vector": vector, "payload": dict(payload)}
            for key, vector, payload in zip(keys, vectors.tolist(), payloads, strict=True)
        ]
        with self._errors():
            self._client.upsert(self._name, rows, **self._patience)

    def delete(self, keys: Sequence[int]) -> None:
        """Delete points, of which some may not be there."""
        if len(keys):
            with self._errors():
                self._client.delete(self._name, ids=[int(key) for key in keys], **self._patience)

    def count(self) -> int:
        """Count points."""
        with self._errors():
            found = self._client.query(
                self._name, filter="", output_fields=["count(*)"], **self._strongly
            )
        return int(found[0]["count(*)"])

    def page(self, start: int, limit: int, *, vectors: bool, payloads: bool) -> list[Point]:
        """Return the first points with keys from ``start`` on, ascending."""
        with self._errors():
            found = self._client.query(
                self._name,
                filter=f"id >= {int(start)}",
                limit=limit,
                output_fields=_fields(vectors=vectors, payloads=payloads),
                **self._strongly,
            )
        return sorted((_point(one) for one in found), key=lambda point: point.key)

    def get(self, keys: Sequence[int]) -> list[Point]:
        """Return the points of some keys, with vectors and payloads; unknown ones are left out."""
        with self._errors():
            found = self._client.query(
                self._name,
                filter=f"id in {[int(key) for key in keys]}",
                output_fields=_fields(vectors=True, payloads=True),
                **self._strongly,
            )
        return [_point(one) for one in found]

    def search(
        self, query: F32, k: int, quality: Quality, keys: Sequence[int] | None = None
    ) -> tuple[I64, F32]:
        """Find the k nearest of all, or of some keys."""
        chosen = "" if keys is None else f"id in {[int(key) for key in keys]}"
        with self._errors():
            found = self._client.search(
                self._name,
                data=[query.tolist()],
                filter=chosen,
                limit=min(k, self.most_found),
                output_fields=["id"],
                search_params={"params": self._searching(k, quality)},
                **self._strongly,
            )[0]
        return (
            np.asarray([one["id"] for one in found], np.int64),
            np.asarray([one["distance"] for one in found], np.float32),
        )

    def _searching(self, k: int, quality: Quality) -> dict[str, Any]:
        """Return how hard a search looks; an exact one reads every list."""
        lists = int(self.address.options.get("nlist", _LISTS))
        read = lists if quality.exact else max(1, min(lists, quality.expansion_search))
        if self._index == _INDEX:
            return {"nprobe": read, "refine_k": quality.oversampling}
        if self._index.startswith("IVF"):
            return {"nprobe": read}
        return {"ef": max(k, quality.expansion_search)} if self._index.startswith("HNSW") else {}

    @property
    def _patience(self) -> dict[str, Any]:
        return {"timeout": self.address.timeout_s}

    @property
    def _strongly(self) -> dict[str, Any]:
        """Read what was written before, unless the URL asks for less."""
        level = self.address.options.get("consistency_level", "Strong")
        return {"consistency_level": level, **self._patience}

    def close(self) -> None:
        """Close the connection."""
        connected, self._connected = self._connected, None
        if connected is not None:
            connected.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise our errors in place of the client's."""
        from grpc import RpcError
        from pymilvus.exceptions import MilvusException

        try:
            yield
        except (MilvusException, RpcError, ValueError) as error:
            said = str(error)
            gone = any(word in said for word in _UNAVAILABLE)
            kind = VectorDatabaseUnavailableError if gone else VectorDatabaseError
            if gone:
                self.close()  # the next call connects again
            message = getattr(error, "message", "") or type(error).__name__
            raise kind(
                f"expected {self.address} to do it, got {str(message).splitlines()[0][:300]}"
            ) from None


def _fields(*, vectors: bool, payloads: bool) -> list[str]:
    return ["id", *(["vector"] if vectors else []), *(["payload"] if payloads else [])]


def _point(found: Mapping[str, Any]) -> Point:
    vector = found.get("vector")
    return Point(
        int(found["id"]),
        None if vector is None else np.asarray(vector, np.float32),
        dict(found.get("payload") or {}),
    )


def _properties(labels: Mapping[str, str]) -> dict[str, str]:
    return {f"{_LABEL}{name}": str(value) for name, value in labels.items()}
