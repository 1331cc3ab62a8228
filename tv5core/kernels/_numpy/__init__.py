"""The kernels in NumPy: the reference for every native backend, and the fallback without one.

Native backends return the same bits, floats included. Three rules make that possible:

* float sums have a fixed order: 32 running lanes (element ``i`` is added to lane ``i % 32``), then
  the lanes are folded in halves (``sum_in_lanes`` in ``rows``); products are rounded before they
  are added, so no backend may use fused multiply-add;
* the fast Hadamard transform adds in butterfly order, which vectorises without reordering;
* candidates are ordered by descending score, then ascending row, so ties have one order.

The modules, in reading order; folders of ``ext/`` hold the same operations in C:

* ``rows``: operations row by row: rotate, normalize, quantize, inner products;
* ``codes``: RaBitQ codes: encode rows, prepare queries, estimate inner products;
* ``selection``: top-k selection: scan codes, scan rows, rescore candidates or
  what a scan of codes lets qualify;
* ``postings``: decode, count and score posting lists;
* ``counting``: count documents by value, arrange values anew;
* ``edits``: words, and beginnings of words, within a few edits of a word;
* ``best_first``: the walk of one query; ``walk``: a graph, and searches of it;
* ``links``: selection of the links of a graph.
"""

from __future__ import annotations

from tv5core.kernels._numpy.codes import asymmetric, encode, hamming, prepare
from tv5core.kernels._numpy.counting import count_values, invert_values, take_values
from tv5core.kernels._numpy.edits import prefixes_within_edits, within_edits
from tv5core.kernels._numpy.links import linker
from tv5core.kernels._numpy.postings import count_documents, decode_postings, score_postings
from tv5core.kernels._numpy.rows import (
    dot,
    find_keys,
    gather,
    normalize,
    quantize_i8,
    quantize_i16,
    quantize_rows,
    rotate,
    rows_with_keys,
    squared_norms,
)
from tv5core.kernels._numpy.selection import (
    rescore,
    scan_bounded,
    scan_codes,
    scan_rows,
    top_scores,
)
from tv5core.kernels._numpy.walk import graph

__all__ = [
    "NAME",
    "asymmetric",
    "count_documents",
    "count_values",
    "decode_postings",
    "dot",
    "encode",
    "find_keys",
    "gather",
    "graph",
    "hamming",
    "invert_values",
    "linker",
    "normalize",
    "prefixes_within_edits",
    "prepare",
    "quantize_i8",
    "quantize_i16",
    "quantize_rows",
    "rescore",
    "rotate",
    "rows_with_keys",
    "scan_bounded",
    "scan_codes",
    "scan_rows",
    "score_postings",
    "squared_norms",
    "take_values",
    "top_scores",
    "within_edits",
]

NAME = "numpy"
