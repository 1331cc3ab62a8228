"""All engines by name, tv5core's first."""

from __future__ import annotations

from benchmarks.relevance.engines.base import Engine
from benchmarks.relevance.engines.bm25s_search import Bm25s
from benchmarks.relevance.engines.lance_search import LanceHybrid
from benchmarks.relevance.engines.sqlite_fts5 import Plain, Strong
from benchmarks.relevance.engines.tantivy_search import Tantivy
from benchmarks.relevance.engines.tv5core_search import Hybrid, Keyword, Semantic

__all__ = ["ENGINES"]

_ALL: tuple[type[Engine], ...] = (
    Hybrid, Keyword, Semantic, Strong, Plain, Tantivy, Bm25s, LanceHybrid,
)  # fmt: skip
ENGINES: dict[str, type[Engine]] = {engine.name: engine for engine in _ALL}
