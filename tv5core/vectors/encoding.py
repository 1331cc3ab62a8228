"""Encode vectors block by block: codes stay in memory, stored rows go to a temporary file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from tv5core.errors import DuplicateKeyError, InvalidInputError
from tv5core.types import Progress
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.row_recall import RowRecall, Sample
from tv5core.vectors.stored_rows import StoredRows
from tv5core.vectors.validation import Rescoring, Stored

__all__ = ["Block", "Blocks", "EncodedRows", "Surveyed", "blocks_of", "encode_rows", "survey"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]


class Block(NamedTuple):
    """Some vectors to seal."""

    keys: I64
    vectors: F32
    stored: StoredRows | None = None
    """The same as they are stored already; None where they are not."""


Blocks = Callable[[], Iterator[Block]]
"""Called twice; gives the same blocks in the same order both times."""
_BLOCK_ROWS = 8_192


def blocks_of(
    vectors: npt.NDArray[Any], keys: I64, validate: Callable[[npt.NDArray[Any]], F32]
) -> Blocks:
    """Cut a matrix and its keys into blocks that are validated one by one."""

    def blocks() -> Iterator[Block]:
        for at in range(0, len(vectors), _BLOCK_ROWS):
            yield Block(keys[at : at + _BLOCK_ROWS], validate(vectors[at : at + _BLOCK_ROWS]))

    return blocks


@dataclass(frozen=True)
class Surveyed:
    """What is learnt of vectors before they are encoded.

    Attributes
    ----------
    mean : float32[dim]
    variance : float
        Mean squared distance from it.
    sample : Sample
        Some of them, to measure what storing loses.
    """

    mean: F32
    variance: float
    sample: Sample


def survey(blocks: Blocks, count: int, dim: int, report: Progress) -> Surveyed:
    """Read all vectors once.

    Raises
    ------
    InvalidInputError
        There are not ``count`` vectors.
    """
    total, squares, done = np.zeros(dim, np.float64), 0.0, 0
    sample = Sample.of(count, dim)
    for _, vectors, _ in blocks():
        total += vectors.sum(axis=0, dtype=np.float64)
        squares += float(np.vdot(vectors, vectors))
        sample.take(done, vectors)
        done += len(vectors)
        report(done, count, "centring")
    if done != count:
        raise InvalidInputError(f"expected {count} vectors, got {done}")
    mean = total / count
    variance = max(0.0, squares / count - float(mean @ mean))
    return Surveyed(mean.astype(np.float32), variance, sample)


@dataclass(frozen=True)
class EncodedRows:
    """Encoded vectors, in the order they came in."""

    keys: I64
    codes: U8
    stored: StoredRows
    coarse: StoredRows
    """int8 rows, by which links are chosen: the stored ones where those are int8."""
    recall: RowRecall
    """What the stored rows keep of the order of the vectors given."""


def encode_rows(
    blocks: Blocks,
    count: int,
    quantizer: Quantizer,
    rescoring: Rescoring,
    folder: Path,
    report: Progress,
    sample: Sample,
    target_recall: float,
) -> EncodedRows:
    """Encode all vectors; stored rows are mapped from files in ``folder``.

    Raises
    ------
    InvalidInputError
        There are not ``count`` vectors, or a key is below 0.
    DuplicateKeyError
        A key comes twice.
    """
    keys = np.empty(count, np.int64)
    codes = np.empty((count, quantizer.layout.size), np.uint8)
    files = [_RowFile(folder / kind, count, quantizer, kind) for kind in _kinds(rescoring)]
    done = 0
    with ExitStack() as opened:
        for file in files:
            opened.enter_context(file)
        for some, vectors, before in blocks():
            start, done = done, done + len(some)
            if done > count:
                raise InvalidInputError(f"expected {count} vectors, got more on the second pass")
            for file in files:
                file.append(vectors, before)
            keys[start:done], codes[start:done] = some, quantizer.encode(vectors)
            sample.compare(start, vectors - quantizer.center)
            report(done, count, "encoding")
    if done != count:
        raise InvalidInputError(f"expected {count} vectors, got {done} on the second pass")
    _check_unique(keys)
    stored = files[0].rows()
    recall = sample.recall(stored)
    if rescoring == "auto" and recall.is_enough_without_residuals(target_recall):
        stored, recall = stored.coarse, recall.without_residuals
    coarse = stored if len(files) == 1 else files[1].rows()
    return EncodedRows(keys, codes, stored, coarse.coarse, recall)


def _kinds(rescoring: Rescoring) -> tuple[Stored, ...]:
    """Return how rows are encoded: as they may be stored, and where that is not int8, as int8."""
    if rescoring in ("float16", "float32"):
        return rescoring, "int8"
    return ("int16",) if rescoring == "auto" else (rescoring,)


class _RowFile:
    """Encoded rows in temporary files, one an array; their factors, a few bytes each, in memory."""

    def __init__(self, path: Path, count: int, quantizer: Quantizer, kind: Stored) -> None:
        self._count, self._quantizer, self._kind = count, quantizer, kind
        # Written, not stored through a map: where the disk is full, a map kills the process.
        self._values = path.open("wb")
        self._residuals = path.with_suffix(".residuals").open("wb")
        self._factors: list[F32] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._values.close()
        self._residuals.close()

    def append(self, vectors: F32, before: StoredRows | None) -> None:
        rows = None if before is None else before.converted(self._kind, self._quantizer)
        if rows is None:
            rows = StoredRows.encode(vectors, self._kind, self._quantizer)
        for file, array in ((self._values, rows.values), (self._residuals, rows.residuals)):
            if array is not None:
                file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        if rows.factors is not None:
            self._factors.append(rows.factors)

    def rows(self) -> StoredRows:
        """Map what was written; the files must be closed."""
        empty = StoredRows.encode(
            np.empty((0, self._quantizer.dim), np.float32), self._kind, self._quantizer
        )
        shape = self._count, self._quantizer.dim
        arrays: list[npt.NDArray[Any]] = []
        arrays.append(np.memmap(self._values.name, empty.values.dtype, "r", shape=shape))
        if empty.factors is not None:
            arrays.append(np.concatenate(self._factors))
        if empty.residuals is not None:
            arrays.append(np.memmap(self._residuals.name, np.int8, "r", shape=shape))
        return empty.with_arrays(arrays)


def _check_unique(keys: I64) -> None:
    ordered = np.sort(keys)
    if ordered[0] < 0:
        raise InvalidInputError(f"expected keys >= 0, got {int(ordered[0])}")
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated):
        raise DuplicateKeyError(f"expected each key once, got {int(repeated[0])} twice")
