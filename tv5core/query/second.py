"""The second space in a search: more candidates, and exact evidence of both spaces for all.

Two embeddings know different things. Sums of their scores beat sums of ranks, and either alone;
so what either space or the words find is scored in both, from the rows stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.bitmap import Bitmap
from tv5core.query.evidence import Candidates, Neighbours

__all__ = [
    "LEAST_SIMILAR",
    "LEAST_WORDS",
    "ExplainedSearch",
    "NearestSearch",
    "Scores",
    "SecondMeaning",
    "SecondNeighbours",
    "by_key",
    "joined",
    "looked_up",
    "meaning_of_both",
    "scored",
]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

LEAST_SIMILAR, LEAST_WORDS = 0.4, 4
"""Cosine in the second space, and words of a text, from which it alone answers one whose words
nobody knows. On the tuning half, the best cosine of plots in twelve languages is .33 to .54 by the
multilingual model, that of gibberish .24 to .48, but with four words or more below .26."""
_WEIGHT, _FROM = 0.3, 0.2

NearestSearch = Callable[[Sequence[Bitmap] | None, int], tuple[I64, F32]]
"""Takes the documents that are allowed (None: all) and how many to find; returns keys, scores."""
Scores = Callable[[I64], F32]
"""Takes keys; returns the exact cosine of each, NaN where it has no vector."""


class ExplainedSearch:
    """A search for neighbours that notes how it is made.

    Parameters
    ----------
    nearest : NearestSearch
    explain : callable
        Takes what ``nearest`` takes; returns a description of each segment.

    Attributes
    ----------
    plans : list of dict
    """

    def __init__(
        self,
        nearest: NearestSearch,
        explain: Callable[[Sequence[Bitmap] | None, int], list[dict[str, Any]]],
    ) -> None:
        self._nearest, self._explain = nearest, explain
        self.plans: list[dict[str, Any]] = []

    def __call__(self, allowed: Sequence[Bitmap] | None, k: int) -> tuple[I64, F32]:
        """Find neighbours."""
        self.plans += self._explain(allowed, k)
        return self._nearest(allowed, k)


@dataclass(frozen=True, eq=False)
class SecondMeaning:
    """A text in the second space, and the exact scores of the first.

    Attributes
    ----------
    nearest : NearestSearch
    scores : Scores
    first_scores : Scores or None
        None where the text has no vector in the first space.
    """

    nearest: NearestSearch
    scores: Scores
    first_scores: Scores | None


@dataclass(frozen=True, eq=False)
class SecondNeighbours:
    """What is near in the second space.

    Attributes
    ----------
    keys : int64[n]
    cosine : float32[n]
        Descending.
    complete : bool
        Whether nothing else is allowed.
    """

    keys: I64
    cosine: F32
    complete: bool


def joined(first: Neighbours | None, second: Neighbours) -> Neighbours:
    """Return the neighbours in both spaces; of those in the second alone, the cosine is NaN."""
    if first is None:
        return replace(second, cosine=np.full(len(second.cosine), np.nan, np.float32))
    known = _packed(first)
    new = ~np.isin(_packed(second), known)
    nothing = np.full(int(new.sum()), np.nan, np.float32)
    return Neighbours(
        np.concatenate([first.segment, second.segment[new]]),
        np.concatenate([first.document, second.document[new]]),
        np.concatenate([first.cosine, nothing]),
        first.complete and second.complete,
    )


def _packed(near: Neighbours) -> I64:
    return near.segment.astype(np.int64) << 40 | near.document


def looked_up(found: Candidates, near: SecondNeighbours) -> Candidates:
    """Give candidates what was found of them in the second space."""
    return replace(found, second=by_key(found.keys, near.keys, near.cosine))


def by_key(wanted: I64, keys: I64, values: F32) -> F32:
    """Return the value of each key; NaN for those there is none of."""
    found = np.full(len(wanted), np.nan, np.float32)
    if len(keys):
        order = np.argsort(keys, kind="stable")
        at = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
        known = keys[at] == wanted
        found[known] = values[at[known]]
    return found


def scored(found: Candidates, meaning: SecondMeaning) -> Candidates:
    """Give candidates the exact scores of both spaces."""
    first = meaning.first_scores
    cosine = found.cosine if first is None else first(found.keys)
    return replace(found, cosine=cosine, second=meaning.scores(found.keys))


def meaning_of_both(found: Candidates) -> F32:
    """Return the score of meaning alone: the first cosine, and what the second is above .2."""
    second = np.maximum(np.nan_to_num(found.second, nan=0) - np.float32(_FROM), 0)
    total: F32 = np.nan_to_num(found.cosine, nan=0) + np.float32(_WEIGHT) * second
    return total
