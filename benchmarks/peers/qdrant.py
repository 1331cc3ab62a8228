"""Qdrant Edge: HNSW walked by quantized codes, rescored by float32 vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.base import (
    CONNECTIVITY,
    EXPANSION_ADD,
    F32,
    I64,
    Mask,
    Peer,
    Setting,
    Shape,
    filled,
)

_BLOCK = 1_000
_WIDTHS = (32, 64, 128, 256, 512, 1_024)
_OVERSAMPLING = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
_MOST_CANDIDATES = 1_000
_SCAN_BELOW_KB = 10_000  # its own default: few allowed rows are scanned, not walked to
_INDEX_FROM_KB = 1_000
_SEGMENT_KB = 1_000_000_000


class QdrantEdge(Peer):
    """One segment of vectors mapped from disk, with codes and graph in memory."""

    library, module = "qdrant-edge-py", "qdrant_edge"
    own_threads = False
    filters = True
    filter_queries = 100
    remarks = (
        "queries and vectors cross its interface as lists of Python floats",
        "filtered by a set of point ids, with ACORN on",
    )
    _shard: Any = None

    def __init__(self, name: str, shape: Shape, codes: str) -> None:
        super().__init__(name, shape)
        self._codes = codes
        kind = {"binary": "binary codes", "turbo": "2-bit TurboQuant codes"}[codes]
        self.label = f"Qdrant Edge, {kind} + rescoring"

    @property
    def parameters(self) -> dict[str, str | int | float]:
        """M, efConstruction and kind of codes."""
        parameters: dict[str, str | int | float] = {
            "m": CONNECTIVITY,
            "ef_construct": EXPANSION_ADD,
        }
        parameters |= {"quantization": self._codes, "full_scan_threshold": _SCAN_BELOW_KB}
        return parameters | ({"query_encoding": "8-bit scalars"} if self._codes == "binary" else {})

    @property
    def build_bytes(self) -> int:
        """Twice the rows: a growing segment becomes a sealed one."""
        return 2 * self.index_bytes

    def load_library(self) -> None:
        """Import it."""
        import qdrant_edge  # noqa: F401

    def build(self, vectors: F32, folder: Path, threads: int) -> None:
        """Upsert without a log, then let it optimize into one indexed segment."""
        import qdrant_edge as qdrant

        shard = qdrant.EdgeShard.create(str(folder), self._config(threads))
        for at in range(0, len(vectors), _BLOCK):
            rows = np.asarray(vectors[at : at + _BLOCK]).tolist()
            points = [qdrant.Point(at + i, row) for i, row in enumerate(rows)]
            shard.update(qdrant.UpdateOperation.upsert_points(points))
        shard.optimize()
        shard.flush()
        shard.close()

    def open(self, folder: Path) -> None:
        """Load it."""
        import qdrant_edge as qdrant

        self._shard = qdrant.EdgeShard.load(str(folder))

    def settings(self, k: int) -> list[list[Setting]]:
        """Return a ladder of widths for each number of rescored candidates."""
        factors = [f for f in _OVERSAMPLING if f * k <= _MOST_CANDIDATES]
        return [
            [{"hnsw_ef": float(w), "oversampling": f} for w in _WIDTHS if w >= k] for f in factors
        ]

    def search(self, queries: F32, k: int, setting: Setting) -> I64:
        """Search a batch in one call."""
        return self.search_filtered(queries, k, setting, None)

    def prepare_filter(self, allowed: Mask) -> Any:
        """Return a condition on point ids."""
        import qdrant_edge as qdrant

        ids = qdrant.HasIdCondition(set(np.flatnonzero(allowed).tolist()))
        return qdrant.Filter(must=[ids])

    def search_filtered(self, queries: F32, k: int, setting: Setting, allowed: Any) -> I64:
        """Search with a condition, or without where it is None."""
        import qdrant_edge as qdrant

        knobs = qdrant.SearchParams(
            hnsw_ef=int(setting["hnsw_ef"]),
            acorn=None if allowed is None else qdrant.AcornSearchParams(enable=True),
            quantization=qdrant.QuantizationSearchParams(
                rescore=True, oversampling=setting["oversampling"]
            ),
        )
        asked = [
            qdrant.QueryRequest(
                limit=k,
                query=qdrant.Query.Nearest(query),
                params=knobs,
                filter=allowed,
                with_payload=False,
                with_vector=False,
            )
            for query in queries.tolist()
        ]
        if len(asked) == 1:
            return filled([[point.id for point in self._shard.query(asked[0])]], k)
        found = self._shard.query_batch(qdrant.QueryBatchRequest(asked))
        return filled([[point.id for point in points] for points in found], k)

    def close(self) -> None:
        """Close the shard."""
        if self._shard is not None:
            self._shard.close()

    def _config(self, threads: int) -> Any:
        import qdrant_edge as qdrant

        return qdrant.EdgeConfig(
            vectors=qdrant.EdgeVectorParams(
                size=self.shape.dim,
                distance=qdrant.Distance.Dot,
                quantization_config=self._quantization(),
            ),
            hnsw_config=qdrant.HnswIndexConfig(
                m=CONNECTIVITY,
                ef_construct=EXPANSION_ADD,
                full_scan_threshold=_SCAN_BELOW_KB,
                max_indexing_threads=threads,
            ),
            optimizers=qdrant.EdgeOptimizersConfig(
                default_segment_number=1,
                indexing_threshold=_INDEX_FROM_KB,
                max_segment_size=_SEGMENT_KB,
            ),
            wal_enabled=False,
        )

    def _quantization(self) -> Any:
        import qdrant_edge as qdrant

        if self._codes == "turbo":
            return qdrant.TurboQuantQuantizationConfig(
                bits=qdrant.TurboQuantBitSize.Bits2, memory=qdrant.Memory.Pinned
            )
        return qdrant.BinaryQuantizationConfig(
            query_encoding=qdrant.BinaryQuantizationQueryEncoding.Scalar8Bits,
            memory=qdrant.Memory.Pinned,
        )
