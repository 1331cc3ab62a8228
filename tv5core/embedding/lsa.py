"""The default embedder: latent semantic analysis of the catalogue's own text."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tv5core.analysis.words import count_terms, pairs, stems
from tv5core.embedding.documents import PAIR_WEIGHT, pieces, title_terms
from tv5core.embedding.lsa_model import CONTENT_WIDTH, TOPIC_WIDTH, WIDTH, LsaModel, saturate
from tv5core.embedding.random_projection import SKETCH_WIDTH, facts, sketch_table
from tv5core.embedding.sparse_rows import SparseRows
from tv5core.errors import InvalidInputError
from tv5core.files import SealedFile
from tv5core.types import Progress, Title

__all__ = ["LsaEmbedder", "query_terms"]

F32 = npt.NDArray[np.float32]

_BLOCK = 1_000
_TOPIC_WEIGHT = np.float32(1.5)
_CONTENT_SHARE = np.float32(0.92)

# How much of its content's length a title without votes loses against one with 100,000.
_VOTES_SHARE = 0.25
_FULL_VOTES = 100_000


class LsaEmbedder:
    """Embed titles and queries by their words, and by words that occur with those.

    Needs no download and no other text than the catalogue's. A vector has three parts:

    topics, 256 dimensions
        Truncated SVD of saturated TF-IDF over stemmed words and word pairs.
    sketch, 448 dimensions
        A random projection of what the SVD leaves out: rare words and names. SVD alone,
        even with all 768 dimensions, finds a title by its plot far less often, because
        no 768 directions span a vocabulary.
    facts, 64 dimensions
        Kind, decade and genres. Queries are zero here. A title with little text has a
        short content part and more facts, so that three words in common with a stub do
        not beat three in common with a full synopsis (pivoted length normalisation;
        Singhal, Buckley & Mitra, SIGIR 1996), while every vector has unit length. By the
        same means a title of many votes comes a little before one of none.

    Parameters
    ----------
    sample : int
        Fit on at most this many titles, chosen evenly by a hash of their ids.
    vocabulary : int
        Keep at most this many terms, the most frequent; each takes 512 bytes.
    seed : int
        Of the sample and the SVD. Same titles, seed and machine: same vectors.
    """

    def __init__(self, *, sample: int = 30_000, vocabulary: int = 60_000, seed: int = 0) -> None:
        if sample < 1 or vocabulary < 1:
            raise InvalidInputError(
                f"expected a sample and a vocabulary from 1, got {sample} and {vocabulary}"
            )
        self._sample, self._cap, self._seed = sample, vocabulary, seed
        self._model: LsaModel | None = None
        self._fingerprint = "lsa:unfitted"

    @property
    def dim(self) -> int:
        """Width of the vectors: always 768."""
        return WIDTH

    @property
    def fingerprint(self) -> str:
        """``lsa:`` and a digest of the fitted model."""
        return self._fingerprint

    @property
    def is_fitted(self) -> bool:
        """Whether it can embed."""
        return self._model is not None

    @property
    def fitted_on(self) -> int:
        """Number of titles given to :meth:`fit`; 0 before."""
        return 0 if self._model is None else self._model.fitted_on

    def fit(
        self,
        titles: Iterable[Title] | Callable[[], Iterable[Title]],
        progress: Progress | None = None,
    ) -> LsaEmbedder:
        """Fit on titles, forgetting what was fitted before.

        Parameters
        ----------
        titles : iterable of Title, or callable giving one
            Read once, as a stream.
        progress : callable, optional
            Called with (done, total, "fitting"); an exception it raises ends the work.

        Returns
        -------
        LsaEmbedder
            This one.

        Raises
        ------
        InvalidInputError
            There were no titles.
        FittingError
            Their terms cannot be decomposed.
        """
        from tv5core.embedding.lsa_fitting import even_sample, fit_model  # SciPy: for fitting only

        sample, total = even_sample(
            titles() if callable(titles) else titles, self._sample, self._seed
        )
        if not total:
            raise InvalidInputError("expected at least one title to fit on, got none")
        self._take(fit_model(sample, total, self._cap, self._seed, progress))
        return self

    def _take(self, model: LsaModel) -> None:
        self._model, self._fingerprint = model, f"lsa:{model.fingerprint()}"

    def embed_titles(self, titles: Sequence[Title]) -> F32:
        """Embed titles: float32, shape (n, 768), rows of unit length.

        A row is zero where a title has no word at all.

        Raises
        ------
        InvalidInputError
            Nothing was fitted.
        """
        model = self._fitted()
        vectors = np.zeros((len(titles), WIDTH), np.float32)
        for start in range(0, len(titles), _BLOCK):
            block = titles[start : start + _BLOCK]
            vectors[start : start + _BLOCK] = _embed_block(model, block)
        return vectors

    def embed_queries(self, texts: Sequence[str]) -> F32:
        """Embed queries: float32, shape (n, 768), rows of unit length.

        A row is zero where a text has no word at all.

        Raises
        ------
        InvalidInputError
            Nothing was fitted.
        """
        content, _ = _project(self._fitted(), [query_terms(text) for text in texts])
        vectors = np.zeros((len(texts), WIDTH), np.float32)
        lengths = np.linalg.norm(content, axis=1, keepdims=True)
        vectors[:, :CONTENT_WIDTH] = content / np.maximum(lengths, 1e-12)
        return vectors

    def _fitted(self) -> LsaModel:
        if self._model is None:
            raise InvalidInputError("expected a fitted embedder, got one before fit()")
        return self._model

    def save(self, path: str | os.PathLike[str]) -> SealedFile:
        """Write the fitted model to a new file and fsync it.

        Raises
        ------
        InvalidInputError
            Nothing was fitted.
        DiskFullError
            There was no room; no file is left.
        """
        return self._fitted().save(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LsaEmbedder:
        """Map a saved model; it embeds exactly as the one that was saved.

        Raises
        ------
        CorruptFileError
            The file is damaged.
        FormatVersionError
            A newer tv5core wrote it.
        """
        embedder = cls()
        embedder._take(LsaModel.load(path))
        return embedder


def query_terms(text: str) -> dict[str, float]:
    """Count the words and word pairs of a query."""
    terms: dict[str, float] = {}
    words = stems(text)
    count_terms(terms, words, 1.0)
    count_terms(terms, pairs(words), PAIR_WEIGHT)
    return terms


def _project(model: LsaModel, many: Sequence[Mapping[str, float]]) -> tuple[F32, F32]:
    """Map weighted terms to topics, and to a sketch of what the topics leave out.

    Returns
    -------
    content : ndarray of float32, shape (n, 704)
        Of the term vectors scaled to unit length; zeros where no term is known.
    lengths : ndarray of float32, shape (n,)
        Lengths of the term vectors before scaling.
    """
    table, counts = _count(model.vocabulary, many)
    known = np.array([model.vocabulary.get(term, -1) for term in table], np.int64)
    weights = saturate(counts.weights) * _idf_of(model, known)[counts.columns]
    counts = counts.with_weights(weights)
    lengths = counts.row_lengths()
    scales = np.repeat(np.maximum(lengths, 1e-12), np.diff(counts.ends))
    counts = counts.with_weights(weights / scales)
    topics = counts.times(_topics_of(model, known))
    sketch = counts.times_blocks(*sketch_table(list(table)), SKETCH_WIDTH)
    content: F32 = np.hstack([_TOPIC_WEIGHT * topics, sketch - topics @ model.mixing])
    return content, lengths


def _count(
    vocabulary: Mapping[str, int], many: Sequence[Mapping[str, float]]
) -> tuple[dict[str, int], SparseRows]:
    """Return the terms that count, numbered, and a sparse matrix of their weights."""
    table: dict[str, int] = {}
    columns: list[int] = []
    weights: list[float] = []
    ends = [0]
    for terms in many:
        for term, weight in terms.items():
            # A pair not in the vocabulary is chance; an unknown word may be a name.
            if term in vocabulary or " " not in term:
                columns.append(table.setdefault(term, len(table)))
                weights.append(weight)
        ends.append(len(columns))
    return table, SparseRows(
        np.array(ends), np.array(columns, np.int64), np.array(weights, np.float32)
    )


def _idf_of(model: LsaModel, known: npt.NDArray[np.int64]) -> F32:
    idf = np.full(len(known), model.rare_idf, np.float32)
    idf[known >= 0] = model.idf[known[known >= 0]]
    return idf


def _topics_of(model: LsaModel, known: npt.NDArray[np.int64]) -> F32:
    topics = np.zeros((len(known), TOPIC_WIDTH), np.float32)
    topics[known >= 0] = model.components[known[known >= 0]]
    return topics


def _embed_block(model: LsaModel, titles: Sequence[Title]) -> F32:
    terms = [title_terms(pieces(title)) for title in titles]
    # BLAS multiplies one row by another routine, which rounds otherwise: so one is taken twice, and
    # a title has one vector, whatever it is embedded with.
    content, lengths = _project(model, terms if len(terms) > 1 else terms * 2)
    content, lengths = content[: len(terms)], lengths[: len(terms)]
    fullness = np.minimum(1, lengths / np.float32(model.pivot))
    known = np.array([_prior(title.votes) for title in titles], np.float32)
    content *= (_CONTENT_SHARE * fullness * known)[:, None]
    norms = np.linalg.norm(content, axis=1)
    content /= np.maximum(norms, 1)[:, None]
    rest = np.sqrt(np.maximum(0, 1 - np.minimum(norms, 1) ** 2))
    fact = np.array([facts(title) for title in titles], np.float32) * rest[:, None]
    vectors: F32 = np.hstack([content, fact])
    vectors[norms == 0] = 0
    return vectors


def _prior(votes: int) -> float:
    share = math.log1p(max(0, votes)) / math.log1p(_FULL_VOTES)
    return 1 - _VOTES_SHARE * (1 - min(1.0, share))
