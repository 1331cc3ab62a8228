"""An index as a file that usearch loads, so that its other languages serve what was built here.

The base level is our graph. Ours has no levels: walks begin at entry points in lists. usearch's
begin at one node and come down from above, so the levels above are HNSW as usearch builds it, over
one row in sixteen. Deleted rows stay as nodes on the way, as they do here, and are not returned.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from tv5core.arguments import check_callable, check_path, check_type, shown
from tv5core.errors import CatalogError, InvalidInputError
from tv5core.files import fill_durably
from tv5core.kernels import NONE
from tv5core.types import Progress
from tv5core.vector_files.usearch_index import SCALARS
from tv5core.vectors import VectorIndex
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.linking import connect
from tv5core.vectors.sealed_segment import SealedSegment
from tv5core.vectors.segment import alive_rows
from tv5core.vectors.usearch_layout import FREE_KEY, GRAPH, HEAD, NODE, ROWS, Saved, parse

__all__ = ["UsearchReport", "write_usearch"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]

_TYPES = {"f32": "<f4", "f16": "<f2", "i8": "|i1"}
_LETTERS = {"cosine": "c", "ip": "i"}
_UPPER, _DRAWN = 16, 16
_INT8_UNIT = 127
_VERSION = (2, 20, 0)  # of usearch whose layout this is; a loader looks at the first number alone
_BLOCK_ROWS = 8_192
_MOST_ROWS = 2**32 - 1


@dataclass(frozen=True)
class UsearchReport:
    """What was written.

    Attributes
    ----------
    path : str
    rows : int
        That usearch finds.
    left_out : int
        Nodes of deleted rows, which it passes through.
    bytes : int
    """

    path: str
    rows: int
    left_out: int
    bytes: int


def write_usearch(
    index: VectorIndex,
    path: str | os.PathLike[str],
    *,
    dtype: str = "f16",
    vectors: Callable[[I64], F32] | None = None,
    progress: Progress | None = None,
) -> UsearchReport:
    """Write a sealed index as a file that usearch 2 loads or maps.

    Keys are those of the index. Where many rows are stored as int8 or int16, what usearch gets is
    what they restore to, unless ``vectors`` gives better ones.

    Parameters
    ----------
    index : VectorIndex
        Without rows added since it was sealed.
    path : path-like
        Replaced, as a whole or not at all.
    dtype : {"f16", "f32", "i8"}
        What usearch stores; i8 for cosine only.
    vectors : callable, optional
        Returns float32[n, dim] of int64[n] ascending keys, instead of the rows that are stored; a
        row of zeros leaves it at the stored one.
    progress : callable, optional
        An exception it raises leaves ``path`` as it was.

    Raises
    ------
    InvalidInputError
        There are rows that are not sealed, or none; an argument is wrong.
    DiskFullError, DiskFailureError, CatalogError
        The file cannot be written.
    """
    check_type("index", index, VectorIndex)
    where = check_path(path)
    check_callable("progress", progress)
    check_callable("vectors", vectors)
    if not isinstance(dtype, str) or dtype not in _TYPES or (dtype, index.metric) == ("i8", "ip"):
        raise InvalidInputError(f"expected dtype f16, f32, or i8 of cosine, got {shown(dtype)}")
    segment = _only_sealed(index)
    writer = _Writer(segment, dtype, vectors, progress or (lambda *_: None))
    try:
        size = fill_durably(where, writer.write)
    except OSError as error:
        raise CatalogError(f"{where}: expected to write there, got {error.strerror}") from error
    rows = segment.alive_count
    return UsearchReport(str(where), rows, len(segment) - rows, size)


def _only_sealed(index: VectorIndex) -> SealedSegment:
    segments = [segment for segment in index.snapshot.segments if segment.alive_count]
    if len(segments) == 1 and isinstance(segments[0], SealedSegment):
        return segments[0]
    live = sum(segment.alive_count for segment in segments if not segment.sealed)
    raise InvalidInputError(
        f"expected rows that are all sealed, got {live:,} to seal of {len(index):,}: call seal()"
    )


class _Writer:
    """Writes one sealed segment."""

    def __init__(
        self,
        segment: SealedSegment,
        dtype: str,
        vectors: Callable[[I64], F32] | None,
        report: Progress,
    ) -> None:
        self._graph, self._segment, self._dtype = segment.graph, segment, dtype
        self._vectors, self._report = vectors, report
        self._metric = segment.graph.metric

    def write(self, file: BinaryIO) -> None:
        """Write the rows, the heads and the nodes."""
        graph, item = self._graph, np.dtype(_TYPES[self._dtype])
        n, dim = len(graph), graph.quantizer.dim
        file.write(ROWS.pack(n, dim * item.itemsize))
        for at in range(0, n, _BLOCK_ROWS):
            file.write(self._values(slice(at, at + _BLOCK_ROWS)).tobytes())
            self._report(min(at + _BLOCK_ROWS, n), n, "writing vectors")
        upper = _Upper.built(self._draw(n), self._values, self._dtype, self._metric.name, n)
        links = _base(graph)
        file.write(self._head(dim))
        file.write(GRAPH.pack(n, upper.width, links.shape[1], int(upper.levels.max()), upper.entry))
        file.write(upper.levels.astype("<i2").tobytes())
        keys = self._keys()
        for at in range(0, n, _BLOCK_ROWS):
            file.write(_nodes(slice(at, min(at + _BLOCK_ROWS, n)), keys, links, upper))
            self._report(min(at + _BLOCK_ROWS, n), n, "writing graph")

    def _values(self, rows: slice | I64) -> npt.NDArray[Any]:
        """Return rows in usearch's type."""
        plain = self._graph.rows.decode(rows)
        if self._vectors is not None:
            keys, place = np.unique(self._graph.keys[rows], return_inverse=True)
            better = np.asarray(self._vectors(keys), np.float32)[place]
            plain = np.where(better.any(axis=1, keepdims=True), better, plain)
        ready = self._metric.validate(plain, self._graph.quantizer.dim)
        if self._dtype == "i8":
            ready = np.rint(ready * _INT8_UNIT)
        with np.errstate(over="ignore"):
            values: npt.NDArray[Any] = ready.astype(_TYPES[self._dtype])
        if self._dtype == "f16" and not np.isfinite(values).all():
            raise InvalidInputError("expected values within f16 (65504), got larger ones: use f32")
        return values

    def _draw(self, n: int) -> I64:
        """Choose the rows of the upper levels: one in sixteen of those that are not deleted."""
        alive = alive_rows(self._segment)
        count = max(1, n // _DRAWN)
        some = np.random.default_rng(0).permutation(alive)[:count]
        return np.sort(some)

    def _keys(self) -> U64:
        keys = np.full(len(self._graph), FREE_KEY, np.uint64)
        alive = alive_rows(self._segment)
        keys[alive] = self._graph.keys[alive]
        return keys

    def _head(self, dim: int) -> bytes:
        alive = self._segment.alive_count
        letter = ord(_LETTERS[self._metric.name])
        kinds = letter, SCALARS[self._dtype], 14, 15
        return HEAD.pack(b"usearch", *_VERSION, *kinds, alive, len(self._graph) - alive, dim, 0)


def _base(graph: SealedGraph) -> U32:
    """Return the links of the base level, with every row reached from the first."""
    lacking = max(0, _UPPER - graph.links.shape[1])  # no level may have more than the base
    links = np.pad(graph.links[: len(graph)], ((0, 0), (0, lacking)), constant_values=NONE)
    connect(links, 1)
    return links


@dataclass(frozen=True)
class _Upper:
    """The levels above the base.

    Attributes
    ----------
    levels : int64[n]
        Highest level of each row, 0 for most.
    entry : int
        Row where walks begin.
    width : int
        Links of a row on a level, at most.
    place : dict of int to int
        Place in ``lists`` of each row that is on a level above.
    lists : list of uint32[rows, width]
        Links to rows, by level from 1 on.
    """

    levels: I64
    entry: int
    width: int
    place: dict[int, int]
    lists: list[U32]

    @classmethod
    def built(
        cls, rows: I64, values: Callable[[I64], npt.NDArray[Any]], dtype: str, metric: str, n: int
    ) -> _Upper:
        """Let usearch build HNSW over some rows, and take its levels one up."""
        from usearch.index import Index

        index: Any = Index(
            ndim=values(rows[:1]).shape[1],
            metric={"cosine": "cos", "ip": "ip"}[metric],
            dtype=dtype,
            connectivity=_UPPER // 2,
            enable_key_lookups=False,
        )
        for at in range(0, len(rows), _BLOCK_ROWS):
            some = rows[at : at + _BLOCK_ROWS]
            index.add(np.arange(at, at + len(some), dtype=np.uint64), values(some))
        saved = parse(np.frombuffer(bytes(index.save()), np.uint8))
        slots = rows[saved.keys().astype(np.int64)]
        levels = np.zeros(n, np.int64)
        levels[slots] = saved.levels + 1
        entry = int(slots[int(np.argmax(saved.levels))])
        place = {int(row): place for place, row in enumerate(slots)}
        return cls(levels, entry, _UPPER, place, list(_lists(saved, slots)))


def _lists(saved: Saved, slots: I64) -> Iterator[U32]:
    names = np.append(slots, NONE).astype(np.uint32)
    for level in range(int(saved.levels.max()) + 1):
        links = saved.links(level)
        wide = np.full((len(links), _UPPER), NONE, np.uint32)
        wide[:, : links.shape[1]] = links[:, :_UPPER]
        yield names[np.minimum(wide, len(slots))]


def _nodes(some: slice, keys: U64, links: U32, upper: _Upper) -> bytes:
    """Lay nodes out one after another, each as long as its levels need."""
    levels = upper.levels[some]
    room, step = links.shape[1], 4 + 4 * upper.width
    lengths = NODE.itemsize + 4 * room + levels * step
    starts = np.cumsum(lengths) - lengths
    raw = np.zeros(int(lengths.sum()), np.uint8)
    heads = np.zeros(len(levels), NODE)
    heads["key"], heads["level"] = keys[some], levels
    _put(raw, starts, heads.view(np.uint8).reshape(-1, NODE.itemsize))
    _put_list(raw, starts + NODE.fields["count"][1], links[some])  # type: ignore[index]
    for row in np.flatnonzero(levels).tolist():
        place = upper.place[some.start + row]
        for level in range(int(levels[row])):
            at = starts[row] + NODE.itemsize + 4 * room + level * step
            _put_list(raw, np.array([at]), upper.lists[level][place : place + 1])
    return raw.tobytes()


def _put(raw: npt.NDArray[np.uint8], starts: I64, rows: npt.NDArray[np.uint8]) -> None:
    raw[starts[:, None] + np.arange(rows.shape[1])] = rows


def _put_list(raw: npt.NDArray[np.uint8], starts: I64, links: U32) -> None:
    """Put the count of links and the links, without gaps; usearch pads with zeros."""
    there = links != NONE
    order = np.argsort(~there, axis=1, kind="stable")
    packed = np.take_along_axis(np.where(there, links, 0), order, axis=1)
    words = np.concatenate([there.sum(axis=1)[:, None], packed], axis=1).astype("<u4")
    _put(raw, starts, words.view(np.uint8))
