"""CoConsumption: vectors of titles by who consumed them, near where the same users did.

The matrix of users and titles is factorised (truncated SVD), and each direction is weighted by how
far regularised least squares would trust it. So the inner product of two titles' vectors is the
weight that ridge regression gives one for predicting the other, as EASE does without its ban of
the diagonal (Steck: Embarrassingly shallow autoencoders for sparse data. WWW 2019), and a whole
catalogue is scored by one product of a matrix and a vector.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.errors import CorruptFileError
from tv5core.files import SealedFile, SectionFile, write_sections
from tv5core.recommend.interactions import Interactions
from tv5core.truncated_svd import truncated_svd

__all__ = ["KIND", "RANK", "REGULARIZATION", "VERSION", "CoConsumption"]

F16 = npt.NDArray[np.float16]
F32 = npt.NDArray[np.float32]

KIND, VERSION = "COCO", 1

RANK = 384
"""Directions kept. Hit rate@10 on MovieLens' validation split: .128 with 64, .137 with 128, .138
with 256, .148 with 384, .145 with all 610."""
REGULARIZATION = 100.0
"""Squared singular value that is trusted half. Hit rate: .135 with 30, .141 with 100, .130 with
300."""
_ITERATIONS = 7


class _Meta(msgspec.Struct, frozen=True):
    users: int
    interactions: int


@dataclass(frozen=True, eq=False)
class CoConsumption:
    """What was learnt: immutable, saved to a file and mapped from it.

    Attributes
    ----------
    ids : tuple of str
        The titles.
    vectors : ndarray of float16, shape (titles, rank)
    users, interactions : int
        What it was learnt from.
    """

    ids: tuple[str, ...]
    vectors: F16
    users: int
    interactions: int

    @classmethod
    def fit(
        cls, interactions: Interactions, rank: int = RANK, regularization: float = REGULARIZATION
    ) -> CoConsumption:
        """Learn from interactions; the same ones in the same order give the same vectors.

        Parameters
        ----------
        interactions : Interactions
        rank : int
            Fewer where there are fewer users or titles.
        regularization : float
        """
        matrix = interactions.matrix()
        width = min(rank, *matrix.shape)
        lengths, directions = truncated_svd(matrix, width, seed=0, iterations=_ITERATIONS)
        squared = lengths.astype(np.float64) ** 2
        trust = np.sqrt(squared / (squared + regularization))
        vectors = (directions * trust[:, None]).T
        return cls(
            tuple(interactions.ids),
            np.ascontiguousarray(vectors, np.float16),
            interactions.users,
            int(matrix.nnz),
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def rank(self) -> int:
        """Width of the vectors."""
        return int(self.vectors.shape[1])

    def save(self, path: str | os.PathLike[str]) -> SealedFile:
        """Write the file; see :func:`tv5core.files.write_sections`."""
        ids = np.frombuffer("\n".join(self.ids).encode(), np.uint8)
        meta = msgspec.to_builtins(_Meta(self.users, self.interactions))
        return write_sections(path, KIND, VERSION, meta, {"ids": ids, "vectors": self.vectors})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CoConsumption:
        """Map a saved file.

        Raises
        ------
        CorruptFileError
            It is damaged or contradicts itself.
        FormatVersionError
            A newer tv5core wrote it.
        """
        file = SectionFile.open(path, KIND, VERSION)
        try:
            meta = msgspec.convert(file.meta, _Meta)
            ids = tuple(file.section("ids").tobytes().decode().split("\n"))
        except (msgspec.ValidationError, UnicodeDecodeError) as error:
            raise CorruptFileError(f"{path}: expected learnt vectors, got {error}") from error
        vectors = file.section("vectors")
        if vectors.dtype != np.float16 or vectors.ndim != 2 or len(vectors) != len(ids):
            raise CorruptFileError(
                f"{path}: expected float16 vectors of {len(ids)} titles, got "
                f"{vectors.dtype} {vectors.shape}"
            )
        if len(set(ids)) != len(ids) or not np.isfinite(vectors).all():
            raise CorruptFileError(f"{path}: expected finite vectors of distinct titles")
        return cls(ids, vectors, meta.users, meta.interactions)

    def scores(self, places: npt.NDArray[np.integer], weights: F32) -> F32:
        """Return float32[titles]: how strongly each is consumed by those who consume some.

        Parameters
        ----------
        places : int[m]
            Of the titles consumed.
        weights : float32[m]
        """
        taste = weights @ self.vectors[places].astype(np.float32)
        found = np.empty(len(self), np.float32)
        for start in range(0, len(self), _BLOCK):
            block = self.vectors[start : start + _BLOCK].astype(np.float32)
            found[start : start + _BLOCK] = block @ taste
        return found


_BLOCK = 4_096
"""Titles that are float32 at once; NumPy multiplies no float16 fast."""
