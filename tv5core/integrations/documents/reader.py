"""The reading side of a store of documents: looking up, counting, searching."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from tv5core.arguments import as_texts, check_int, check_real, check_type
from tv5core.catalog import Catalog
from tv5core.errors import DimensionError, InvalidInputError
from tv5core.integrations.documents import queries
from tv5core.integrations.documents.conditions import Condition
from tv5core.integrations.documents.document import Document, Found, of_title
from tv5core.integrations.documents.ranking import diverse, fused
from tv5core.integrations.documents.selecting import Selection
from tv5core.integrations.documents.state import State, read_state

__all__ = ["DocumentReader"]

F32 = npt.NDArray[np.float32]

_MOST = 10_000
_POOL = 50
"""How many candidates either side of a hybrid search gives, at least."""


class DocumentReader:
    """What ``DocumentStore`` offers to those who only read."""

    @property
    def catalog(self) -> Catalog:
        """The catalogue the documents are in, to verify, back up or seal.

        Raises
        ------
        ClosedError
        """
        raise NotImplementedError

    @property
    def fields(self) -> dict[str, str]:
        """Types of the fields that are in columns."""
        return dict(self._state().fields)

    @property
    def dim(self) -> int:
        """Width of the vectors; 0 before the first."""
        return self._state().dim

    @property
    def metric(self) -> str:
        """``cosine`` or ``ip``."""
        return str(self.catalog.info()["metric"])

    def _state(self) -> State:
        return read_state(self.catalog) or State()

    # -- looking up ---------------------------------------------------------------------------

    def get(self, ids: Iterable[str], *, vectors: bool = False) -> list[Document | None]:
        """Return documents by id, None for those that are not there.

        Parameters
        ----------
        ids : iterable of str
        vectors : bool
            With their vectors.
        """
        names = as_texts("ids", ids)
        found = self.catalog.get_many(names)
        rows = self._vectors(names) if vectors else [None] * len(names)
        return [None if t is None else of_title(t, v) for t, v in zip(found, rows, strict=True)]

    def documents(
        self,
        condition: Condition | None = None,
        *,
        ids: Collection[str] | None = None,
        vectors: bool = False,
    ) -> Iterator[Document]:
        """Iterate over the documents that a condition holds for; sees changes made meanwhile."""
        found = iter(self._selection(condition, ids))
        if not vectors:
            yield from found
            return
        for one in found:
            yield Document(one.id, one.text, one.metadata, one.data, self._vectors([one.id])[0])

    def count(self, condition: Condition | None = None) -> int:
        """Count the documents that a condition holds for."""
        return self._selection(condition).count()

    def __len__(self) -> int:
        return self.catalog.count()

    def __contains__(self, id: object) -> bool:
        return id in self.catalog

    def _vectors(self, ids: list[str]) -> list[F32 | None]:
        dim = self._state().dim
        return [None if row is None else row[:dim] for row in self.catalog.get_vectors(ids)]

    # -- searching ----------------------------------------------------------------------------

    def search(
        self,
        *,
        vector: npt.ArrayLike | None = None,
        text: str | None = None,
        k: int = 10,
        condition: Condition | None = None,
        ids: Collection[str] | None = None,
        alpha: float = 0.5,
    ) -> list[Found]:
        """Find the best documents by a vector, by words, or by both.

        By a vector there are always k, or as many as have one and the condition holds for. By words
        there are those that have one of them.

        Parameters
        ----------
        vector : array_like [dim], optional
        text : str, optional
            Searched for by its first 64 words; marks in it mean nothing.
        k : int
            1 to 10,000.
        condition : Condition, optional
        ids : collection of str, optional
            Only these.
        alpha : float
            Weight of the vector where both are given; the words have the rest.

        Raises
        ------
        InvalidInputError
            Neither is given, among others.
        DimensionError, NonFiniteVectorError, ZeroVectorError
        """
        k, alpha = check_int("k", k, 1, _MOST), check_real("alpha", alpha, 0.0, 1.0)
        chosen = self._selection(condition, ids)
        if vector is not None and text is not None:
            pool = max(k, _POOL)
            dense = self._by_vector(vector, pool, chosen)
            return fused(dense, self._by_words(text, pool, chosen), alpha)[:k]
        if vector is not None:
            return self._by_vector(vector, k, chosen)
        if text is None:
            raise InvalidInputError("expected a vector or a text to search for, got neither")
        return self._by_words(text, k, chosen)

    def search_diverse(
        self,
        vector: npt.ArrayLike,
        *,
        k: int = 4,
        pool: int = 20,
        lambda_mult: float = 0.5,
        condition: Condition | None = None,
        ids: Collection[str] | None = None,
    ) -> list[Found]:
        """Find documents near a vector that are unlike each other; see :func:`diverse`.

        Parameters
        ----------
        vector : array_like [dim]
        k, pool : int
            How many to choose, out of how many.
        lambda_mult : float
        condition, ids
            As for :meth:`search`.
        """
        k, pool = check_int("k", k, 1, _MOST), check_int("pool", pool, 1, _MOST)
        found = self.search(vector=vector, k=max(k, pool), condition=condition, ids=ids)
        rows = self._vectors([one.document.id for one in found])
        pairs = [(one, row) for one, row in zip(found, rows, strict=True) if row is not None]
        order = diverse(vector, [row for _, row in pairs], k, lambda_mult)
        return [pairs[place][0] for place in order]

    def _selection(
        self, condition: Condition | None, ids: Collection[str] | None = None
    ) -> Selection:
        check_type("condition", condition, (Condition, type(None)))
        names = None if ids is None else as_texts("ids", ids)
        return Selection(self.catalog, self._state().fields, condition, names)

    def _by_vector(self, vector: npt.ArrayLike, k: int, chosen: Selection) -> list[Found]:
        row, dim = queries.as_row(vector), self._state().dim
        if dim and len(row) != dim:
            raise DimensionError(f"expected a vector of {dim} dimensions, got {len(row)}")
        return chosen.best(queries.by_vector(self.catalog, row), k)

    def _by_words(self, text: str, k: int, chosen: Selection) -> list[Found]:
        ask = queries.by_words(self.catalog, text)
        return [] if ask is None else chosen.best(ask, k)
