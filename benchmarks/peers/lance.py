"""LanceDB: IVF over RaBitQ codes and HNSW over 8-bit scalars, refined by float32 vectors."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.base import (
    CONNECTIVITY,
    EXPANSION_ADD,
    F32,
    I64,
    Peer,
    Setting,
    Shape,
    filled,
)

_BLOCK = 8_192
_TABLE = "rows"
_PROBES = (8, 16, 32, 64, 128)
_WIDTHS = (16, 32, 64, 128, 256, 512)
_FACTORS = (1, 2, 4, 16)
_MOST_CANDIDATES = 1_000


class Lance(Peer):
    """A table on the disk with one vector index."""

    library = module = "lancedb"
    own_threads = False
    remarks = (
        "asked one query after another: its batches were slower",
        "no filtered search: its filters are expressions over stored columns",
    )
    _table: Any = None

    def __init__(self, name: str, shape: Shape, kind: str) -> None:
        super().__init__(name, shape)
        self._kind = kind
        codes = {"ivf-rq": "IVF, RaBitQ codes", "hnsw-sq": "HNSW, 8-bit scalars"}[kind]
        self.label = f"LanceDB {codes} + refining"
        self._own = threading.local()

    @property
    def parameters(self) -> dict[str, str | int | float]:
        """Kind of index and its size."""
        if self._kind == "hnsw-sq":
            return {"index": "HnswSq", "m": CONNECTIVITY, "ef_construction": EXPANSION_ADD}
        return {"index": "IvfRq", "num_partitions": self._partitions(), "num_bits": 1}

    def load_library(self) -> None:
        """Import it, with its warnings for each query off."""
        os.environ.setdefault("LANCE_LOG", "error")
        import lancedb.index  # noqa: F401

    def build(self, vectors: F32, folder: Path, threads: int) -> None:  # noqa: ARG002
        """Write the table, then index it; threads come from the environment."""
        self._run(self._build(vectors, folder))

    async def _build(self, vectors: F32, folder: Path) -> None:
        import lancedb
        import pyarrow as pa

        fields = [("key", pa.int64()), ("vector", pa.list_(pa.float32(), self.shape.dim))]
        schema = pa.schema(fields)
        rows = pa.RecordBatchReader.from_batches(schema, _batches(vectors, schema))
        database = await lancedb.connect_async(str(folder))
        table = await database.create_table(_TABLE, rows)
        await table.create_index("vector", config=self._index())

    def open(self, folder: Path) -> None:
        """Open the table; its index is read by the first queries."""
        self._table = self._run(_opened(folder))

    def settings(self, k: int) -> list[list[Setting]]:
        """Return a ladder of probes or widths for each number of refined candidates."""
        factors = [f for f in _FACTORS if f * k <= _MOST_CANDIDATES]
        if self._kind == "hnsw-sq":
            ladders = [[("ef", width) for width in _WIDTHS if width >= f * k] for f in factors]
        else:
            ladders = [[("nprobes", probes) for probes in _PROBES] for _ in factors]
        return [
            [{name: float(value), "refine_factor": float(f)} for name, value in steps]
            for f, steps in zip(factors, ladders, strict=True)
        ]

    def search(self, queries: F32, k: int, setting: Setting) -> I64:
        """Ask one query after another on this thread's own event loop."""
        return filled(self._run(self._search(queries, k, setting)), k)

    async def _search(self, queries: F32, k: int, setting: Setting) -> list[list[int]]:
        found = []
        for query in queries:
            asked = self._table.query().nearest_to(query).distance_type("dot").limit(k)
            if "ef" in setting:
                asked = asked.ef(int(setting["ef"])).nprobes(1)
            else:
                asked = asked.nprobes(int(setting["nprobes"]))
            refined = asked.refine_factor(int(setting["refine_factor"]))
            answer = await refined.select(["key", "_distance"]).to_arrow()
            found.append(answer["key"].to_pylist())
        return found

    def _index(self) -> Any:
        from lancedb.index import HnswSq, IvfRq

        if self._kind == "hnsw-sq":
            return HnswSq(
                distance_type="dot",
                num_partitions=1,
                m=CONNECTIVITY,
                ef_construction=EXPANSION_ADD,
            )
        return IvfRq(distance_type="dot", num_partitions=self._partitions())

    def _partitions(self) -> int:
        return max(8, int(self.shape.rows**0.5))

    def _run(self, work: Any) -> Any:
        if not hasattr(self._own, "loop"):
            self._own.loop = asyncio.new_event_loop()
        return self._own.loop.run_until_complete(work)


async def _opened(folder: Path) -> Any:
    import lancedb

    database = await lancedb.connect_async(str(folder))
    return await database.open_table(_TABLE)


def _batches(vectors: F32, schema: Any) -> Iterator[Any]:
    import pyarrow as pa

    for at in range(0, len(vectors), _BLOCK):
        rows = np.ascontiguousarray(vectors[at : at + _BLOCK])
        lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
        keys = pa.array(np.arange(at, at + len(rows)))
        yield pa.record_batch([keys, lists], schema=schema)
