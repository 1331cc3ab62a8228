"""What the objects that backends make can do: a graph, a searcher over it, and a linker."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from tv5core.kernels._types import F32, I32, I64, U32, Prepared, RowFilter, Rows

__all__ = ["Graph", "Linker", "Searcher"]


class Graph(Protocol):
    """A sealed graph, searched in place; any number of threads may walk it at once."""

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch memory kept for later walks."""

    def walk(
        self,
        prepared: Prepared,
        expansion_search: int,
        candidates: int,
        row_filter: RowFilter | None = None,
        k: int | None = None,
        error_margin: float | None = None,
    ) -> tuple[U32, F32, I32]:
        """Search best-first by estimates and return the best rows of each query.

        Parameters
        ----------
        prepared : Prepared
        expansion_search : int
            Size of the candidate pool, HNSW's ``ef``: a row is expanded, that is, its neighbours
            are scored, while it is among that many best rows. Rows that may not be returned have
            a pool of their own.
        candidates : int
            Rows to return for each query, of the pool.
        row_filter : RowFilter or None
            Rows that may be returned; None: all.
        k : int or None
            Number of answers asked for, 1 to ``candidates``; None: ``candidates``.
        error_margin : float or None
            Neither expand nor return rows whose estimates are more than so many standard
            deviations of an estimate's error below the k-th best. None: no limit.

        Returns
        -------
        rows : uint32[queries, candidates]
            By descending estimate; NONE where fewer were found within the margin, and everywhere
            where a filtered walk gave up.
        scores : float32[queries, candidates]
            Estimates of inner products, -inf where there is no row.
        reads : int32[queries]
            Codes read, those of centroids included.
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

    def searcher(
        self,
        center: F32,
        signs: F32,
        rows: Rows,
        scales: F32 | None,
        rotated_center: F32 | None = None,
        row_center: F32 | None = None,
        residuals: npt.NDArray[np.int8] | None = None,
    ) -> Searcher:
        """Join the graph with the rotation and the stored rows.

        Parameters
        ----------
        center, signs
            As :func:`tv5core.kernels.prepare` takes them.
        rows, scales, residuals
            As :func:`tv5core.kernels.rescore` takes them; one stored row per row of the graph.
        rotated_center : float32[D] or None
            For stored rows that are rotated: the centre, less the one that they leave out, rotated.
            Rescoring adds it to the centred and rotated query of the walk. None: rescoring takes
            the query itself.
        row_center : float32[d] or None
            What stored rows leave out: its inner product with a query is added to all scores, and,
            where rows are not rotated, it is subtracted from the query.
        """


class Searcher(Protocol):
    """A graph with its rotation and stored rows; any number of threads may search at once."""

    def search(
        self,
        queries: F32,
        expansion_search: int,
        candidates: int,
        k: int,
        row_filter: RowFilter | None = None,
        error_margin: float | None = None,
    ) -> tuple[U32, F32]:
        """Prepare, walk and rescore in one call, which releases the GIL once.

        Parameters
        ----------
        queries : float32[queries, d]
        expansion_search, candidates, row_filter
            As :meth:`Graph.walk` takes them; candidates are rescored.
        k : int
            Number of answers to return for each query.
        error_margin : float or None
            As :meth:`Graph.walk` takes it. Candidates whose estimate plus the margin is below the
            k-th best exact score found so far are not rescored. None: rescore all.

        Returns
        -------
        rows : uint32[queries, k]
            NONE where fewer than k were found.
        scores : float32[queries, k]
            Exact scores, descending; -inf where there is no row.
        """


class Linker(Protocol):
    """Selects links in place; threads may work on different rows at once."""

    def select_neighbors(self, candidates: U32, start: int) -> None:
        """Select the links of rows among those they have and candidates.

        Parameters
        ----------
        candidates : uint32[m, width]
            For rows ``start`` to ``start + m - 1``; values past the last row are skipped.
        start : int
        """

    def add_reverse_links(
        self, targets: U32, offsets: I64, sources: U32, start: int, stop: int
    ) -> None:
        """Link rows to others; a list that grows past ``max_degree`` is pruned.

        Parameters
        ----------
        targets : uint32[t]
            In ascending order, without duplicates.
        offsets : int64[t + 1]
        sources : uint32[...]
            ``targets[i]`` gets links to ``sources[offsets[i] : offsets[i + 1]]``.
        start, stop : int
            The targets to work on.
        """
