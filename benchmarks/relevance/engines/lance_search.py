"""LanceDB: its full-text index and tv5core's built-in embedding, fused by reciprocal ranks."""

from __future__ import annotations

import os
import sys
from dataclasses import astuple
from typing import Any

from benchmarks.relevance.engines.base import Corpus, Engine, fields_of
from benchmarks.relevance.names import folded
from tv5core import Catalog

__all__ = ["LanceHybrid"]


class LanceHybrid(Engine):
    """A table with text and vectors, searched both ways at once."""

    name, label, module = "lancedb", "LanceDB hybrid, built-in embedding, exact, RRF", "lancedb"

    def build(self, corpus: Corpus) -> None:
        """Fill a table with the catalogue's own vectors, and index its text."""
        os.environ.setdefault("LANCE_LOG", "error")  # it warns twice a query
        import lancedb
        import numpy as np
        from lancedb.rerankers import RRFReranker

        self._catalog = Catalog.open(corpus.catalog, create=False, read_only=True)
        corpus.progress("exporting vectors for LanceDB")
        exported = corpus.work / "export"
        self._catalog.export(exported)
        vectors = np.load(exported / "vectors.npy", mmap_mode="r")
        ids = (exported / "ids.txt").read_text("utf-8").split("\n")
        rows = dict(zip(ids, range(len(vectors)), strict=False))
        self._table = lancedb.connect(str(corpus.work / "lance")).create_table(
            "titles", self._table_of(corpus, vectors, rows)
        )
        self._table.create_fts_index("text", replace=True, use_tantivy=False)
        # No vector index: with one of its graphs, texts found a third of what they find here.
        self._reranker: Any = RRFReranker()

    @staticmethod
    def _table_of(corpus: Corpus, vectors: Any, rows: dict[str, int]) -> Any:
        import pyarrow as pa

        titles = [title for title in corpus.titles if title.id in rows]
        taken = vectors[[rows[title.id] for title in titles]]
        texts = [folded(" ".join(astuple(fields_of(title)))) for title in titles]
        listed = pa.FixedSizeListArray.from_arrays(taken.ravel(), taken.shape[1])
        return pa.table({"id": [t.id for t in titles], "text": texts, "vector": listed})

    def search(self, text: str, k: int) -> list[str]:
        """Fuse both lists; a text of which the embedding knows nothing has words alone."""
        plain, vector = folded(text), self._catalog.embed_queries([text])[0]
        if not plain:
            return []
        if not vector.any():
            found = self._table.search(plain, query_type="fts").limit(k)
        else:
            search = self._table.search(query_type="hybrid").vector(vector).text(plain)
            found = search.distance_type("cosine").rerank(self._reranker).limit(k)
        return [sys.intern(row["id"]) for row in found.select(["id"]).to_list()]

    def close(self) -> None:
        """Close the catalogue."""
        self._catalog.close()
