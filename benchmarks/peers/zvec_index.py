"""zvec: HNSW over int8 codes, refined by float32 vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.base import CONNECTIVITY, EXPANSION_ADD, F32, I64, Peer, Setting
from benchmarks.peers.hnsw import WIDTHS

_BLOCK = 1_000
_FIELD = "vector"


class Zvec(Peer):
    """A read-only collection, asked for its internal ids, which are row numbers here."""

    label = "zvec HNSW, int8 codes + refining"
    library = module = "zvec"
    own_threads = False
    remarks = (
        "its rotation before int8 was left off: with it recall was near zero",
        "no filtered search: its filters are expressions over stored fields",
    )
    _collection: Any = None

    @property
    def parameters(self) -> dict[str, str | int | float]:
        """M, efConstruction and type of the codes."""
        return {"m": CONNECTIVITY, "ef_construction": EXPANSION_ADD, "quantize_type": "INT8"}

    @property
    def index_bytes(self) -> int:
        """Rows, codes and links."""
        return self.shape.rows * (5 * self.shape.dim + 600)

    def load_library(self) -> None:
        """Import it."""
        import zvec  # noqa: F401

    def build(self, vectors: F32, folder: Path, threads: int) -> None:
        """Insert documents, then let it build the graph."""
        import zvec

        _initialize(threads)
        collection = zvec.create_and_open(str(folder / "collection"), self._schema())
        for at in range(0, len(vectors), _BLOCK):
            rows = np.asarray(vectors[at : at + _BLOCK])
            collection.insert(
                [zvec.Doc(id=str(at + i), vectors={_FIELD: row}) for i, row in enumerate(rows)]
            )
        collection.optimize(zvec.OptimizeOption(concurrency=threads))
        collection.flush()
        collection.close()

    def open(self, folder: Path) -> None:
        """Open read-only, which the fast way of asking needs."""
        import zvec

        _initialize(2)
        self._collection = zvec.open(
            str(folder / "collection"), zvec.CollectionOption(read_only=True)
        )

    def settings(self, k: int) -> list[list[Setting]]:
        """Return ladders of widths, without and with refining."""
        widths = [w for w in WIDTHS if w >= k]
        return [[{"ef": float(w), "refined": float(refined)} for w in widths] for refined in (0, 1)]

    def search(self, queries: F32, k: int, setting: Setting) -> I64:
        """Ask one query after another: it has no batches."""
        import zvec

        knobs = zvec.HnswQueryParam(
            ef=int(setting["ef"]), is_using_refiner=bool(setting["refined"])
        )
        ask = self._collection.query_internal_ids
        found = [ask(zvec.Query(_FIELD, vector=query, param=knobs), topk=k) for query in queries]
        return np.stack(found)

    def close(self) -> None:
        """Close the collection."""
        if self._collection is not None:
            self._collection.close()

    def _schema(self) -> Any:
        import zvec

        graph = zvec.HnswIndexParam(
            metric_type=zvec.MetricType.IP,
            m=CONNECTIVITY,
            ef_construction=EXPANSION_ADD,
            quantize_type=zvec.QuantizeType.INT8,
            use_contiguous_memory=True,
        )
        kind = zvec.DataType.VECTOR_FP32
        field = zvec.VectorSchema(_FIELD, kind, self.shape.dim, index_param=graph)
        return zvec.CollectionSchema(name="rows", fields=[], vectors=field)


def _initialize(threads: int) -> None:
    import zvec

    zvec.init(query_threads=threads, optimize_threads=threads, log_level=zvec.LogLevel.ERROR)
