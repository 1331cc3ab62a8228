"""Vector search: binary quantization, a sealed graph walked in place, exact rescoring."""

from __future__ import annotations

from tv5core.vectors.filters import Filter
from tv5core.vectors.index import Matches, VectorIndex
from tv5core.vectors.metric import Metric
from tv5core.vectors.options import SearchOptions
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.recall import recall_at_k
from tv5core.vectors.sealing import build_files
from tv5core.vectors.settings import SearchSettings
from tv5core.vectors.validation import check_vectors

__all__ = [
    "Filter",
    "Matches",
    "Metric",
    "Quantizer",
    "SearchOptions",
    "SearchSettings",
    "VectorIndex",
    "build_files",
    "check_vectors",
    "recall_at_k",
]
