"""From likes to recommendations.

1. What is known of all titles without decoding them (votes, rating, time, genres, co-consumption)
   is summed for all.
2. The best by that, and the nearest by text to the likes, are the pool: at least 500 titles.
3. Titles and vectors of the pool are read, and all evidence is summed.
4. The best 5 k of them are put in order by maximal marginal relevance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tv5core.catalog.index.manager import ServedIndex
from tv5core.catalog.index.recovery_log import RecoveryLog
from tv5core.catalog.recommending.candidates import Candidates, read_candidates
from tv5core.catalog.recommending.explaining import Explainer
from tv5core.catalog.recommending.learning import Learnt, LearntSource
from tv5core.catalog.recommending.tastes import Read
from tv5core.recommend.diversity import mmr
from tv5core.recommend.evidence import Evidence, evidence, first_scores
from tv5core.recommend.facts import TitleFacts
from tv5core.recommend.results import Recommendation
from tv5core.store import Store
from tv5core.vectors import Filter, SearchOptions

__all__ = ["POOL_OF_K", "Asked", "Recommender"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

POOL_OF_K = 5
"""Titles that diversity chooses from, for each one asked for."""
_LEAST_POOL = 500
_NEIGHBOURS = 200
"""Titles near by text, over all likes."""
_MOSTLY = 0.5
"""Share of the titles above which neighbours are found among all, and then left out."""
_EVERY, _SPARE = 64, 16
"""A score out of so many is a sample; places in it beyond twice those that are expected."""
_MOST_LIKES = 50
"""Likes whose neighbours are looked for, the latest."""


@dataclass(frozen=True)
class Asked:
    """What is asked for, besides a taste.

    Attributes
    ----------
    k : int
    diversity : float
    allowed : bool[n] or None
        Which of all titles may be recommended.
    explain : bool
    """

    k: int
    diversity: float
    allowed: Mask | None
    explain: bool


class Recommender:
    """Recommend titles of a catalogue.

    Parameters
    ----------
    store : Store
    learnt : LearntSource
    recovery : RecoveryLog
        Where damaged titles are noted.
    """

    def __init__(self, store: Store, learnt: LearntSource, recovery: RecoveryLog) -> None:
        self._store, self._learnt, self._recovery = store, learnt, recovery

    def recommend(
        self, served: ServedIndex, facts: TitleFacts, read: Read, asked: Asked
    ) -> list[Recommendation]:
        """Recommend; see ``Catalog.recommend``."""
        learnt = self._learnt.current(facts)
        consumed = None if learnt is None else _consumed(learnt, read)
        first = first_scores(facts, read.taste, consumed)
        scores = _allowed_only(first, facts, read, asked.allowed)
        rows = self._pool(served, facts, read, scores, max(_LEAST_POOL, POOL_OF_K * asked.k))
        found = read_candidates(self._store, served.space, rows, self._recovery.leave_out_title)
        scored = evidence(
            found.titles,
            found.vectors,
            first[facts.places(found.rows)],
            read.taste,
            learnt=learnt is not None,
        )
        chosen = _chosen(found, scored, asked)
        explain = Explainer(read, learnt, scored, found) if asked.explain else None
        return [
            Recommendation(
                found.titles[place].id,
                float(scored.scores[place]),
                found.titles[place],
                None if explain is None else explain.reasons(place),
            )
            for place in chosen
        ]

    def _pool(
        self, served: ServedIndex, facts: TitleFacts, read: Read, scores: F32, most: int
    ) -> I64:
        """Return the rows to look at, ascending; titles that are not allowed score -inf."""
        allowed = scores > -np.inf
        count = int(allowed.sum())
        if count <= most:
            return facts.rows[allowed]
        pool = np.zeros(len(facts), bool)
        pool[_best(scores, most)] = True
        near = facts.places(self._near(served, read, facts.rows[allowed], len(facts)))
        pool[near[near >= 0]] = True
        return facts.rows[pool & allowed]

    def _near(self, served: ServedIndex, read: Read, allowed: I64, total: int) -> I64:
        """Return the rows of the nearest titles by text, some of them perhaps not allowed."""
        vectors = [like.vector for like in read.taste.likes if like.vector is not None]
        if served.index is None or not vectors:
            return np.empty(0, np.int64)
        some = np.stack(vectors[-_MOST_LIKES:])
        allow = Filter.of(allowed) if len(allowed) < _MOSTLY * total else None
        options = SearchOptions(served.index.settings, filter=allow)
        each = -(-_NEIGHBOURS // len(some))
        return served.index.search_with(some, each, options).keys.ravel()


def _consumed(learnt: Learnt, read: Read) -> F32:
    weights = np.asarray([like.weight for like in read.taste.likes], np.float32)
    return learnt.consumed(np.asarray(read.rows, np.int64), weights)


def _allowed_only(scores: F32, facts: TitleFacts, read: Read, allowed: Mask | None) -> F32:
    """Return the scores, -inf for titles that may not be recommended."""
    found = scores.copy() if allowed is None else np.where(allowed, scores, -np.inf)
    left_out = facts.places(read.left_out)
    found[left_out[left_out >= 0]] = -np.inf
    return found.astype(np.float32, copy=False)


def _best(scores: F32, count: int) -> I64:
    """Return the places of so many of the highest scores, fewer than there are.

    A sample says from where on they are: to compare all of a million takes 20 ms.
    """
    sample = scores[::_EVERY]
    least = min(2 * count // _EVERY + _SPARE, len(sample))
    some = np.flatnonzero(scores >= np.partition(sample, -least)[-least])
    if len(some) <= count:  # by bad luck, or all of the sample are few
        some = np.arange(len(scores))
    found: I64 = some[np.argpartition(-scores[some], count)[:count]]
    return found


def _chosen(found: Candidates, scored: Evidence, asked: Asked) -> list[int]:
    """Return places of candidates, in the order they are recommended."""
    order = np.lexsort((found.rows, -scored.scores))[: POOL_OF_K * asked.k]
    places = mmr(scored.scores[order], found.vectors[order], asked.k, asked.diversity)
    return [int(order[place]) for place in places]
