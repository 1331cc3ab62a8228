"""Encode vectors block by block: codes stay in memory, stored rows go to a temporary file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tv5core.errors import DuplicateKeyError, InvalidInputError
from tv5core.types import Progress
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.stored_rows import StoredRows, frame_of
from tv5core.vectors.validation import Rescoring

__all__ = ["Blocks", "EncodedRows", "blocks_of", "encode_rows", "mean_vector"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

Blocks = Callable[[], Iterator[tuple[I64, F32]]]
"""Called twice; gives the same (keys, vectors) blocks in the same order both times."""
_BLOCK_ROWS = 8_192


def blocks_of(
    vectors: npt.NDArray[Any], keys: I64, validate: Callable[[npt.NDArray[Any]], F32]
) -> Blocks:
    """Cut a matrix and its keys into blocks that are validated one by one."""

    def blocks() -> Iterator[tuple[I64, F32]]:
        for at in range(0, len(vectors), _BLOCK_ROWS):
            yield keys[at : at + _BLOCK_ROWS], validate(vectors[at : at + _BLOCK_ROWS])

    return blocks


def mean_vector(blocks: Blocks, count: int, dim: int, report: Progress) -> F32:
    """Return the mean of all vectors: float32[dim].

    Raises
    ------
    InvalidInputError
        There are not ``count`` vectors.
    """
    total, done = np.zeros(dim, np.float64), 0
    for _, vectors in blocks():
        total += vectors.sum(axis=0, dtype=np.float64)
        done += len(vectors)
        report(done, count, "centring")
    if done != count:
        raise InvalidInputError(f"expected {count} vectors, got {done}")
    return (total / count).astype(np.float32)


@dataclass(frozen=True)
class EncodedRows:
    """Encoded vectors, in the order they came in."""

    keys: I64
    codes: U8
    stored: StoredRows
    coarse: StoredRows
    """int8 rows, by which links are chosen: the stored ones where those are int8."""


def encode_rows(
    blocks: Blocks,
    count: int,
    quantizer: Quantizer,
    rescoring: Rescoring,
    folder: Path,
    report: Progress,
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
    kinds: tuple[Rescoring, ...] = ("int8",) if rescoring == "int8" else (rescoring, "int8")
    files = [_RowFile(folder / kind, count, quantizer, kind) for kind in kinds]
    done = 0
    with ExitStack() as opened:
        for file in files:
            opened.enter_context(file)
        for some, vectors in blocks():
            start, done = done, done + len(some)
            if done > count:
                raise InvalidInputError(f"expected {count} vectors, got more on the second pass")
            for file in files:
                file.append(vectors)
            keys[start:done], codes[start:done] = some, quantizer.encode(vectors)
            report(done, count, "encoding")
    if done != count:
        raise InvalidInputError(f"expected {count} vectors, got {done} on the second pass")
    _check_unique(keys)
    return EncodedRows(keys, codes, files[0].rows(), files[-1].rows())


class _RowFile:
    """Encoded rows in a temporary file; their scales, a few bytes each, in memory."""

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


def _check_unique(keys: I64) -> None:
    ordered = np.sort(keys)
    if ordered[0] < 0:
        raise InvalidInputError(f"expected keys >= 0, got {int(ordered[0])}")
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated):
        raise DuplicateKeyError(f"expected each key once, got {int(repeated[0])} twice")
