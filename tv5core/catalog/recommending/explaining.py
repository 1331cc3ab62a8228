"""Why a title is recommended."""

from __future__ import annotations

import numpy as np

from tv5core.catalog.recommending.candidates import Candidates
from tv5core.catalog.recommending.learning import Learnt
from tv5core.catalog.recommending.tastes import Read
from tv5core.recommend.evidence import Evidence
from tv5core.recommend.facts import genre_keys
from tv5core.recommend.results import Reasons
from tv5core.recommend.taste import people_of

__all__ = ["Explainer"]

_MOST = 5


class Explainer:
    """Give reasons for candidates.

    Parameters
    ----------
    read : Read
    learnt : Learnt or None
    scored : Evidence
    found : Candidates
    """

    def __init__(
        self, read: Read, learnt: Learnt | None, scored: Evidence, found: Candidates
    ) -> None:
        self._taste, self._learnt = read.taste, learnt
        self._scored, self._found = scored, found
        self._rows = np.asarray(read.rows, np.int64)

    def reasons(self, place: int) -> Reasons:
        """Return why a candidate is recommended."""
        title, taste = self._found.titles[place], self._taste
        nearest = int(self._scored.nearest[place])
        like = taste.likes[nearest] if nearest >= 0 else None
        with_, strength = self._consumed_with(place)
        return Reasons(
            like="" if like is None or like.title is None else like.title.id,
            similarity=0.0 if like is None else float(self._scored.cosines[place] / like.weight),
            genres=tuple(g for g in title.genres if taste.genres.cosine(genre_keys((g,))) > 0),
            people=taste.people.shared(people_of(title), _MOST),
            keywords=taste.keywords.shared(title.keywords, _MOST),
            consumed_with=with_,
            co_consumption=strength,
            parts={name: float(part[place]) for name, part in self._scored.parts.items()},
        )

    def _consumed_with(self, place: int) -> tuple[str, float]:
        """Return the like that is consumed most with a candidate, and how strongly all are."""
        if self._learnt is None or not len(self._rows):
            return "", 0.0
        likes = self._taste.likes
        each = self._learnt.between(int(self._found.rows[place]), self._rows)
        each = each * np.asarray([like.weight for like in likes], np.float32)
        best = int(np.argmax(each))
        title = likes[best].title
        return "" if title is None or each[best] <= 0 else title.id, float(each.sum())
