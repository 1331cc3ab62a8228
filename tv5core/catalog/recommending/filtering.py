"""Which titles a filter allows, by the columns of their documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.arguments import as_list
from tv5core.columns import Expression
from tv5core.query.documents import DocumentSegment, DocumentSnapshot
from tv5core.query.grammar import as_filter
from tv5core.recommend.facts import TitleFacts
from tv5core.recommend.profiles import Profile
from tv5core.store import Store, titles

__all__ = ["Titles"]

I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Titles:
    """All titles at one moment, and which of them filters are true of.

    Attributes
    ----------
    store : Store
    documents : DocumentSnapshot
    facts : TitleFacts
    """

    store: Store
    documents: DocumentSnapshot
    facts: TitleFacts

    def mask(self, where: object, allow: object) -> Mask | None:
        """Return bool[n]: which titles are allowed, as in the facts; None for all.

        Parameters
        ----------
        where : Expression, str or None
        allow : iterable of str or None
            Ids.

        Raises
        ------
        InvalidInputError
        """
        expression = None if where is None else as_filter(where, self.store.meta.extra_fields)
        ids = None if allow is None else as_list("allow", allow)
        mask = None if expression is None else self._matching(expression)
        if ids is None:
            return mask
        allowed = self._at(self._rows([name for name in ids if isinstance(name, str)]))
        return allowed if mask is None else allowed & mask

    def wanted(self, profile: Profile, allowed: Mask | None) -> Mask | None:
        """Restrict what is allowed to what a profile wants."""
        parts = [allowed, self.mask(profile.where or None, None)]
        if profile.genres:
            parts.append(self.facts.having_genre(*profile.genres))
        some = [part for part in parts if part is not None]
        return np.logical_and.reduce(some) if some else None

    def _matching(self, expression: Expression) -> Mask:
        rows = [self._matches(segment, expression) for segment in self.documents.segments]
        return self._at(np.concatenate(rows) if rows else np.empty(0, np.int64))

    def _matches(self, segment: DocumentSegment, expression: Expression) -> I64:
        matches = segment.columns.evaluate(expression, partial(self._documents, segment))
        found = bitmap.intersect(matches, segment.alive)
        rows: I64 = segment.keys[bitmap.rows(found, len(segment))]
        return rows

    def _documents(self, segment: DocumentSegment, ids: Sequence[str]) -> I64:
        found = segment.find(self._rows(ids))
        return found[found >= 0]

    def _rows(self, ids: Sequence[str]) -> I64:
        with self.store.read() as txn:
            found = [titles.find(txn, name) for name in ids]
        return np.asarray([row for row in found if row is not None], np.int64)

    def _at(self, rows: I64) -> Mask:
        mask = np.zeros(len(self.facts), bool)
        places = self.facts.places(rows)
        mask[places[places >= 0]] = True
        return mask
