"""Vector search: one-bit codes walked in a sealed graph, then exact scores.

Read in this order:

- ``index``: :class:`VectorIndex`, which builds, opens, changes and seals; ``reader``: its reading
  side, from a call's keywords to a search; ``measured_reader``: what it says of its recall;
  ``matches``: what a search returns.
- ``settings`` (how hard to look), ``options`` (everything a call asks for), ``filters`` (which rows
  may be returned), ``metric`` (what a score is).
- ``segment``: what is searched: a snapshot is a tuple of segments, each with row numbers and
  deletions of its own; ``keyed_rows``: what a filter knows of one; ``parallel``: batches over
  threads; ``explaining``: how a search is made, and what it reads.
- ``sealed_segment`` (exact scan, scan of codes or walk, chosen by ``planner``) and ``live_segment``
  (rows added since: scanned, or walked), with ``live_rows`` and ``live_graph`` (usearch) behind it;
  ``segment_set``: who changes them.
- ``quantizer`` (the codes), ``stored_rows`` (the exact scores), ``row_recall`` (what storing them
  loses), ``graph`` (all in mapped files) and ``packed_links``.
- ``sealing`` (from vectors to files): ``encoding``, then ``builder`` with ``entry_points`` and
  ``linking`` (or ``usearch_graph``, over ``usearch_layout``); ``growing`` (from sealed files and
  live rows to files);
  ``folder``: an index's files and manifest; ``folder_writer``: who may change them.
- ``calibration`` (the cheapest settings for a recall; ``costs``: what searches cost), ``truth``
  (what they should find), ``recall``, ``audit`` (is the index that of its vectors?), ``memory``,
  ``validation``, ``verification`` (rows checked while they are read).
"""

from __future__ import annotations

from tv5core.vectors.explaining import SegmentPlan
from tv5core.vectors.filters import Filter
from tv5core.vectors.index import VectorIndex
from tv5core.vectors.keyed_rows import SegmentId
from tv5core.vectors.matches import Matches
from tv5core.vectors.metric import COSINE, INNER_PRODUCT, Metric
from tv5core.vectors.options import SearchOptions
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.recall import recall_at_k
from tv5core.vectors.row_recall import RowRecall
from tv5core.vectors.sealing import build_files
from tv5core.vectors.segment import Segment, Snapshot
from tv5core.vectors.settings import SearchSettings
from tv5core.vectors.validation import check_vectors

__all__ = [
    "COSINE",
    "INNER_PRODUCT",
    "Filter",
    "Matches",
    "Metric",
    "Quantizer",
    "RowRecall",
    "SearchOptions",
    "SearchSettings",
    "Segment",
    "SegmentId",
    "SegmentPlan",
    "Snapshot",
    "VectorIndex",
    "build_files",
    "check_vectors",
    "recall_at_k",
]
