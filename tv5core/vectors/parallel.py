"""Split a batch of queries over threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from tv5core.cores import usable_cores
from tv5core.errors import InvalidInputError

__all__ = ["split_queries"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Search = Callable[[F32], tuple[I64, F32]]


def split_queries(search: Search, queries: F32, threads: int) -> tuple[I64, F32]:
    """Search a share of the queries in this thread, the others in threads of their own.

    Parameters
    ----------
    search : callable
        float32[n, dim] -> keys, scores.
    queries : float32[n, dim]
    threads : int
        0 for all cores.

    Raises
    ------
    InvalidInputError
        ``threads`` is below 0.
    """
    shares = min(_thread_count(threads), len(queries))
    if shares <= 1:
        return search(queries)
    own, *others = np.array_split(queries, shares)
    with ThreadPoolExecutor(shares - 1) as pool:
        rest = [pool.submit(search, some) for some in others]
        found = [search(own), *(future.result() for future in rest)]
    return np.concatenate([keys for keys, _ in found]), np.concatenate([s for _, s in found])


def _thread_count(threads: int) -> int:
    if threads < 0:
        raise InvalidInputError(f"expected threads >= 0, got {threads}")
    return threads or usable_cores()
