"""Likes, dislikes and profiles as they are given: validated, and read from the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.arguments import as_list, shown
from tv5core.catalog.index.manager import ServedIndex
from tv5core.catalog.spaces.text_embedding import TextEmbedding
from tv5core.errors import DimensionError, InvalidInputError, UnknownIdError
from tv5core.recommend.profiles import Profile
from tv5core.recommend.taste import Liked, Taste, faded
from tv5core.store import Store, embeddings, titles
from tv5core.store.transaction import Txn
from tv5core.vectors import check_vectors

__all__ = ["Read", "TasteReader"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Read:
    """A taste as the catalogue knows it.

    Attributes
    ----------
    taste : Taste
    rows : tuple of int
        Of the likes, -1 for vectors; as ``taste.likes``.
    left_out : int64[n]
        Rows that are not recommended: likes, dislikes and what was seen.
    """

    taste: Taste
    rows: tuple[int, ...]
    left_out: I64


class TasteReader:
    """Make tastes of ids and vectors.

    Parameters
    ----------
    store : Store
    text : TextEmbedding
    """

    def __init__(self, store: Store, text: TextEmbedding) -> None:
        self._store, self._text = store, text

    def read(
        self,
        served: ServedIndex,
        like: object,
        dislike: object,
        seen: object,
        profile: Profile | None,
    ) -> Read:
        """Read a taste; see ``Catalog.recommend`` for what may be given.

        Raises
        ------
        InvalidInputError, UnknownIdError, DimensionError, NonFiniteVectorError, ZeroVectorError
        """
        profile = profile or Profile()
        liked = _several("like", like)
        own, texts = list(profile.like), self._of_text(served, profile.text)
        if not (liked or own or texts or profile.genres):
            raise InvalidInputError("expected something in like, or a profile, got neither")
        with self._store.read() as txn:
            reading = _Reading(txn, served.space, self._store.meta.dim)
            likes = [*reading.known(own), *texts, *reading.all("like", liked)]
            dislikes = [
                *reading.known(profile.dislike),
                *reading.all("dislike", _several("dislike", dislike)),
            ]
            seen_rows = reading.rows(_texts("seen", seen))
        weights = faded(len(likes))
        taste = Taste(
            [Liked(one.title, one.vector, w) for (_, one), w in zip(likes, weights, strict=True)],
            [one for _, one in dislikes],
            profile.genres,
        )
        rows = tuple(row for row, _ in likes)
        left_out = [*rows, *(row for row, _ in dislikes), *seen_rows]
        return Read(taste, rows, np.unique(np.asarray(left_out, np.int64)))

    def _of_text(self, served: ServedIndex, text: str) -> list[tuple[int, Liked]]:
        if not text.strip():
            return []
        vector = unit(self._text.embed_queries(served, [text])[0])
        return [(-1, Liked(None, vector))] if vector is not None else []


class _Reading:
    """Look up, in one transaction, what was given."""

    def __init__(self, txn: Txn, space: int, dim: int) -> None:
        self._txn, self._space, self._dim = txn, space, dim

    def all(self, what: str, given: Sequence[Any]) -> list[tuple[int, Liked]]:
        """Read ids and vectors, each of which must be known."""
        return [self._one(what, one) for one in given]

    def known(self, ids: Sequence[str]) -> list[tuple[int, Liked]]:
        """Read the ids that the catalogue has."""
        return [self._title(row) for row in self.rows(ids)]

    def rows(self, ids: Sequence[str]) -> list[int]:
        """Return the rows of the ids that the catalogue has."""
        return [row for name in ids if (row := self._row(name)) is not None]

    def _one(self, what: str, given: Any) -> tuple[int, Liked]:
        if not isinstance(given, str):
            return -1, Liked(None, self._vector(what, given))
        row = self._row(given)
        if row is None:
            raise UnknownIdError(f"expected known ids in {what}, got {given!r}")
        return self._title(row)

    def _row(self, name: str) -> int | None:
        row = titles.find(self._txn, name)
        if row is None and (rows := titles.find_alias(self._txn, name)):
            return rows[0]
        return row

    def _title(self, row: int) -> tuple[int, Liked]:
        vector = embeddings.get(self._txn, self._space, row, self._dim) if self._dim else None
        return row, Liked(titles.readable(self._txn, row), None if vector is None else unit(vector))

    def _vector(self, what: str, given: Any) -> F32 | None:
        try:
            array = np.asarray(given)
        except ValueError as error:
            raise InvalidInputError(f"expected an id or a vector in {what}, got {error}") from error
        if array.ndim != 1 or array.dtype.kind not in "fiu":
            raise InvalidInputError(f"expected an id or a vector in {what}, got {shown(given)}")
        if self._dim and len(array) != self._dim:
            raise DimensionError(f"expected vectors of {self._dim} in {what}, got {len(array)}")
        return unit(check_vectors(array[None])[0])


def unit(vector: npt.NDArray[Any]) -> F32 | None:
    """Return a vector of unit length; None for one of zeros."""
    length = float(np.linalg.norm(vector.astype(np.float64)))
    return (vector / length).astype(np.float32) if length > 0 else None


def _several(name: str, given: object) -> list[Any]:
    """Return what was liked as a list; a single id or vector is one, too."""
    if given is None:
        return []
    if isinstance(given, str):
        return [given]
    if isinstance(given, np.ndarray) and given.ndim == 1 and given.dtype.kind in "fiu":
        return [given]
    return as_list(name, given)


def _texts(name: str, given: object) -> list[str]:
    listed = [given] if isinstance(given, str) else [] if given is None else as_list(name, given)
    for one in listed:
        if not isinstance(one, str):
            raise InvalidInputError(f"expected ids in {name}, got {shown(one)}")
    return listed
