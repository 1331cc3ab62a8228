"""Maximal marginal relevance: leave out what resembles what is chosen already."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["mmr"]

F32 = npt.NDArray[np.float32]


def mmr(scores: F32, vectors: F32, k: int, diversity: float) -> list[int]:
    """Choose k of some candidates by maximal marginal relevance.

    Each choice maximises ``(1 - diversity) * relevance - diversity * nearest``: relevance is the
    score, scaled to 0..1 over the candidates, and nearest the largest cosine to what was chosen
    before. Of equal ones the earlier candidate is chosen. (Carbonell, Goldstein: The use of MMR,
    diversity-based reranking for reordering documents and producing summaries. SIGIR 1998.)

    Parameters
    ----------
    scores : float32[n]
        Descending.
    vectors : float32[n, dim]
        Of unit length, or of zeros where a candidate has none.
    k : int
    diversity : float
        0 keeps the order of the scores, 1 looks at likeness alone after the first.

    Returns
    -------
    list of int
        Places of the chosen ones, in the order of choice.
    """
    count = len(scores)
    if diversity == 0.0 or count == 0:
        return list(range(min(k, count)))
    span = float(scores[0] - scores[-1])
    relevance = (scores - scores[-1]) / span if span > 0 else np.ones(count, np.float32)
    nearest = np.zeros(count, np.float32)
    chosen: list[int] = []
    left = np.ones(count, bool)
    while len(chosen) < min(k, count):
        marginal = (1.0 - diversity) * relevance - diversity * nearest
        place = int(np.argmax(np.where(left, marginal, -np.inf)))
        chosen.append(place)
        left[place] = False
        np.maximum(nearest, vectors @ vectors[place], out=nearest)
    return chosen
