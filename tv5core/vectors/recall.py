"""Recall against exact search, and the cheapest settings that reach a target."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from tv5core.kernels import NONE, Prepared
from tv5core.vectors.searching import Part, SearchSettings

__all__ = ["cheapest_settings", "recall_at_k"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_POOLS = (16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 256, 384, 512, 768, 1024, 1536, 2048)
_OVERSAMPLING = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0)
_RESCORE_COST = 1.5
"""An exact look at a stored row against one record read in the walk."""


def recall_at_k(found: I64, truth: I64) -> float:
    """Return the mean share of the true neighbours that were found.

    Parameters
    ----------
    found, truth : int64[queries, k]
        Keys; -1 is no key. A query without true neighbours counts as 1.
    """
    shares = []
    for got, want in zip(found, truth, strict=True):
        real = want[want >= 0]
        shares.append(np.isin(real, got).mean() if len(real) else 1.0)
    return float(np.mean(shares)) if shares else 1.0


def cheapest_settings(
    part: Part, prepared: Prepared, queries: F32, truth: I64, target: float
) -> SearchSettings:
    """Find the cheapest pool size and oversampling that reach a recall on a walked part.

    Cost is counted, not timed: records read by the walk, plus rows rescored at their own price;
    so the choice is the same on a noisy machine. Where the target is out of reach a
    RuntimeWarning says so, and the settings with the highest recall are returned.

    Parameters
    ----------
    part : Part
        With a graph.
    prepared : Prepared
        The queries, prepared.
    queries : float32[n, dim]
    truth : int64[n, k]
        Rows of the part, best first, from exact search.
    target : float
        Recall wanted, 0 to 1.
    """
    k = truth.shape[1]
    best_cost, best = np.inf, SearchSettings(recall=0.0)
    for pool in _POOLS:
        if pool < k or pool > 2 * len(part.keys):
            continue
        reads, recalls = _prefix_recalls(part, prepared, queries, truth, pool)
        if best_cost <= reads:
            break  # larger pools only read more
        for oversampling, recall in recalls:
            cost = reads + _RESCORE_COST * oversampling * k
            reached, had = recall >= target, (best.recall or 0.0) >= target
            if (reached and (not had or cost < best_cost)) or (
                not had and recall > (best.recall or 0.0)
            ):
                best = SearchSettings(pool, oversampling, recall)
                best_cost = cost if reached else np.inf
    if (best.recall or 0.0) < target:
        warnings.warn(
            f"no settings reach recall {target} on these queries; "
            f"the best found reach {best.recall:.4f}",
            RuntimeWarning,
            stacklevel=4,
        )
    return best


def _prefix_recalls(
    part: Part, prepared: Prepared, queries: F32, truth: I64, pool: int
) -> tuple[float, list[tuple[float, float]]]:
    """Walk once, then measure recall for each share of the pool that could be rescored.

    Returns
    -------
    reads : float
        Records read a query.
    recalls : list of (oversampling, recall)
    """
    if part.graph is None:
        raise TypeError("expected a part with a graph")
    k = truth.shape[1]
    found, _, visited = part.graph.walk(prepared, pool, pool, part.allow)
    recalls = []
    for oversampling in _OVERSAMPLING:
        prefix = SearchSettings(pool, oversampling).candidates(k)
        if prefix > pool:
            break
        some = np.ascontiguousarray(found[:, :prefix])
        rows, _ = part.rows.rescore(queries, some, k)
        ids = np.where(rows == NONE, np.int64(-1), rows.astype(np.int64))
        recalls.append((oversampling, recall_at_k(ids, truth)))
    return float(np.mean(visited)), recalls
