"""The k best among the documents for which a condition holds: always k, or all there are.

What the catalogue's filters express is left to it. Of the rest, more answers are asked for and
looked at, and where too few of them are right, all documents are looked at once, and the search is
made among those that are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from tv5core.catalog import Catalog
from tv5core.columns import EVERYTHING, Expression
from tv5core.integrations.documents.conditions import Condition
from tv5core.integrations.documents.document import Document, Found, of_title
from tv5core.integrations.documents.pushdown import Bounds, bounds
from tv5core.types import Hit, Title

__all__ = ["Ask", "Selection"]

_PAGE = 1_000
_FIRST_LOOK, _LONGEST_LOOK = 4, 1_000
"""How many answers are looked at for each one wanted, and at most in all, before all documents."""

Ask = Callable[[int, Expression | None, Collection[str] | None], list[Hit]]
"""Returns the best k titles of those a filter and ids allow."""


@dataclass(frozen=True)
class Selection:
    """Documents of a catalogue that a condition holds for.

    Parameters
    ----------
    catalog : Catalog
    fields : mapping of str to str
        Types of the fields that are in columns.
    condition : Condition, optional
    ids : collection of str, optional
        Only these.
    """

    catalog: Catalog
    fields: Mapping[str, str]
    condition: Condition | None = None
    ids: Collection[str] | None = None

    @property
    def bounds(self) -> Bounds:
        """The catalogue's filters around the condition."""
        if self.condition is None:
            return Bounds(EVERYTHING, EVERYTHING)
        return bounds(self.condition, self.fields)

    def accepts(self, document: Document) -> bool:
        """Return whether the condition holds for a document."""
        return self.condition is None or self.condition.holds(document)

    # -- all of them --------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Document]:
        """Iterate over the documents; sees changes made meanwhile."""
        around = self.bounds
        for title in self._titles(around):
            document = of_title(title)
            if around.exact or self.accepts(document):
                yield document

    def _titles(self, around: Bounds) -> Iterator[Title]:
        if self.ids is not None:
            ids = list(dict.fromkeys(self.ids))
            if around.upper != EVERYTHING:
                allowed = self._allowed(around.upper, ids)
                ids = [name for name in ids if name in allowed]
            blocks = [ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE)]
            for block in blocks:
                yield from filter(None, self.catalog.get_many(block))
        elif around.upper == EVERYTHING:
            ids = []
            for name in self.catalog.ids():
                ids.append(name)
                if len(ids) == _PAGE:
                    yield from filter(None, self.catalog.get_many(ids))
                    ids = []
            yield from filter(None, self.catalog.get_many(ids))
        else:
            yield from self._pages(around.upper, None)

    def _allowed(self, where: Expression, ids: list[str]) -> set[str]:
        return {title.id for title in self._pages(where, ids)}

    def _pages(self, where: Expression, ids: list[str] | None) -> Iterator[Title]:
        cursor: str | None = None
        while cursor != "":
            found = self.catalog.search("", _PAGE, where=where, allow=ids, cursor=cursor)
            yield from (hit.title for hit in found)
            cursor = found.cursor

    def count(self) -> int:
        """Count the documents."""
        around = self.bounds
        if self.ids is None and around.exact:
            if around.upper == EVERYTHING:
                return self.catalog.count()
            return self.catalog.search("", 1, where=around.upper).total.count
        return sum(1 for _ in self)

    # -- the best of them ---------------------------------------------------------------------

    def best(self, ask: Ask, k: int) -> list[Found]:
        """Return the k best, or all where there are fewer, best first."""
        around = self.bounds
        where = None if around.upper == EVERYTHING else around.upper
        if around.exact:
            return _found(ask(k, where, self.ids))
        looked = min(max(k * _FIRST_LOOK, 32), max(k, _LONGEST_LOOK))
        while True:
            found = ask(looked, where, self.ids)
            right = [one for one in _found(found) if self.accepts(one.document)]
            if len(right) >= k or len(found) < looked:
                return right[:k]
            if looked >= _LONGEST_LOOK:
                break
            looked = min(looked * _FIRST_LOOK, _LONGEST_LOOK)
        ids = [document.id for document in self]
        return _found(ask(k, None, ids)) if ids else []


def _found(hits: list[Hit]) -> list[Found]:
    return [Found(of_title(hit.title), hit.score) for hit in hits]
