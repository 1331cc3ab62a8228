"""Fitting: an even sample, its vocabulary, and a truncated SVD of its term vectors."""

from __future__ import annotations

import heapq
import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse  # noqa: F401 - see _decompose

from tv5core.embedding.blas_threads import one_blas_thread
from tv5core.embedding.documents import Pieces, pieces, title_terms
from tv5core.embedding.lsa_model import TOPIC_WIDTH, LsaModel, saturate
from tv5core.embedding.random_projection import SKETCH_WIDTH, sketch_table
from tv5core.errors import FittingError
from tv5core.truncated_svd import truncated_svd
from tv5core.types import Progress, Title

__all__ = ["even_sample", "fit_model"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_PIVOT = 1.4  # in root mean squares of the lengths; 1.2 to 1.5 are as good, 0 is far worse
_OVERSAMPLES = 20
_ITERATIONS = 2
_NEGLIGIBLE = 1e-5
_UNIT_TOLERANCE = 1e-2
_REPORT_EVERY = 2
"""Titles; in the background, others get the GIL in between."""
_WAYS = ((np.float32, "gesdd"), (np.float64, "gesvd"))
"""Precision and LAPACK driver of the decomposition, in the order they are tried."""


def even_sample(titles: Iterable[Title], size: int, seed: int) -> tuple[list[Pieces], int]:
    """Keep the titles whose seeded hash of the id is smallest, in one pass.

    Unlike a reservoir, the choice does not depend on the order of the titles.

    Returns
    -------
    sample : list of Pieces
        In the order of the hashes.
    total : int
        How many titles there were.
    """
    tie = count()
    heap: list[tuple[int, int, Pieces]] = []
    total = 0
    for title in titles:
        total += 1
        rank = -_hash(title.id, seed)
        if len(heap) < size:
            heapq.heappush(heap, (rank, next(tie), pieces(title)))
        elif rank > heap[0][0]:
            heapq.heapreplace(heap, (rank, next(tie), pieces(title)))
    heap.sort(key=lambda entry: -entry[0])
    return [texts for _, _, texts in heap], total


def _hash(id_: str, seed: int) -> int:
    key = seed.to_bytes(8, "little", signed=True)
    return int.from_bytes(
        blake2b(id_.encode(errors="surrogatepass"), digest_size=8, key=key).digest(), "little"
    )


@dataclass(frozen=True, eq=False)
class _Counts:
    """All terms of the sample: entry i says title ``rows[i]`` has ``terms[columns[i]]``."""

    terms: list[str]
    rows: I64
    columns: I64
    weights: F32
    titles: int

    def frequencies(self) -> I64:
        return np.bincount(self.columns, minlength=len(self.terms))


def fit_model(
    sample: Sequence[Pieces],
    fitted_on: int,
    cap: int,
    seed: int,
    progress: Progress | None = None,
) -> LsaModel:
    """Fit a model on sampled titles, with at most ``cap`` terms."""
    counts = _count(sample, progress)
    chosen = _choose(counts, cap)
    idf = _idf(counts.frequencies(), counts.titles)
    rare_idf = _idf(np.zeros(1, np.int64), counts.titles)[0]
    values = saturate(counts.weights) * _idf_by_column(counts, chosen, idf, rare_idf)
    lengths = np.sqrt(np.bincount(counts.rows, values**2, counts.titles))
    pivot = float(_PIVOT * math.sqrt(np.mean(lengths**2))) or 1.0
    # Above the pivot unit length, below it less: see LsaEmbedder.
    scale = 1 / np.maximum(np.maximum(lengths, pivot), 1e-12)
    values = (values * scale[counts.rows]).astype(np.float32)
    components = _components(_matrix(counts, chosen, values), seed)
    names = [counts.terms[column] for column in chosen.tolist()]
    return LsaModel(
        {term: row for row, term in enumerate(names)},
        idf[chosen],
        components,
        _mixing(components, names),
        fitted_on,
        len(sample),
        pivot,
        float(rare_idf),
    )


def _count(sample: Sequence[Pieces], progress: Progress | None) -> _Counts:
    table: dict[str, int] = {}
    rows, columns, weights = array("q"), array("q"), array("f")
    for row, texts in enumerate(sample):
        if progress is not None and row % _REPORT_EVERY == 0:
            progress(row, len(sample), "fitting")
        for term, weight in title_terms(texts).items():
            rows.append(row)
            columns.append(table.setdefault(term, len(table)))
            weights.append(weight)
    return _Counts(
        list(table),
        np.array(rows, np.int64),
        np.array(columns, np.int64),
        np.array(weights, np.float32),
        len(sample),
    )


def _choose(counts: _Counts, cap: int) -> I64:
    """Choose the terms worth a row of the model: not too rare, the most frequent first."""
    word_minimum = 2 if counts.titles >= 1_000 else 1
    pair_minimum = 2 + counts.titles // 10_000
    minimum = np.where(_are_pairs(counts.terms), pair_minimum, word_minimum)
    frequencies = counts.frequencies()
    enough = np.flatnonzero(frequencies >= minimum)
    return np.sort(enough[np.argsort(-frequencies[enough], kind="stable")[:cap]])


def _are_pairs(terms: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.fromiter((" " in term for term in terms), np.bool_, len(terms))


def _idf(frequencies: I64, titles: int) -> F32:
    smooth = np.log((1 + titles) / (1 + frequencies)) + 1
    return smooth.astype(np.float32)


def _idf_by_column(counts: _Counts, chosen: I64, idf: F32, rare_idf: np.float32) -> F32:
    """Return the idf of each entry in a model whose vocabulary is ``chosen``."""
    seen = np.where(_are_pairs(counts.terms), np.float32(0), rare_idf)
    seen[chosen] = idf[chosen]
    by_column: F32 = seen[counts.columns]
    return by_column


def _matrix(counts: _Counts, chosen: I64, values: F32) -> Any:
    row_of = np.full(len(counts.terms), -1)
    row_of[chosen] = np.arange(len(chosen))
    kept = row_of[counts.columns] >= 0
    where = (counts.rows[kept], row_of[counts.columns[kept]])
    return sparse.csr_matrix((values[kept], where), (counts.titles, len(chosen)))


def _components(matrix: Any, seed: int) -> npt.NDArray[np.float16]:
    components = np.zeros((matrix.shape[1], TOPIC_WIDTH), np.float16)
    rank = min(TOPIC_WIDTH, *matrix.shape)
    if rank == 0 or not matrix.nnz:
        return components
    strengths, right = _decompose(matrix, rank, seed)
    kept = strengths > _NEGLIGIBLE * strengths[0]  # the rest is rounding noise
    components[:, : kept.sum()] = right[kept].T
    return components


def _decompose(matrix: Any, rank: int, seed: int) -> tuple[F32, F32]:
    """Return the largest singular values and their right vectors, by the first way that works.

    LAPACK's divide and conquer (gesdd) may not converge where an optimised BLAS rounds badly,
    in single precision above all; the QR iteration (gesvd) in double precision is slower and safe.

    Raises
    ------
    FittingError
        No way gave finite numbers.
    """
    # SciPy's BLAS is limited only where it is loaded by now: so ``linalg`` is imported above.
    failures = []
    for precision, driver in _WAYS:
        try:
            with one_blas_thread():
                strengths, right = truncated_svd(
                    matrix.astype(precision),
                    rank,
                    seed=seed,
                    iterations=_ITERATIONS,
                    oversamples=_OVERSAMPLES,
                    driver=driver,
                )
        except (np.linalg.LinAlgError, ValueError, ArithmeticError) as error:
            failures.append(f"{driver}: {error}")
            continue
        if _is_sound(strengths, right):
            return strengths, right
        failures.append(f"{driver}: values that are not finite, or vectors not of unit length")
    raise FittingError(
        "expected the singular value decomposition of "
        f"{matrix.shape[0]:,} titles by {matrix.shape[1]:,} terms, got {'; '.join(failures)}"
    )


def _is_sound(strengths: F32, right: F32) -> bool:
    if not (np.isfinite(strengths).all() and np.isfinite(right).all()):
        return False
    kept = right[strengths > _NEGLIGIBLE * strengths[0]]
    lengths = np.linalg.norm(kept, axis=1)
    return bool(np.abs(lengths - 1).max(initial=0) < _UNIT_TOLERANCE)


def _mixing(components: npt.NDArray[np.float16], terms: Sequence[str]) -> F32:
    if not terms:
        return np.zeros((TOPIC_WIDTH, SKETCH_WIDTH), np.float32)
    product = _sketch_matrix(terms).T @ components.astype(np.float32)
    return np.ascontiguousarray(product.T, dtype=np.float32)


def _sketch_matrix(terms: Sequence[str]) -> Any:
    places, values = sketch_table(terms)
    ends = np.arange(len(terms) + 1) * places.shape[1]
    return sparse.csr_matrix((values.ravel(), places.ravel(), ends), (len(terms), SKETCH_WIDTH))
