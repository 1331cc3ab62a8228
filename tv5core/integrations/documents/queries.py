"""One search of the catalogue: by a vector, or by words."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import numpy as np
import numpy.typing as npt

from tv5core.arguments import as_floats, check_text
from tv5core.catalog import Catalog
from tv5core.columns import Expression
from tv5core.errors import InvalidInputError
from tv5core.integrations.documents.selecting import Ask
from tv5core.types import Hit

__all__ = ["as_row", "by_vector", "by_words", "padded"]

F32 = npt.NDArray[np.float32]

_LEAST_DIM = 8
_MOST_WORDS = 64


def as_row(vector: npt.ArrayLike) -> F32:
    """Return a vector as float32[dim].

    Raises
    ------
    InvalidInputError
    """
    row = as_floats("a vector", vector)
    if row.ndim != 1 or not len(row):
        raise InvalidInputError(f"expected a vector, got shape {row.shape}")
    return row


def padded(row: F32) -> F32:
    """Widen a short vector by zeros, which change no cosine and no inner product."""
    return row if len(row) >= _LEAST_DIM else np.pad(row, (0, _LEAST_DIM - len(row)))


def by_vector(catalog: Catalog, row: F32) -> Ask:
    """Return a search for what is nearest."""
    return partial(_nearest, catalog, padded(row))


def by_words(catalog: Catalog, text: str) -> Ask | None:
    """Return a search for the words of a text; None where it has none.

    Marks that mean something in a catalogue's search, such as ``-`` and ``:``, mean nothing here.
    """
    plain = "".join(c if c.isalnum() or c in "'\u2019" else " " for c in check_text("text", text))
    words = list(dict.fromkeys(plain.lower().split()))[:_MOST_WORDS]
    return partial(_matching, catalog, " ".join(words)) if words else None


def _nearest(
    catalog: Catalog, row: F32, k: int, where: Expression | None, ids: Collection[str] | None
) -> list[Hit]:
    found = catalog.search(row, k, where=where, allow=ids)
    if len(found) < k:  # a walk may miss some of few
        found = catalog.search(row, k, where=where, allow=ids, exact=True)
    return list(found)


def _matching(
    catalog: Catalog, words: str, k: int, where: Expression | None, ids: Collection[str] | None
) -> list[Hit]:
    found = catalog.search(words, k, mode="keyword", where=where, allow=ids, understand=False)
    return list(found)
