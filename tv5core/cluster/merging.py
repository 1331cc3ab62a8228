"""One answer of those of shards: candidates put together, chosen and weighed as one catalogue does.

Everything here is a function of messages. What a single catalogue decides by all its documents
(which neighbours are the nearest, which stand out, what covers a name best) is decided here, by the
same code, of the candidates of all shards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.cluster.messages import Asked, Listed, Matched, Weighed
from tv5core.query.evidence import Candidates
from tv5core.query.execution import compared, matching, narrowed
from tv5core.query.paging import Ranking, highest
from tv5core.query.ranking import Priors
from tv5core.query.request import Sort
from tv5core.query.search import Search
from tv5core.query.second import by_key

__all__ = ["Chosen", "chosen_of", "listed", "narrowing", "sorted_matches"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_FEW_WORDS = 4


def narrowing(search: Search, found: Sequence[Weighed]) -> tuple[bool, float | None]:
    """Decide whether titles that share words are compared by meaning alone, and from what score."""
    wanted, total = max(search.pool, search.k), sum(one.found for one in found)
    beside_name, allowed = any(one.named for one in found), sum(one.allowed for one in found)
    most = compared(wanted, beside_name=beside_name)
    if not narrowed(search, total, most, allowed, beside_name=beside_name):
        return False, None
    if total <= most:
        return True, None
    sums = np.concatenate([one.sums for one in found])
    return True, float(np.partition(sums, -most)[-most])


@dataclass(frozen=True, eq=False)
class Chosen:
    """The matches of all shards.

    Attributes
    ----------
    candidates : Candidates
        Those that may come first, the shard in place of a segment.
    priors : Priors
    values : float64[n]
        What an order other than relevance descends by.
    count : int
    complete : bool
    near : int64[m]
        Rows of matches that are none by words.
    by_words : bool
        Whether those that match by words are matches, too.
    """

    candidates: Candidates
    priors: Priors
    values: F64
    count: int
    complete: bool
    near: I64
    by_words: bool


def chosen_of(search: Search, asked: Asked, found: Sequence[Matched], *, narrow: bool) -> Chosen:
    """Choose the matches among the candidates of all shards."""
    keys, cosine = _nearest(asked, found, narrow)
    some, by_words = _candidates(found), _joined(found, "matches")
    values = _values(asked, found)
    some = replace(some, cosine=by_key(some.keys, keys, cosine))
    kept = np.flatnonzero(by_words | np.isfinite(some.cosine))
    chosen = matching(search, some.take(kept))
    if chosen is not None:
        if _means_nothing(search, found):
            chosen = np.zeros(len(kept), bool)
        kept = kept[chosen]
    nothing = chosen is not None and not chosen.any()
    extra = kept[~by_words[kept]]
    count = len(extra) + (0 if nothing or chosen is None else sum(one.by_words for one in found))
    priors = Priors(*(_joined(found, name)[kept] for name in ("votes", "year", "readings")))
    return Chosen(
        some.take(kept),
        priors,
        values[kept] if len(values) else values,
        count,
        _is_complete(search, asked, found, len(keys), narrow),
        some.keys[extra],
        not nothing and chosen is not None,
    )


def _joined(found: Sequence[Matched], name: str) -> npt.NDArray[Any]:
    parts: npt.NDArray[Any] = np.concatenate([getattr(one, name) for one in found], axis=-1)
    return parts


def _candidates(found: Sequence[Matched]) -> Candidates:
    sizes = [len(one.keys) for one in found]
    nothing = np.full(sum(sizes), np.nan, np.float32)
    return Candidates(
        np.repeat(np.arange(len(found), dtype=np.int32), sizes),
        np.concatenate([np.arange(size, dtype=np.int64) for size in sizes]),
        _joined(found, "keys"),
        _joined(found, "scores"),
        _joined(found, "words"),
        _joined(found, "title_match"),
        _joined(found, "title_length"),
        nothing,
        nothing,
    )


def _wanted(asked: Asked, found: Sequence[Matched]) -> int:
    return min(max(asked.pool, asked.k), max(sum(one.allowed for one in found), 1))


def _nearest(
    asked: Asked, found: Sequence[Matched], narrow: bool
) -> tuple[I64, npt.NDArray[np.float32]]:
    """Return the neighbours nearest of all shards."""
    keys, cosine = _joined(found, "near_keys"), _joined(found, "near_cosine")
    wanted = max(asked.pool, asked.k) if narrow else _wanted(asked, found)
    some = highest(cosine, keys, wanted)
    return keys[some], cosine[some]


def _is_complete(
    search: Search, asked: Asked, found: Sequence[Matched], near: int, narrow: bool
) -> bool:
    """Tell whether there are no more matches than these."""
    if search.nearest is None:
        return True
    allowed, wanted = sum(one.allowed for one in found), _wanted(asked, found)
    everything = near < wanted or wanted >= allowed or any(one.gone for one in found)
    return everything and not narrow


def _means_nothing(search: Search, found: Sequence[Matched]) -> bool:
    """Tell whether a few words have nothing to do with each other, as a catalogue does."""
    words = search.words
    if words is None or len(words.query.words) > _FEW_WORDS:
        return False
    return not any(one.by_words or one.elsewhere for one in found)


# -- other orders than relevance ----------------------------------------------------------


def _values(asked: Asked, found: Sequence[Matched] | Sequence[Listed]) -> F64:
    sort = Sort.of(asked.sort)
    if sort.by == "title":
        return _alphabet([text for one in found for text in one.texts], sort)
    return np.concatenate([one.values for one in found])


def _alphabet(texts: list[str], sort: Sort) -> F64:
    """Return values that descend as titles do in the order asked for; no title comes last."""
    if not texts:
        return np.empty(0)
    encoded = np.array([text.encode() for text in texts], object)
    _, places = np.unique(encoded, return_inverse=True)
    values = places.astype(np.float64) * (1 if sort.descending else -1)
    values[[not text for text in texts]] = -np.inf
    return values


def sorted_matches(chosen: Chosen, first: int | None) -> Ranking:
    """Order matches of a text by something else than relevance."""
    keys, values = chosen.candidates.keys, chosen.values
    return Ranking.listed(keys, values, np.ones(len(keys), np.float32), chosen.count, first)


def listed(asked: Asked, found: Sequence[Listed]) -> Ranking:
    """Order what filters leave."""
    keys, values = np.concatenate([one.keys for one in found]), _values(asked, found)
    by_votes = Sort.of(asked.sort).by == "relevance"
    scores = values.astype(np.float32) if by_votes else np.ones(len(values), np.float32)
    return Ranking.listed(keys, values, scores, sum(one.count for one in found), asked.first)
