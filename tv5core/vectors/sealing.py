"""Seal vectors into a graph file and a rows file, in bounded memory.

Two passes over the vectors: one for the centre, one that encodes. Codes stay in memory (twice, and
links beside them: 520 B a row at 768 dimensions); stored rows wait in a temporary file until the
graph has given every row its number.
"""

from __future__ import annotations

import secrets
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.arguments import check_callable, check_int, check_real
from tv5core.errors import InvalidInputError
from tv5core.files import SealedFile, SectionStream, disk_errors, write_sections
from tv5core.kernels.code_layout import CodeLayout
from tv5core.types import Progress
from tv5core.vectors.builder import GRAPHS, NATIVE, BuiltGraph, build_graph
from tv5core.vectors.encoding import Block, Blocks, EncodedRows, Surveyed, encode_rows, survey
from tv5core.vectors.entry_points import Source
from tv5core.vectors.graph import GRAPH_KIND, GRAPH_VERSION, ROWS_KIND, ROWS_VERSION
from tv5core.vectors.metric import Metric
from tv5core.vectors.packed_links import pack
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.row_recall import TARGET, RowRecall, enough_for
from tv5core.vectors.settings import MAX_ROWS
from tv5core.vectors.stored_rows import StoredRows
from tv5core.vectors.validation import Rescoring, check_rescoring

__all__ = [
    "DENSE_ROWS",
    "BuildOptions",
    "Density",
    "Sealing",
    "build_files",
    "row_sections",
    "rows_meta",
]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
Sections = dict[str, npt.NDArray[Any] | SectionStream]

_BLOCK_ROWS = 8_192
_DRIFT = 0.01
"""How far the mean may have moved, squared, of the rows' variance, before rows are centred anew."""


class Density(NamedTuple):
    """How many links a graph has, and how many candidates for them."""

    connectivity: int
    expansion_add: int


DENSE_ROWS = 20_000
"""Rows from which a graph is built denser, unless options say otherwise."""
_SPARSE, _DENSE = Density(16, 64), Density(24, 128)


class BuildOptions(msgspec.Struct, frozen=True):
    """How a graph is built; kept with an index, so that sealing it again builds alike.

    Attributes
    ----------
    connectivity : int or None
        Two thirds of the links a row has room for. More links raise recall, memory and build time.
        None: 16, from 20,000 rows on 24.
    expansion_add : int or None
        Candidates for a row's links, found by a walk (``efConstruction`` of HNSW). More make a
        better graph and a longer build. None: 64, from 20,000 rows on 128.
    threads : int
        0 for all cores.
    seed : int
        Of the rotation.
    graph : {"native", "usearch"}
        Who grows the links: tv5core's own walk, or usearch's HNSW over int8 rows, of which the base
        level is kept and walked like any other; for comparisons. It depends on the threads.
    target_recall : float
        Recall that searches are to reach, 0 to 1: ``rescoring="auto"`` stores rows more exactly
        where int8 would take more than three tenths of the misses it allows.
    """

    connectivity: int | None = None
    expansion_add: int | None = None
    threads: int = 0
    seed: int = 0
    graph: str = NATIVE
    target_recall: float = TARGET

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("connectivity", self.connectivity, 2, 512),
            ("expansion_add", self.expansion_add, 1, 65_536),
            ("threads", self.threads, 0, 1_024),
            ("seed", self.seed, 0, 2**63),
        ):
            if value is not None or name in ("threads", "seed"):
                msgspec.structs.force_setattr(self, name, check_int(name, value, low, high))
        target = check_real("target_recall", self.target_recall, 0, 1)
        msgspec.structs.force_setattr(self, "target_recall", target)
        if self.graph not in GRAPHS:
            raise InvalidInputError(f"expected graph {' or '.join(GRAPHS)}, got {self.graph!r}")

    def density(self, rows: int) -> Density:
        """Return connectivity and expansion_add for a number of rows."""
        usual = _DENSE if rows >= DENSE_ROWS else _SPARSE
        return Density(
            usual.connectivity if self.connectivity is None else self.connectivity,
            usual.expansion_add if self.expansion_add is None else self.expansion_add,
        )


