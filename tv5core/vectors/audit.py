"""IndexAudit: compare an index with the vectors it was made from, and check its graph.

A checksum shows that a file holds what was written; an audit shows that what was written is right.
Codes and stored rows are computed again and must be equal, but for what the last bit of a vector's
length may change: the processor's linear algebra sums it in an order of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tv5core import kernels
from tv5core.errors import InvalidInputError
from tv5core.kernels import NONE
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.linking import breadth_first
from tv5core.vectors.metric import Metric
from tv5core.vectors.packed_links import PackedLists
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.sealed_segment import SealedSegment
from tv5core.vectors.segment import CodedSegment, Segment, Snapshot, alive_rows
from tv5core.vectors.stored_rows import StoredRows
from tv5core.vectors.validation import Rescoring

__all__ = ["IndexAudit"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_BLOCK_ROWS = 8_192
_NEAR_ZERO = 1e-4
"""Of the largest coordinate: below it, a sign may change with the last bit of a length."""
_CLOSE = 1e-4
_REACHABLE = 0.5
"""Vectors that are all alike leave parts of a sound graph unreached; an emptied one, all of it."""


@dataclass(frozen=True)
class _Audited:
    """One segment's rows that are not deleted, by ascending key."""

    segment: Segment
    keys: I64
    rows: I64
    seen: Mask


class IndexAudit:
    """One consistent state of an index, to be compared with vectors in blocks.

    Parameters
    ----------
    snapshot : Snapshot
    metric : Metric
    rescoring : {"int8", "float16", "float32"}
    """

    def __init__(self, snapshot: Snapshot, metric: Metric, rescoring: Rescoring) -> None:
        self._snapshot, self._metric, self._rescoring = snapshot, metric, rescoring
        self._audited = [_audited(segment) for segment in snapshot.segments]

    # -- against the vectors --------------------------------------------------------------

    def compare(self, keys: I64, vectors: F32) -> dict[int, str]:
        """Compare rows with their vectors.

        Parameters
        ----------
        keys : int64[n]
        vectors : float32[n, dim]
            As they were given: finite and other than zero.

        Returns
        -------
        dict
            Problems by key; empty where there is none.
        """
        wrong: dict[int, str] = {}
        found = np.zeros(len(keys), bool)
        for part in self._audited:
            at = np.minimum(np.searchsorted(part.keys, keys), max(0, len(part.keys) - 1))
            here = part.keys[at] == keys if len(part.keys) else np.zeros(len(keys), bool)
            found |= here
            part.seen[at[here]] = True
            wrong |= self._differing(part, at[here], keys[here], vectors[here])
        wrong |= dict.fromkeys(keys[~found].tolist(), "expected in the index, but is not")
        return wrong

    def unseen(self) -> I64:
        """Return the keys in the index that no comparison has named so far."""
        some = [part.keys[~part.seen] for part in self._audited]
        return np.concatenate(some) if some else np.empty(0, np.int64)

    def _differing(self, part: _Audited, at: I64, keys: I64, vectors: F32) -> dict[int, str]:
        if not len(keys) or not isinstance(part.segment, CodedSegment):
            return {}  # of vectors elsewhere, only the keys are here
        quantizer = part.segment.quantizer
        try:
            ready = self._metric.validate(vectors, quantizer.dim)
        except InvalidInputError as error:
            return {int(key): str(error) for key in keys}
        rows = part.rows[at]
        codes = _differing_codes(quantizer, ready, part.segment.codes[rows])
        have = part.segment.rows
        want = _encoded_like(have, ready, quantizer)
        stored = _differing_rows(have, rows, want)
        return {
            int(keys[i]): f"expected its {'code' if codes[i] else 'stored row'} to be that of its "
            "vector, got another"
            for i in np.flatnonzero(codes | stored)
        }

    # -- the graph itself -----------------------------------------------------------------

    def structure(self) -> list[str]:
        """Return the problems of the sealed graphs themselves, in sentences."""
        segments = [part.segment for part in self._audited]
        sealed = [segment for segment in segments if isinstance(segment, SealedSegment)]
        return [problem for segment in sealed for problem in _structure(segment.graph)]


def _structure(graph: SealedGraph) -> list[str]:
    wrong = [*_keys(graph), *_links(graph)]
    share = reachable(graph)
    if not wrong and share < _REACHABLE:
        wrong.append(f"expected a connected graph, got one of which {share:.1%} is reached")
    return wrong


def _audited(segment: Segment) -> _Audited:
    rows = alive_rows(segment)
    keys = np.asarray(segment.keys)[rows]
    order = np.argsort(keys)
    return _Audited(segment, keys[order], rows[order], np.zeros(len(rows), bool))


