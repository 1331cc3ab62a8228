"""Vectors of your own, in any format that tv5core reads; HDF5 as ann-benchmarks has it.

Files are read in blocks and everything is checked before anything is written. Rows that are the
same to the last bit are taken once: which of them is "the" neighbour has no answer, and a graph
finds no way among many of them. HDF5 files keep all, as their neighbours go by row numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.data.generator import BLOCK, unit
from benchmarks.data.rows import Rows, open_rows

__all__ = ["METRICS", "FromFile"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

METRICS = ("cosine", "ip")
_HELD_OUT = 1_000


class FromFile:
    """Rows of a file, with queries of another, held out of the rows, or both.

    Parameters
    ----------
    path
        The rows, in any format that :func:`tv5core.vector_files.open_vectors` reads; HDF5 with
        ``train`` and ``test``.
    queries_path
        Queries of the same width; never for HDF5.
    metric
        "cosine" scales rows and queries to unit length; "ip" takes them as they are. HDF5 files
        state their own.
    held_out
        Rows to take out as queries; by default 1,000 where there are no others. None of HDF5.
    seed
        Decides which rows are held out.

    Raises
    ------
    ValueError
        A file is missing or malformed, or has too few rows.
    """

    def __init__(
        self,
        path: Path,
        queries_path: Path | None = None,
        metric: str | None = None,
        held_out: int | None = None,
        seed: int = 0,
    ) -> None:
        self._path, self._queries_path, self._seed = path, queries_path, seed
        self._rows = open_rows(path)
        self._whole = self._rows.is_hdf5
        self._given = self._open_queries()
        self._held_out = (0 if self._given else _HELD_OUT) if held_out is None else held_out
        self.metric = self._choose_metric(metric)
        self._require_sizes()
        self.name = f"{path.name} {self._rows.count:,} x {self._rows.dim}"

    def key(self) -> dict[str, object]:
        """Return the files' contents and how they are taken."""
        return {
            "loader": 1,
            "files": [_content(path) for path in (self._path, self._queries_path) if path],
            "metric": self.metric,
            "held_out": self._held_out,
            "seed": self._seed,
        }

    def shape(self) -> tuple[int, int]:
        """Return how many rows are left to index, and how wide they are."""
        return len(self._distinct) - self._held_out, self._rows.dim

    def blocks(self) -> Iterator[F32]:
        """Read the rows to index, in the file's order."""
        kept = np.sort(self._order[self._held_out :])
        for start in range(0, len(kept), BLOCK):
            yield self._scaled(self._rows.take(kept[start : start + BLOCK]))

    def queries(self) -> dict[str, F32]:
        """Read the queries: "title" are the held-out rows, or else those given."""
        kinds = {}
        if self._held_out:
            held_out = self._rows.take(np.sort(self._order[: self._held_out]))
            kinds["title"] = self._scaled(held_out)
        if self._given:
            given = self._scaled(self._given.take(np.arange(self._given.count)))
            kinds["text" if kinds else "title"] = given
        return kinds

    @cached_property
    def _distinct(self) -> I64:
        """Numbers of the rows to take, after a check of every value."""
        seen = [_digests(self._checked(block)) for block in _blocks(self._rows)]
        for block in _blocks(self._given) if self._given else ():
            self._checked(block)
        if self._whole:
            return np.arange(self._rows.count)
        distinct = np.sort(np.unique(np.concatenate(seen), return_index=True)[1])
        if len(distinct) < 2 * self._held_out:
            raise ValueError(
                f"expected at least {2 * self._held_out:,} distinct rows in {self._path} to hold "
                f"{self._held_out:,} out, got {len(distinct):,}"
            )
        return distinct

    @cached_property
    def _order(self) -> I64:
        if not self._held_out:
            return self._distinct
        return np.random.default_rng(self._seed).permutation(self._distinct)

    def _open_queries(self) -> Rows | None:
        if not self._whole:
            return open_rows(self._queries_path) if self._queries_path else None
        if self._queries_path:
            raise ValueError(f"expected no --queries with {self._path}: it has its own in 'test'")
        return open_rows(self._path, "test")

    def _choose_metric(self, asked: str | None) -> str:
        if asked is not None and asked not in METRICS:
            raise ValueError(f"expected a metric among {METRICS}, got {asked!r}")
        if not self._whole:
            return asked or "cosine"
        stated = self._stated_metric()
        if asked not in (None, stated):
            raise ValueError(
                f"expected the metric {stated!r} that {self._path} states, got {asked!r}"
            )
        return stated

    def _stated_metric(self) -> str:
        """Return what HDF5 states; Euclidean distances rank rows of unit length as cosines do."""
        stated = self._rows.file.metric
        if stated == "l2":
            if all(_is_unit(values) for _, _, values in _blocks(self._rows)):
                return "cosine"
            raise ValueError(
                f"expected angular or dot distances in {self._path}, or rows of unit length, "
                "got euclidean"
            )
        if stated not in METRICS:
            raise ValueError(f"expected a distance among {METRICS} in {self._path}, got {stated!r}")
        return stated

    def _require_sizes(self) -> None:
        if self._whole and self._held_out:
            raise ValueError(f"expected no rows held out of {self._path}: it has queries in 'test'")
        if self._held_out < 0:
            raise ValueError(f"expected to hold out at least 0 rows, got {self._held_out}")
        if not (self._held_out or self._given):
            raise ValueError("expected queries from a file or held-out rows, got neither")
        if self._rows.count < max(2 * self._held_out, 1):
            raise ValueError(
                f"expected at least {max(2 * self._held_out, 1):,} rows in {self._path}, "
                f"got {self._rows.count:,}"
            )
        if self._given and self._given.dim != self._rows.dim:
            raise ValueError(
                f"expected queries of {self._rows.dim} dimensions as the rows have, "
                f"got {self._given.dim} in {self._given.label}"
            )

    def _checked(self, block: tuple[Rows, int, F32]) -> F32:
        """Refuse values that have no place in a search."""
        rows, start, values = block
        if not np.isfinite(values).all():
            at = start + int(np.argmin(np.isfinite(values).all(axis=1)))
            raise ValueError(f"expected finite values in {rows.label}, got NaN or Inf in row {at}")
        if self.metric == "cosine" and not values.any(axis=1).all():
            at = start + int(np.argmin(values.any(axis=1)))
            raise ValueError(f"expected no rows of zeros in {rows.label}, got row {at}")
        return values

    def _scaled(self, rows: F32) -> F32:
        return unit(rows) if self.metric == "cosine" else rows


def _blocks(rows: Rows) -> Iterator[tuple[Rows, int, F32]]:
    for start in range(0, rows.count, BLOCK):
        yield rows, start, rows.take(np.arange(start, min(start + BLOCK, rows.count)))


def _is_unit(rows: F32) -> bool:
    return not (abs(np.linalg.norm(rows, axis=1) - 1) > 1e-3).any()


def _digests(rows: F32) -> npt.NDArray[np.bytes_]:
    """Hash each row to 16 bytes, in hexadecimal as NumPy's strings drop zeros at their ends."""
    made = [hashlib.blake2b(row.tobytes(), digest_size=16).hexdigest() for row in rows]
    return np.array(made, dtype="S32")


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
