"""Seal vectors into a graph file and a rows file, in bounded memory.

Two passes over the vectors: one for the centre, one that encodes. Codes stay in memory (twice, and
links beside them: 424 B a row at 768 dimensions); stored rows wait in a temporary file until the
graph has given every row its place.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.errors import DuplicateKeyError, InvalidInputError
from tv5core.files import FileRecord, SectionStream, disk_errors, write_sections
from tv5core.types import Progress
from tv5core.vectors.builder import Links, build_links
from tv5core.vectors.entry_points import Source
from tv5core.vectors.graph import GRAPH_KIND, GRAPH_VERSION, ROWS_KIND, ROWS_VERSION
from tv5core.vectors.metric import Metric
from tv5core.vectors.quantizer import Quantizer, record_stride
from tv5core.vectors.rescore import StoredRows, frame_of
from tv5core.vectors.validation import Rescoring, check_rescoring

__all__ = ["Blocks", "BuildOptions", "build_files", "seal_rows"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

Blocks = Callable[[], Iterator[tuple[I64, F32]]]
"""Called twice; gives the same (keys, vectors) blocks in the same order both times."""

_BLOCK_ROWS = 8_192


class BuildOptions(msgspec.Struct, frozen=True):
    """How a graph is built; kept with an index, so that sealing it anew builds alike.

    Attributes
    ----------
    connectivity, expansion_add : int
        Two thirds of the links a row has room for; candidates for them, found by a walk.
    threads : int
        0 for all cores.
    seed : int
        Of the rotation.
    """

    connectivity: int = 16
    expansion_add: int = 64
    threads: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("connectivity", self.connectivity, 2, 512),
            ("expansion_add", self.expansion_add, 1, 65_536),
            ("threads", self.threads, 0, 1_024),
            ("seed", self.seed, 0, 2**63),
        ):
            if not low <= value <= high:
                raise InvalidInputError(f"expected {name} from {low} to {high}, got {value}")


def build_files(
    blocks: Blocks,
    count: int,
    dim: int,
    graph: Path,
    rows: Path,
    *,
    metric: str = "cosine",
    connectivity: int = 16,
    expansion_add: int = 64,
    rescoring: str = "int8",
    threads: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[FileRecord, FileRecord]:
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
    connectivity, expansion_add : int
        Two thirds of the links a row has room for; candidates for them, found by a walk.
    rescoring : {"int8", "float16", "float32"}
    threads : int
        0 for all cores.
    seed : int
        Of the rotation.
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

    def ready() -> Iterator[tuple[I64, F32]]:
        for keys, vectors in blocks():
            yield keys, chosen.validate(vectors, dim)

    options = BuildOptions(connectivity, expansion_add, threads, seed)
    kind = check_rescoring(rescoring)
    return seal_rows(ready, count, dim, (graph, rows), chosen, kind, options, progress)


def seal_rows(
    blocks: Blocks,
    count: int,
    dim: int,
    files: tuple[Path, Path],
    metric: Metric,
    rescoring: Rescoring,
    options: BuildOptions,
    progress: Progress | None,
) -> tuple[FileRecord, FileRecord]:
    """Seal vectors that are checked and, for cosine, of unit length; see :func:`build_files`."""
    graph, rows = files
    if not 1 <= count < 2**31:
        raise InvalidInputError(f"expected 1 to 2**31 - 1 vectors, got {count}")
    report = progress or _quiet
    quantizer = Quantizer.create(_center(blocks, count, dim, report), options.seed)
    with disk_errors(graph.parent), _scratch(graph.parent) as folder:
        encoded = _encode(blocks, count, quantizer, rescoring, Path(folder), report)
        _check_unique(encoded.keys)
        links = build_links(
            encoded.records,
            Source(quantizer, encoded.coarse),
            by_direction=metric.links_by_direction,
            connectivity=options.connectivity,
            expansion_add=options.expansion_add,
            threads=options.threads,
            seed=options.seed,
            progress=progress,
        )
        report(0, count, "writing")
        # Files of two sealings must never be taken for a pair, also with equal seeds.
        pair = secrets.randbits(62)
        written = (
            _write_graph(graph, pair, metric, quantizer, encoded, links),
            _write_rows(rows, pair, encoded.stored, links.order),
        )
        report(count, count, "writing")
    return written


def _scratch(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """Make a folder for rows not in order yet; the next opening removes what stays of it."""
    return tempfile.TemporaryDirectory(dir=folder, prefix=".sealing-", ignore_cleanup_errors=True)


def _quiet(_done: int, _total: int, _stage: str) -> None:
    """Report nothing."""


def _center(blocks: Blocks, count: int, dim: int, report: Progress) -> F32:
    total, done = np.zeros(dim, np.float64), 0
    for _, vectors in blocks():
        total += vectors.sum(axis=0, dtype=np.float64)
        done += len(vectors)
        report(done, count, "centring")
    if done != count:
        raise InvalidInputError(f"expected {count} vectors, got {done}")
    return (total / count).astype(np.float32)


@dataclass(frozen=True)
class _Encoded:
    """What the second pass makes of the vectors, in their order."""

    keys: I64
    records: U8
    stored: StoredRows
    coarse: StoredRows
    """int8 rows, by which links are chosen: the stored ones where those are int8."""


class _RowFile:
    """Encoded rows that wait in a file; their scales, few bytes, in memory."""

    def __init__(self, path: Path, count: int, quantizer: Quantizer, rescoring: Rescoring) -> None:
        self._shape, self._rescoring = (count, quantizer.dim), rescoring
        self._frame = frame_of(quantizer, rescoring)
        # Written, not stored through a map: where the disk is full, a map kills the process.
        self._file = path.open("wb")
        self._scales: list[F32] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, vectors: F32) -> None:
        rows = StoredRows.encode(vectors, self._rescoring, self._frame)
        self._file.write(np.ascontiguousarray(rows.values).reshape(-1).view(np.uint8).data)
        if rows.scales is not None:
            self._scales.append(rows.scales)

    def rows(self) -> StoredRows:
        """Map what was written; the file must be closed."""
        values = np.memmap(self._file.name, self._rescoring, "r", shape=self._shape)
        scales = np.concatenate(self._scales) if self._scales else None
        return StoredRows(values, scales, self._frame)


def _encode(
    blocks: Blocks,
    count: int,
    quantizer: Quantizer,
    rescoring: Rescoring,
    folder: Path,
    report: Progress,
) -> _Encoded:
    keys = np.empty(count, np.int64)
    records = np.empty((count, quantizer.record_size), np.uint8)
    done = 0
    kinds: tuple[Rescoring, ...] = ("int8",) if rescoring == "int8" else (rescoring, "int8")
    files = [_RowFile(folder / kind, count, quantizer, kind) for kind in kinds]
    with files[0], files[-1]:
        for some, vectors in blocks():
            stop = done + len(some)
            if stop > count:
                raise InvalidInputError(f"expected {count} vectors, got more on the second pass")
            for file in files:
                file.append(vectors)
            keys[done:stop], records[done:stop] = some, quantizer.encode(vectors)
            done = stop
            report(done, count, "encoding")
    if done != count:
        raise InvalidInputError(f"expected {count} vectors, got {done} on the second pass")
    return _Encoded(keys, records, files[0].rows(), files[-1].rows())


def _check_unique(keys: I64) -> None:
    ordered = np.sort(keys)
    if ordered[0] < 0:
        raise InvalidInputError(f"expected keys >= 0, got {int(ordered[0])}")
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        raise DuplicateKeyError(f"expected each key once, got {int(twice[0])} twice")


def _permuted(array: npt.NDArray[np.generic], order: I64) -> SectionStream:
    """Stream the rows of an array in another order."""
    steps = range(0, len(order), _BLOCK_ROWS)
    blocks = (np.ascontiguousarray(array[order[at : at + _BLOCK_ROWS]]) for at in steps)
    return SectionStream(array.dtype, array.shape, blocks)


def _padded(records: U8, order: I64) -> SectionStream:
    """Stream records in another order, each padded to whole cache lines where that is little."""
    stride = record_stride(records.shape[1])

    def blocks() -> Iterator[U8]:
        for at in range(0, len(order), _BLOCK_ROWS):
            some = records[order[at : at + _BLOCK_ROWS]]
            yield np.pad(some, ((0, 0), (0, stride - some.shape[1])))

    return SectionStream(records.dtype, (len(order), stride), blocks())


def _write_graph(
    path: Path,
    pair: int,
    metric: Metric,
    quantizer: Quantizer,
    encoded: _Encoded,
    links: Links,
) -> FileRecord:
    ordered = encoded.keys[links.order]
    meta = {"metric": metric.name, "pair": pair}
    sections: dict[str, npt.NDArray[Any] | SectionStream] = {
        "records": _padded(encoded.records, links.order),
        "links": links.base,
        "centroids": links.centroids,
        "lists": links.offsets,
        "keys": ordered,
        "by_key": np.argsort(ordered).astype(np.uint32),
        "center": quantizer.center,
        "signs": quantizer.signs.astype(np.int8),
    }
    return write_sections(path, GRAPH_KIND, GRAPH_VERSION, meta, sections)


def _write_rows(path: Path, pair: int, stored: StoredRows, order: I64) -> FileRecord:
    sections: dict[str, SectionStream] = {"values": _permuted(stored.values, order)}
    if stored.scales is not None:
        sections["scales"] = _permuted(stored.scales, order)
    meta = {"pair": pair, "frame": "raw" if stored.frame is None else "rotated"}
    return write_sections(path, ROWS_KIND, ROWS_VERSION, meta, sections)