def _differing_codes(quantizer: Quantizer, ready: F32, have: U8) -> Mask:
    want, have = quantizer.encode(ready), have[:, : quantizer.layout.size]
    differ: Mask = (want != have).any(axis=1)
    some = np.flatnonzero(differ)
    if len(some):
        differ[some] = ~_nearly_equal(quantizer, ready[some], want[some], have[some])
    return differ


def _nearly_equal(quantizer: Quantizer, ready: F32, want: U8, have: U8) -> Mask:
    """Return for each code whether the last bits of its vector alone can explain the difference."""
    layout = quantizer.layout
    rotated = kernels.rotate(ready, quantizer.center, quantizer.signs)
    turned = np.unpackbits(layout.signs(want) ^ layout.signs(have), axis=1, bitorder="little") != 0
    largest = np.abs(rotated).max(axis=1, keepdims=True)
    bits = ~(turned & (np.abs(rotated) > _NEAR_ZERO * largest)).any(axis=1)
    lengths = np.linalg.norm(ready, axis=1, keepdims=True) + np.linalg.norm(quantizer.center)
    factors = layout.factors(want)
    room = _CLOSE * np.maximum(lengths**2, np.abs(factors))
    with np.errstate(invalid="ignore"):
        near = np.abs(factors - layout.factors(have)) <= room
    close: Mask = bits & near.all(axis=1)
    return close


def _encoded_like(stored: StoredRows, ready: F32, quantizer: Quantizer) -> StoredRows:
    """Encode vectors as some rows are stored, those of earlier formats included."""
    frame = stored.frame
    if stored.factors is None or (frame is not None and frame.centred):
        return StoredRows.encode(ready, stored.kind, quantizer)
    values, scales = kernels.quantize_i8(ready if frame is None else frame.into(ready))
    return StoredRows(values, scales, frame)


def _differing_rows(stored: StoredRows, rows: I64, want: StoredRows) -> Mask:
    with np.errstate(invalid="ignore", over="ignore"):
        have = stored.framed(rows)
        expected = want.framed(slice(None))
        if want.scales is None:
            room = _CLOSE * np.abs(expected).max(axis=1, keepdims=True)
        else:  # one step of the quantization
            step = 1 if want.residuals is None else kernels.FINER
            room = 1.001 / step * want.scales[:, None]
        within: Mask = (np.abs(have - expected) <= room).all(axis=1)
        if stored.factors is not None and want.factors is not None and want.factors.ndim == 2:
            added, least = want.factors[:, 1], np.abs(expected).max(axis=1)
            apart = np.abs(stored.factors[rows][:, 1] - added)
            within &= apart <= _CLOSE * np.maximum(np.abs(added), least)
    return ~within


def _keys(sealed: SealedGraph) -> list[str]:
    ordered = np.asarray(sealed.keys)[np.asarray(sealed.by_key)]
    if (np.diff(ordered) <= 0).any() or ordered[0] < 0:
        return ["expected each key once and in order, got others"]
    return []


def _links(sealed: SealedGraph) -> list[str]:
    n = len(sealed)
    beyond = loops = misplaced = 0
    for at in range(0, n, _BLOCK_ROWS):
        some = slice(at, min(at + _BLOCK_ROWS, n))
        block = np.asarray(sealed.links[some])
        if isinstance(sealed.links, PackedLists):
            misplaced += sealed.links.misplaced(some)
        beyond += int(((block >= n) & (block != NONE)).sum())
        loops += int((block == np.arange(at, at + len(block), dtype=np.uint32)[:, None]).sum())
    return _link_problems(n, beyond, loops, misplaced)


def _link_problems(size: int, beyond: int, loops: int, misplaced: int) -> list[str]:
    wrong = []
    if misplaced:
        wrong.append(f"expected lists of links within the links, got {misplaced} that are not")
    if beyond:
        wrong.append(f"expected links below {size}, got {beyond} beyond")
    if loops:
        wrong.append(f"expected no row to link to itself, got {loops} that do")
    return wrong


def reachable(sealed: SealedGraph) -> float:
    """Return the share of rows that walks can reach from the entry points.

    An entry point without links, where there are other rows, counts as not reached:
    no build makes one.
    """
    first = np.asarray(sealed.links[: int(sealed.lists[-1])])[:, 0]
    leading = np.flatnonzero((first < len(sealed)) | (len(sealed) == 1))
    return len(breadth_first(sealed.links, leading)) / len(sealed)
