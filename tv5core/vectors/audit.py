"""Compare an index with the vectors it was made from, and its graph with what a graph is.

Checksums tell that a file holds what was written; this tells that what was written is right.
Codes and stored rows are computed again and must be equal, but for what the last bit of a vector's
length may do: that is summed by the processor's linear algebra, in an order of its own.
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
from tv5core.vectors.planner import Part, Snapshot
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.rescore import StoredRows
from tv5core.vectors.segments import live_rows
from tv5core.vectors.validation import Rescoring

__all__ = ["IndexAudit"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_BLOCK_ROWS = 8_192
_NEAR_ZERO = 1e-4
"""Of the largest coordinate: below it, a sign may turn with the last bit of a length."""
_CLOSE = 1e-4
_REACHABLE = 0.5
"""Vectors that are all alike leave parts of a sound graph unreached; an emptied one, all of it."""


@dataclass(frozen=True)
class _Side:
    """One part of the index by ascending key."""

    part: Part
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
        self._sides = [_side(part) for part in snapshot.parts]

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
            What is wrong, by key; empty where all is well.
        """
        wrong: dict[int, str] = {}
        found = np.zeros(len(keys), bool)
        for side in self._sides:
            at = np.minimum(np.searchsorted(side.keys, keys), max(0, len(side.keys) - 1))
            here = side.keys[at] == keys if len(side.keys) else np.zeros(len(keys), bool)
            found |= here
            side.seen[at[here]] = True
            wrong |= self._differing(side, at[here], keys[here], vectors[here])
        wrong |= dict.fromkeys(keys[~found].tolist(), "expected in the index, but is not")
        return wrong

    def unseen(self) -> I64:
        """Return the keys in the index that no comparison named so far."""
        some = [side.keys[~side.seen] for side in self._sides]
        return np.concatenate(some) if some else np.empty(0, np.int64)

    def _differing(self, side: _Side, at: I64, keys: I64, vectors: F32) -> dict[int, str]:
        quantizer = self._snapshot.quantizer
        if not len(keys) or quantizer is None:
            return {}
        try:
            ready = self._metric.validate(vectors, quantizer.dim)
        except InvalidInputError as error:
            return {int(key): str(error) for key in keys}
        rows = side.rows[at]
        codes = _differing_records(quantizer, ready, side.part.records[rows])
        have = side.part.rows
        want = StoredRows.encode(ready, self._rescoring, have.frame)
        stored = _differing_rows(have, rows, want)
        return {
            int(keys[i]): f"expected its {'code' if codes[i] else 'stored row'} to be that of its "
            "vector, got another"
            for i in np.flatnonzero(codes | stored)
        }

    # -- the graph itself -----------------------------------------------------------------

    def structure(self) -> list[str]:
        """Return what is wrong with the sealed graph itself, in sentences."""
        sealed = self._snapshot.sealed
        if sealed is None:
            return []
        wrong = [*_keys(sealed), *_links(sealed)]
        share = reachable(sealed)
        if not wrong and share < _REACHABLE:
            wrong.append(f"expected a connected graph, got one of which {share:.1%} is reached")
        return wrong


def _side(part: Part) -> _Side:
    rows = live_rows(part)
    keys = np.asarray(part.keys)[rows]
    order = np.argsort(keys)
    return _Side(part, keys[order], rows[order], np.zeros(len(rows), bool))


def _differing_records(quantizer: Quantizer, ready: F32, have: U8) -> Mask:
    want, have = quantizer.encode(ready), have[:, : quantizer.record_size]
    differ: Mask = (want != have).any(axis=1)
    some = np.flatnonzero(differ)
    if len(some):
        differ[some] = ~_nearly_equal(quantizer, ready[some], want[some], have[some])
    return differ


def _nearly_equal(quantizer: Quantizer, ready: F32, want: U8, have: U8) -> Mask:
    """Tell of each record whether only the last bits of the vector can have made it differ."""
    width = quantizer.bits // 8
    rotated = kernels.rotate(ready, quantizer.center, quantizer.signs)
    turned = np.unpackbits(want[:, :width] ^ have[:, :width], axis=1, bitorder="little") != 0
    largest = np.abs(rotated).max(axis=1, keepdims=True)
    bits = ~(turned & (np.abs(rotated) > _NEAR_ZERO * largest)).any(axis=1)
    lengths = np.linalg.norm(ready, axis=1, keepdims=True) + np.linalg.norm(quantizer.center)
    room = _CLOSE * np.maximum(lengths**2, np.abs(_factors(want, width)))
    with np.errstate(invalid="ignore"):
        factors = np.abs(_factors(want, width) - _factors(have, width)) <= room
    close: Mask = bits & factors.all(axis=1)
    return close


def _factors(records: U8, width: int) -> F32:
    return np.ascontiguousarray(records[:, width:]).view("<f4").astype(np.float32)


def _differing_rows(stored: StoredRows, rows: I64, want: StoredRows) -> Mask:
    with np.errstate(invalid="ignore", over="ignore"):
        have = stored.framed(rows)
        expected = want.framed(slice(None))
        if want.scales is not None:  # one step of the quantization
            room = 1.001 * want.scales[:, None]
        else:
            room = _CLOSE * np.abs(expected).max(axis=1, keepdims=True)
        within: Mask = (np.abs(have - expected) <= room).all(axis=1)
    return ~within


def _keys(sealed: SealedGraph) -> list[str]:
    ordered = np.asarray(sealed.keys)[np.asarray(sealed.by_key)]
    if (np.diff(ordered) <= 0).any() or ordered[0] < 0:
        return ["expected each key once and in order, got others"]
    return []


def _links(sealed: SealedGraph) -> list[str]:
    n = len(sealed)
    beyond = loops = 0
    for at in range(0, n, _BLOCK_ROWS):
        block = np.asarray(sealed.links[at : at + _BLOCK_ROWS])
        beyond += int(((block >= n) & (block != NONE)).sum())
        loops += int((block == np.arange(at, at + len(block), dtype=np.uint32)[:, None]).sum())
    return _told(n, beyond, loops)


def _told(size: int, beyond: int, loops: int) -> list[str]:
    wrong = []
    if beyond:
        wrong.append(f"expected links below {size}, got {beyond} beyond")
    if loops:
        wrong.append(f"expected no row to link to itself, got {loops} that do")
    return wrong


def reachable(sealed: SealedGraph) -> float:
    """Return the share of rows that walks can reach from the entries.

    An entry without links, where there are other rows, counts as not reached: no row is built so.
    """
    first = np.asarray(sealed.links[: int(sealed.lists[-1]), 0])
    leading = np.flatnonzero((first < len(sealed)) | (len(sealed) == 1))
    return len(breadth_first(sealed.links, leading)) / len(sealed)