def build_files(
    blocks: Callable[[], Iterator[tuple[I64, F32]]],
    count: int,
    dim: int,
    graph: Path,
    rows: Path,
    *,
    metric: str = "cosine",
    connectivity: int | None = None,
    expansion_add: int | None = None,
    rescoring: str = "auto",
    threads: int = 0,
    seed: int = 0,
    target_recall: float = TARGET,
    progress: Progress | None = None,
) -> tuple[SealedFile, SealedFile]:
    """Build a graph over vectors and write it and the stored rows, durably.

    Parameters
    ----------
    blocks : callable
        Gives an iterator over (int64[m] keys, float32[m, dim] vectors); called twice.
    count : int
        Rows in all, at least 1.
    dim : int
    graph, rows : Path
        Files to write, synced when this returns.
    metric : {"cosine", "ip"}
    connectivity, expansion_add, threads, seed, target_recall
        See :class:`BuildOptions`.
    rescoring : {"auto", "int8", "int16", "float16", "float32"}
    progress : callable, optional
        Called with (done, total, stage); an exception it raises stops the build.

    Raises
    ------
    InvalidInputError
        As :func:`check_vectors`, or a parameter or the number of rows is wrong.
    DuplicateKeyError
        A key comes twice.
    """
    chosen = Metric.named(metric)

    def validated() -> Iterator[Block]:
        for keys, vectors in blocks():
            yield Block(keys, chosen.validate(vectors, dim))

    options = BuildOptions(connectivity, expansion_add, threads, seed, target_recall=target_recall)
    kind = check_rescoring(rescoring)
    return Sealing(validated, count, dim, chosen, kind, options, progress).write(graph, rows)


@dataclass(frozen=True)
class Sealing:
    """Vectors to seal, and how.

    Attributes
    ----------
    blocks : callable
        Called twice; gives blocks that are validated by the metric.
    count, dim : int
    metric : Metric
    rescoring : {"auto", "int8", "int16", "float16", "float32"}
    options : BuildOptions
    progress : callable, optional
    center : float32[dim] or None
        Centre of the rows that are stored already: it stays while they are near it, since rows
        that are centred anew are rounded anew.
    earlier : RowRecall
        What rows that are stored already had lost.
    """

    blocks: Blocks
    count: int
    dim: int
    metric: Metric
    rescoring: Rescoring
    options: BuildOptions
    progress: Progress | None = None
    center: F32 | None = None
    earlier: RowRecall = field(default_factory=RowRecall)

    def write(self, graph: Path, rows: Path) -> tuple[SealedFile, SealedFile]:
        """Build the graph and write both files; see :func:`build_files`."""
        check_int("the number of vectors", self.count, 1, MAX_ROWS)
        check_callable("progress", self.progress)
        report = self.progress or _no_progress
        surveyed = survey(self.blocks, self.count, self.dim, report)
        quantizer = Quantizer.create(self._center(surveyed), self.options.seed)
        with disk_errors(graph.parent), _scratch(graph.parent) as folder:
            encoded = encode_rows(
                self.blocks,
                self.count,
                quantizer,
                self.rescoring,
                Path(folder),
                report,
                surveyed.sample,
                self.options.target_recall,
            )
            recall = encoded.recall.after(self.earlier)
            _warn_of_loss(self.rescoring, recall, self.options.target_recall)
            built = self._build(quantizer, encoded)
            report(0, self.count, "writing")
            # Files of two sealings must never be taken for a pair, also with equal seeds.
            pair = secrets.randbits(62)
            written = (
                _write_graph(graph, pair, self.metric, quantizer, encoded, built),
                _write_rows(rows, pair, encoded.stored, built.order, self.rescoring, recall),
            )
            report(self.count, self.count, "writing")
        return written

    def _center(self, surveyed: Surveyed) -> F32:
        """Return the centre to encode by."""
        if self.center is None:
            return surveyed.mean
        moved = self.center - surveyed.mean
        near = float(moved @ moved) <= _DRIFT * surveyed.variance
        return self.center if near else surveyed.mean

    def _build(self, quantizer: Quantizer, encoded: EncodedRows) -> BuiltGraph:
        density = self.options.density(self.count)
        return build_graph(
            encoded.codes,
            Source(quantizer, encoded.coarse, self.metric.links_by_direction),
            by_direction=self.metric.links_by_direction,
            connectivity=density.connectivity,
            expansion_add=density.expansion_add,
            threads=self.options.threads,
            seed=self.options.seed,
            graph=self.options.graph,
            progress=self.progress,
        )


