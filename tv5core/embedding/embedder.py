"""Embedders: what turns titles and queries into vectors of one space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from tv5core.arguments import as_floats, shown
from tv5core.embedding.documents import document
from tv5core.embedding.lsa import LsaEmbedder
from tv5core.errors import DimensionError, InvalidInputError, NonFiniteVectorError
from tv5core.types import Title

__all__ = [
    "CallableEmbedder",
    "Embedder",
    "EncodeFunction",
    "checked_embedding",
    "resolve_embedder",
    "unit_rows",
]

F32 = npt.NDArray[np.float32]
EncodeFunction: TypeAlias = Callable[[list[str]], npt.ArrayLike]


@runtime_checkable
class Embedder(Protocol):
    """What a catalogue needs of an embedder.

    Attributes
    ----------
    fingerprint : str
        Names the vector space: equal, in any process, only where vectors may be compared.
    dim : int or None
        Width of the vectors; None while it is not known.
    """

    @property
    def fingerprint(self) -> str:
        """Name of the vector space."""
        ...

    @property
    def dim(self) -> int | None:
        """Width of the vectors; None while it is not known."""
        ...

    def embed_titles(self, titles: Sequence[Title]) -> F32:
        """Embed titles: float32, shape (n, dim); a zero row where there is no vector."""
        ...

    def embed_queries(self, texts: Sequence[str]) -> F32:
        """Embed queries: float32, shape (n, dim); a zero row where there is no vector."""
        ...


class CallableEmbedder:
    """Any function from texts to vectors, checked and scaled to unit rows.

    Parameters
    ----------
    fn : callable
        From a list of n texts to n rows of equal width: an array or nested lists.
    name : str, optional
        Name of the vector space; by default the function's. Give one where the function
        is a lambda or a method: ``<lambda>`` does not distinguish models.
    query_fn : callable, optional
        For queries, where the model wants another prefix for them than for documents.
    text_of : callable, optional
        From a title to the text that is embedded.
    """

    def __init__(
        self,
        fn: EncodeFunction,
        name: str | None = None,
        *,
        query_fn: EncodeFunction | None = None,
        text_of: Callable[[Title], str] = document,
    ) -> None:
        if not callable(fn) or not (query_fn is None or callable(query_fn)):
            raise InvalidInputError(f"expected a function from texts to vectors, got {fn!r}")
        self._fn, self._query_fn, self._text_of = fn, query_fn or fn, text_of
        self._fingerprint = f"callable:{name or _name(fn)}"
        self._dim: int | None = None

    @property
    def fingerprint(self) -> str:
        """``callable:`` and the name."""
        return self._fingerprint

    @property
    def dim(self) -> int | None:
        """Width of the vectors; None before the first call."""
        return self._dim

    def embed_titles(self, titles: Sequence[Title]) -> F32:
        """Embed the titles' documents: float32, shape (n, dim), unit or zero rows.

        Raises
        ------
        InvalidInputError
            The function's result is not one row of numbers a text.
        DimensionError
            Its width is not that of earlier calls.
        NonFiniteVectorError
            It has NaN or infinity.
        """
        return self._embed(self._fn, [self._text_of(title) for title in titles])

    def embed_queries(self, texts: Sequence[str]) -> F32:
        """Embed queries; as :meth:`embed_titles`."""
        return self._embed(self._query_fn, list(texts))

    def _embed(self, fn: EncodeFunction, texts: list[str]) -> F32:
        if not texts:
            return np.zeros((0, self._dim or 0), np.float32)
        rows = _checked(fn(texts), len(texts), self._fingerprint)
        if self._dim not in (None, rows.shape[1]):
            raise DimensionError(
                f"{self._fingerprint}: expected {self._dim} dimensions as before, "
                f"got {rows.shape[1]}"
            )
        self._dim = rows.shape[1]
        return unit_rows(rows)


def _name(fn: object) -> str:
    owner = fn if hasattr(fn, "__qualname__") else type(fn)
    return f"{owner.__module__}.{getattr(owner, '__qualname__', '')}"


def _checked(result: npt.ArrayLike, count: int, name: str) -> F32:
    rows = as_floats(f"rows of numbers of {name}", result)
    if rows.ndim != 2 or len(rows) != count or not rows.shape[1]:
        raise InvalidInputError(
            f"{name}: expected an array of shape ({count}, dim), got {rows.shape}"
        )
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise NonFiniteVectorError(
            f"{name}: expected finite values, got NaN or infinity in row {bad[0]}"
        )
    return rows


def unit_rows(rows: F32) -> F32:
    """Scale rows to unit length; zero rows stay zero."""
    # In float64: the squares of large float32 values overflow, those of small ones vanish.
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    scaled: F32 = (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return scaled


def checked_embedding(vectors: npt.ArrayLike, count: int, dim: int) -> F32:
    """Validate an embedder's vectors, which are about to be stored.

    Raises
    ------
    DimensionError, NonFiniteVectorError
    """
    made = np.ascontiguousarray(vectors, np.float32)
    if made.ndim != 2 or len(made) != count or (dim and made.shape[1] != dim):
        raise DimensionError(
            f"expected an embedding of shape ({count}, {dim or 'any'}), got {made.shape}"
        )
    if not np.isfinite(made).all():
        raise NonFiniteVectorError("expected finite values from the embedder, got NaN or inf")
    return made


def resolve_embedder(spec: str | Embedder | EncodeFunction | None) -> Embedder | None:
    """Return the embedder that a user asks for.

    Parameters
    ----------
    spec : "lsa", Embedder, callable or None
        None means that vectors are given ready-made.

    Returns
    -------
    Embedder or None
        A new, unfitted :class:`LsaEmbedder` for ``"lsa"``.

    Raises
    ------
    InvalidInputError
        It is none of these.
    """
    if spec is None:
        return None
    if isinstance(spec, str) and spec == "lsa":
        return LsaEmbedder()
    if isinstance(spec, Embedder) and not isinstance(spec, type):
        return spec
    if callable(spec) and not isinstance(spec, type):
        return CallableEmbedder(spec)
    raise InvalidInputError(f"expected 'lsa', an Embedder, a callable or None, got {shown(spec)}")
