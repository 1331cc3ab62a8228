"""The fitted model, which maps terms to vectors: immutable, saved to a file and mapped from it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.embedding.random_projection import FACT_WIDTH, SKETCH_WIDTH
from tv5core.errors import CorruptFileError
from tv5core.files import SealedFile, SectionFile, write_sections

__all__ = ["CONTENT_WIDTH", "TOPIC_WIDTH", "WIDTH", "LsaModel", "saturate"]

F32 = npt.NDArray[np.float32]
F16 = npt.NDArray[np.float16]

TOPIC_WIDTH = 256
CONTENT_WIDTH = TOPIC_WIDTH + SKETCH_WIDTH
WIDTH = CONTENT_WIDTH + FACT_WIDTH

KIND, VERSION = "LSA0", 1

_HALF_COUNT = 1.5


class _Meta(msgspec.Struct, frozen=True):
    fitted_on: int
    sampled: int
    pivot: float
    rare_idf: float


@dataclass(frozen=True, eq=False)
class LsaModel:
    """Result of fitting.

    Attributes
    ----------
    vocabulary : dict of str to int
        Row of each known term.
    idf : ndarray of float32, shape (terms,)
        Inverse document frequencies.
    components : ndarray of float16, shape (terms, 256)
        Right singular vectors; columns beyond the corpus's rank are zero.
    mixing : ndarray of float32, shape (256, 448)
        The sketch of each component, which is subtracted so that no term counts twice.
    fitted_on, sampled : int
        Titles given, and how many of them were used.
    pivot : float
        Length of a term vector above which titles count in full.
    rare_idf : float
        The idf of words that are not in the vocabulary.
    """

    vocabulary: dict[str, int]
    idf: F32
    components: F16
    mixing: F32
    fitted_on: int
    sampled: int
    pivot: float
    rare_idf: float

    # -- identity and storage -----------------------------------------------------------

    def fingerprint(self) -> str:
        """Return a digest of all that determines the vectors."""
        digest = blake2b(repr((KIND, VERSION, self.pivot, self.rare_idf)).encode(), digest_size=8)
        for array in self._sections().values():
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def _sections(self) -> dict[str, npt.NDArray[Any]]:
        terms = "\n".join(self.vocabulary).encode()
        return {
            "terms": np.frombuffer(terms, np.uint8),
            "idf": self.idf,
            "mixing": self.mixing,
            "components": self.components,
        }

    def save(self, path: str | os.PathLike[str]) -> SealedFile:
        """Write the model; see :func:`tv5core.files.write_sections`."""
        meta = _Meta(self.fitted_on, self.sampled, self.pivot, self.rare_idf)
        return write_sections(path, KIND, VERSION, msgspec.to_builtins(meta), self._sections())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LsaModel:
        """Map a saved model.

        Raises
        ------
        CorruptFileError
            The file is damaged or inconsistent.
        FormatVersionError
            A newer tv5core wrote it.
        """
        file = SectionFile.open(path, KIND, VERSION)
        meta = _read_meta(file)
        vocabulary = _read_vocabulary(file)
        terms = len(vocabulary)
        return cls(
            vocabulary,
            _read(file, "idf", "<f4", (terms,)),
            _read(file, "components", "<f2", (terms, TOPIC_WIDTH)),
            _read(file, "mixing", "<f4", (TOPIC_WIDTH, SKETCH_WIDTH)),
            meta.fitted_on,
            meta.sampled,
            meta.pivot,
            meta.rare_idf,
        )


def _read_meta(file: SectionFile) -> _Meta:
    try:
        meta = msgspec.convert(file.meta, _Meta)
    except msgspec.ValidationError as error:
        raise CorruptFileError(f"{file.path}: expected a model's numbers, got {error}") from error
    if not (math.isfinite(meta.pivot) and meta.pivot > 0 and math.isfinite(meta.rare_idf)):
        raise CorruptFileError(f"{file.path}: expected a positive pivot and finite idf, got {meta}")
    return meta


def _read_vocabulary(file: SectionFile) -> dict[str, int]:
    try:
        text = file.section("terms").tobytes().decode()
    except UnicodeDecodeError as error:
        raise CorruptFileError(f"{file.path}: expected terms in UTF-8, got {error}") from error
    terms = text.split("\n") if text else []
    vocabulary = {term: row for row, term in enumerate(terms)}
    if len(vocabulary) != len(terms):
        raise CorruptFileError(f"{file.path}: expected distinct terms, got duplicates")
    return vocabulary


def _read(file: SectionFile, name: str, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    array = file.section(name)
    if array.dtype != np.dtype(dtype) or array.shape != shape:
        raise CorruptFileError(
            f"{file.path}: expected {name} of {dtype} {shape}, got {array.dtype.str} {array.shape}"
        )
    return array


def saturate(weights: F32) -> F32:
    """Let a term's second mention count less than its first, as BM25 does."""
    return weights / (weights + np.float32(_HALF_COUNT))