def _scratch(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """Make a folder for rows not in order yet; the next opening removes what stays of it."""
    return tempfile.TemporaryDirectory(dir=folder, prefix=".sealing-", ignore_cleanup_errors=True)


def _no_progress(_done: int, _total: int, _stage: str) -> None:
    """Report nothing."""


def _write_graph(
    path: Path,
    pair: int,
    metric: Metric,
    quantizer: Quantizer,
    encoded: EncodedRows,
    built: BuiltGraph,
) -> SealedFile:
    keys = encoded.keys[built.order]
    packed, places = pack(built.links)
    sections: Sections = {
        "records": _records(encoded.codes, quantizer.layout, built.order, places),
        "packed_links": packed.data,
        "centroids": built.centroids,
        "lists": built.offsets,
        "keys": keys,
        "by_key": np.argsort(keys).astype(np.uint32),
        "center": quantizer.center,
        "signs": quantizer.signs.astype(np.int8),
    }
    meta = {"metric": metric.name, "pair": pair, "degree": packed.degree, "width": packed.width}
    return write_sections(path, GRAPH_KIND, GRAPH_VERSION, meta, sections)


def _write_rows(
    path: Path,
    pair: int,
    stored: StoredRows,
    order: I64,
    rescoring: Rescoring,
    recall: RowRecall,
) -> SealedFile:
    sections: Sections = {
        name: _permuted(array, order) for name, array in row_sections(stored).items()
    }
    meta = rows_meta(pair, stored, rescoring, recall)
    return write_sections(path, ROWS_KIND, ROWS_VERSION, meta, sections)


def row_sections(stored: StoredRows) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of centred or float rows by the names that files have for them."""
    names = {"values": stored.values, "factors": stored.factors, "residuals": stored.residuals}
    return {name: array for name, array in names.items() if array is not None}


def rows_meta(
    pair: int, stored: StoredRows, rescoring: Rescoring, recall: RowRecall
) -> dict[str, Any]:
    """Return the metadata of a rows file."""
    frame = stored.frame
    return {
        "pair": pair,
        "frame": "rotated" if frame is not None and frame.rotated else "raw",
        "centred": frame is not None and frame.centred,
        "rescoring": rescoring,
        "recall": msgspec.to_builtins(recall),
    }


def _warn_of_loss(rescoring: Rescoring, recall: RowRecall, target: float) -> None:
    enough = enough_for(target)
    if rescoring == "auto" or recall.stored is None or recall.stored >= enough:
        return
    warnings.warn(
        f"rows stored as {rescoring} find {recall.stored:.3f} of the ten nearest vectors given, "
        f"measured on {recall.queries} of them; expected {enough:.3f}: "
        "rescoring='int16' finds more",
        RuntimeWarning,
        stacklevel=4,
    )


def _permuted(array: npt.NDArray[np.generic], order: I64) -> SectionStream:
    """Stream the rows of an array in another order."""
    steps = range(0, len(order), _BLOCK_ROWS)
    blocks = (np.ascontiguousarray(array[order[at : at + _BLOCK_ROWS]]) for at in steps)
    return SectionStream(array.dtype, array.shape, blocks)


def _records(codes: U8, layout: CodeLayout, order: I64, places: U64) -> SectionStream:
    """Stream codes in another order, each followed by the place of its links."""

    def block(at: int) -> U8:
        records = layout.pad(codes[order[at : at + _BLOCK_ROWS]])
        layout.set_places(records, places[at : at + _BLOCK_ROWS])
        return records

    blocks = (block(at) for at in range(0, len(order), _BLOCK_ROWS))
    return SectionStream(codes.dtype, (len(order), layout.stride), blocks)
