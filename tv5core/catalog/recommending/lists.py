"""Lists without a taste: what is trending."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice

import numpy as np
import numpy.typing as npt

from tv5core.arguments import check_real, check_type, shown
from tv5core.catalog.index.recovery_log import RecoveryLog
from tv5core.catalog.recommending.candidates import readable
from tv5core.catalog.recommending.filtering import Titles
from tv5core.columns import Expression
from tv5core.errors import InvalidInputError
from tv5core.recommend.facts import NO_DAY, TitleFacts
from tv5core.store import Store
from tv5core.types import Hit, Title

__all__ = ["Listed", "Lists", "trending_scores"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_LONGEST_DAYS = 1e6
_BLOCK = 100


@dataclass(frozen=True)
class Listed:
    """Which titles are listed, and how many; as ``Catalog.trending`` takes them."""

    titles: Titles
    genre: str | None
    where: Expression | str | None
    allow: Iterable[str] | None
    k: int


class Lists:
    """List titles of a catalogue.

    Parameters
    ----------
    store : Store
    recovery : RecoveryLog
        Where damaged titles are noted.
    """

    def __init__(self, store: Store, recovery: RecoveryLog) -> None:
        self._store, self._recovery = store, recovery

    def trending(self, listed: Listed, half_life_days: object, today: object) -> list[Hit]:
        """List what is popular now; see ``Catalog.trending``."""
        half_life = check_real("half_life_days", half_life_days, 0.1, _LONGEST_DAYS)
        day, facts = _day_of(today), listed.titles.facts
        scores = trending_scores(facts, day, half_life)
        places = self._places(listed)
        # Where nobody knows what is popular, what is newest comes first.
        newest = -facts.day[places].astype(np.int64)
        places = places[np.lexsort((places, newest, -scores[places]))]
        found = islice(self._read(facts.rows[places]), min(listed.k, len(places)))
        return [Hit(title.id, float(scores[places[number]]), title) for number, title in found]

    @staticmethod
    def _places(listed: Listed) -> I64:
        check_type("genre", listed.genre, (str, type(None)))
        facts, mask = listed.titles.facts, listed.titles.mask(listed.where, listed.allow)
        mask = np.ones(len(facts), bool) if mask is None else mask
        if listed.genre is not None:
            mask = mask & facts.having_genre(listed.genre)
        return np.flatnonzero(mask)

    def _read(self, rows: I64) -> Iterator[tuple[int, Title]]:
        """Yield titles with their numbers among the rows, leaving out those that are gone."""
        for start in range(0, len(rows), _BLOCK):
            some = rows[start : start + _BLOCK].tolist()
            with self._store.read() as txn:
                read = [readable(txn, row, self._recovery.leave_out_title) for row in some]
            for number, title in enumerate(read, start):
                if title is not None:
                    yield number, title


def trending_scores(facts: TitleFacts, today: int, half_life_days: float) -> F32:
    """Return float32[n]: popularity that halves with every half-life since the release.

    Parameters
    ----------
    facts : TitleFacts
    today : int
        Days since 1970-01-01.
    half_life_days : float

    Returns
    -------
    float32[n]
        0 for titles of which not even the year is known. What is still to come counts as new.
    """
    age = np.maximum(0.0, today - facts.day.astype(np.float64))
    decayed = np.maximum(0, facts.popularity) * np.exp2(-age / half_life_days)
    return np.where(facts.day == NO_DAY, 0, decayed).astype(np.float32)


def _day_of(day: object) -> int:
    """Return a date as days since 1970-01-01; None is today.

    Raises
    ------
    InvalidInputError
    """
    if day is None:
        day = date.today()  # noqa: DTZ011 - the day where the service is
    if not isinstance(day, date):
        raise InvalidInputError(f"expected a date, got {shown(day)}")
    return day.toordinal() - date(1970, 1, 1).toordinal()
