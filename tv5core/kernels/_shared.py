"""What the NumPy kernels and the native ones have in common: types and constants."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

__all__ = [
    "F32",
    "I32",
    "I64",
    "LANES",
    "NONE",
    "U8",
    "U32",
    "Graph",
    "LinkRows",
    "Linker",
    "Prepared",
    "Rows",
    "Searcher",
    "mean_rescale",
]

LANES = 32
"""Running sums of a float product; element ``i`` goes to lane ``i % 32``."""
NONE = 0xFFFFFFFF
"""No row: pads neighbour lists and results."""

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int8] | npt.NDArray[np.float16] | npt.NDArray[np.float32]

_SAMPLE = 32


def mean_rescale(records: U8, bits: int) -> float:
    """Return the mean ``f_rescale`` of some records, spread evenly.

    An estimate's error grows with it. It differs little from row to row where all have one
    length, and each row looked at is a page read from disk, so a few must do.
    """
    places = np.linspace(0, len(records) - 1, min(_SAMPLE, len(records))).astype(np.int64)
    factors = np.ascontiguousarray(records[places, bits // 8 + 4 : bits // 8 + 8])
    return float(factors.view(np.float32).mean(dtype=np.float64))


class Prepared(NamedTuple):
    """Queries made ready for the asymmetric estimator, one row a query."""

    values: npt.NDArray[np.int8]
    """int8[n, bits]: the rotated, centred query; ``value * scale`` restores it."""
    scale: F32
    """float32[n]."""
    total: I32
    """int32[n]: sum of ``values`` over a query."""
    base: F32
    """float32[n]: inner product of the query with the centre."""


class LinkRows(NamedTuple):
    """Rows between which links are chosen by distance."""

    values: npt.NDArray[np.int8]
    """int8[m, d]: by position."""
    scales: F32
    """float32[m]"""
    squares: F32
    """float32[m]: squared lengths, ``scales`` applied."""
    positions: U32
    """uint32[n]: the position of each row of the graph among the values."""


class Linker(Protocol):
    """Chooses links in place; any number of threads may work on different rows at once."""

    def select_neighbors(self, candidates: U32, start: int) -> None:
        """Choose links for rows among those they have and candidates.

        Parameters
        ----------
        candidates : uint32[m, width]
            For rows ``start`` to ``start + m - 1``; values past the last row are passed over.
        start : int
        """

    def add_reverse_links(
        self, targets: U32, offsets: I64, sources: U32, start: int, stop: int
    ) -> None:
        """Link rows to others; where lists grow past the limit, choose anew.

        Parameters
        ----------
        targets : uint32[t]
            Ascending, each once.
        offsets : int64[t + 1]
        sources : uint32[...]
            ``sources[offsets[i] : offsets[i + 1]]`` are to be linked from ``targets[i]``.
        start, stop : int
            Targets to work on.
        """


class Searcher(Protocol):
    """A graph with its rotation and its stored rows; any number of threads may search at once."""

    def search(
        self,
        queries: F32,
        expansion_search: int,
        candidates: int,
        k: int,
        allow: U8 | None = None,
        error_margin: float | None = None,
    ) -> tuple[U32, F32]:
        """Prepare, walk and rescore in one call that gives the GIL up once.

        Parameters
        ----------
        queries
            As :func:`tv5core.kernels.rescore` takes them.
        expansion_search, allow
            As :meth:`Graph.walk` takes them.
        candidates : int
            Rows that the walk hands on for an exact look.
        k : int
        error_margin : float or None
            As :meth:`Graph.walk` takes it. Candidates whose estimate plus the margin is below the
            k-th best exact score found so far are not rescored. None: rescore all.
        """


class Graph(Protocol):
    """A sealed graph, walked in place; any number of threads may walk at once."""

    @property
    def scratch_bytes(self) -> int:
        """Bytes kept for walking threads."""

    def walk(
        self,
        prepared: Prepared,
        expansion_search: int,
        candidates: int,
        allow: U8 | None = None,
        k: int | None = None,
        error_margin: float | None = None,
    ) -> tuple[U32, F32, I32]:
        """Walk best-first and keep the rows of the best estimates of each query.

        Parameters
        ----------
        prepared : Prepared
        expansion_search : int
            Size of the pool of rows whose neighbours are looked at.
        candidates : int
            Rows to return for each query.
        allow : uint8[>= n / 8] or None
            Bitmap; rows outside it are expanded but not returned.
        k : int or None
            Number of answers asked for, 1 to ``candidates``; None: ``candidates``.
        error_margin : float or None
            Neither expand nor return rows whose estimates are more than so many standard
            deviations of an estimate's error below the k-th best. None: no limit.

        Returns
        -------
        rows : uint32[queries, candidates]
            NONE where fewer were found within the margin.
        scores : float32[queries, candidates]
        visited : int32[queries]
            Records read, those of centroids included.
        """

    def searcher(
        self,
        center: F32,
        signs: F32,
        rows: Rows,
        scales: F32 | None,
        rotated_center: F32 | None = None,
    ) -> Searcher:
        """Join the graph with what else a search needs.

        Parameters
        ----------
        center, signs
            As :func:`tv5core.kernels.prepare` takes them.
        rows, scales
            As :func:`tv5core.kernels.rescore` takes them; one row a row of the graph.
        rotated_center : float32[D] or None
            For stored rows that are rotated: the centre, rotated. Rescoring adds it to the centred and
            rotated query of the walk. None: rescoring takes the query itself.
        """

    def upper_bounds(
        self, prepared: Prepared, rows: U32, estimates: F32, error_margin: float
    ) -> F32:
        """Add ``error_margin`` standard deviations of the error to estimates.

        Parameters
        ----------
        prepared : Prepared
        rows : uint32[queries, m]
        estimates : float32[queries, m]
            As :meth:`walk` returns them.
        error_margin : float

        Returns
        -------
        float32[queries, m]
        """
