"""Embeddings like those of film and TV titles, at any size, in blocks.

The generator imitates real title embeddings (sentence embeddings of plots joined with those of
genres, people and year): they share a mean direction, variances fall off as a power of the
dimension's rank, and titles gather in groups within groups (genres, franchises) of very different
sizes, each title near its groups by a different amount. Its constants were fitted so that, at
100,000 rows, held-out queries see what real ones do: cosines of about 0.65, 0.55 and 0.49 at the
1st, 10th and 100th neighbour, and a median local intrinsic dimension near 37. Easier data would
flatter every index; so would data with variance in fewer dimensions flatter full precision.
More titles bring more genres, but not in proportion: neighbours come a little nearer as data grows.

Free-text queries are of another kind: they lie elsewhere on average and have weaker ties to any
group. Theirs were fitted to 0.43, 0.37, 0.32 and a dimension near 60.

Every block has random streams of its own, and a franchise's centre is drawn again wherever a row
needs it, from a stream that its number gives: so any size takes the same memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["BLOCK", "InMemory", "Shape", "TitleLike", "title_like", "unit"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

BLOCK = 10_000
_GROUPS, _ROWS, _TITLES, _TEXTS, _FRANCHISES = range(5)  # random streams


@dataclass(frozen=True)
class Shape:
    """Constants of the distribution."""

    mean: float = 0.49
    """Length of the mean of real embeddings of unit length."""
    decay: float = 0.7
    """Variance along the i-th axis is ``i ** -decay``."""
    rows_a_genre: float = 1_350.0
    """At 100,000 rows; it grows with :attr:`growth`."""
    rows_a_franchise: float = 8.0
    growth: float = 0.2
    """Ten times the rows have groups of ``10 ** growth`` times the rows."""
    near_genre: tuple[float, float] = (0.05, 0.35)
    """Share of a row's variance that is its genre's, drawn evenly between these."""
    near_franchise: tuple[float, float] = (0.05, 0.42)
    text_near_genre: tuple[float, float] = (0.05, 0.3)
    text_near_franchise: tuple[float, float] = (0.0, 0.2)
    text_mean: float = 0.1
    """Component of the mean of free-text queries along that of the rows."""
    text_aside: float = 0.2
    """Component of it perpendicular to that."""


class InMemory(NamedTuple):
    """Rows to index and held-out queries, both of unit length."""

    name: str
    vectors: F32
    queries: F32


class TitleLike:
    """A dataset to be drawn block by block: the same seed gives the same bytes.

    Parameters
    ----------
    rows, dim, queries
        How many rows, how wide, and how many queries of each kind.
    seed
        Of all random streams.
    shape
        Constants of the distribution.
    """

    def __init__(
        self,
        rows: int,
        dim: int = 768,
        queries: int = 1_000,
        seed: int = 0,
        shape: Shape | None = None,
    ) -> None:
        if min(rows, dim, queries) < 1 or seed < 0:
            raise ValueError(
                "expected at least one row, dimension and query and a seed of at least 0, "
                f"got {rows}, {dim}, {queries} and {seed}"
            )
        self.rows, self.dim, self.queries, self.seed = rows, dim, queries, seed
        self.shape = shape or Shape()

    @property
    def name(self) -> str:
        """Say what this is, for people."""
        return f"title-like {self.rows:,} x {self.dim}, seed {self.seed}"

    def parameters(self) -> dict[str, object]:
        """Return everything the bytes depend on."""
        sizes = {"rows": self.rows, "dim": self.dim, "queries": self.queries, "seed": self.seed}
        return {**sizes, **asdict(self.shape)}

    def blocks(self) -> Iterator[F32]:
        """Draw the rows, :data:`BLOCK` at a time."""
        for block, start in enumerate(range(0, self.rows, BLOCK)):
            yield self._titles(self._stream(_ROWS, block), min(BLOCK, self.rows - start))

    def title_queries(self) -> F32:
        """Draw queries as the rows are drawn: held-out titles."""
        return self._titles(self._stream(_TITLES), self.queries)

    def text_queries(self) -> F32:
        """Draw queries like free text."""
        rng, shape = self._stream(_TEXTS), self.shape
        mixed = self._mixed(rng, self.queries, shape.text_near_genre, shape.text_near_franchise)
        aside = self._noise(self._stream(_GROUPS, 1), 1)
        aside = unit(aside - (aside @ self._middle.T) * self._middle)
        mean = shape.text_mean * self._middle + shape.text_aside * aside
        rest = np.float32(1 - shape.text_mean**2 - shape.text_aside**2)
        return unit(mixed * np.sqrt(rest) + mean.astype(np.float32))

    def _titles(self, rng: np.random.Generator, count: int) -> F32:
        mixed = self._mixed(rng, count, self.shape.near_genre, self.shape.near_franchise)
        rest = np.sqrt(np.float32(1 - self.shape.mean**2))
        return unit(mixed * rest + np.float32(self.shape.mean) * self._middle)

    def _mixed(
        self,
        rng: np.random.Generator,
        count: int,
        near_genre: tuple[float, float],
        near_franchise: tuple[float, float],
    ) -> F32:
        """Draw directions around groups, of unit length, without the mean."""
        genres, genre_of, shares = self._groups
        member = np.searchsorted(shares, rng.random(count))
        genre = rng.uniform(*near_genre, (count, 1)).astype(np.float32)
        franchise = rng.uniform(*near_franchise, (count, 1)).astype(np.float32)
        mixed: F32 = np.sqrt(1 - genre - franchise) * self._noise(rng, count)
        mixed += np.sqrt(genre) * genres[genre_of[member]]
        mixed += np.sqrt(franchise) * self._centres(member)
        return unit(mixed)

    @cached_property
    def _groups(self) -> tuple[F32, I64, npt.NDArray[np.float64]]:
        """Draw genres' centres, each franchise's genre, and franchises' summed weights."""
        rng = self._stream(_GROUPS)
        growth = (self.rows / 100_000) ** self.shape.growth
        genres = self._noise(rng, math.ceil(self.rows / (self.shape.rows_a_genre * growth)))
        franchises = math.ceil(self.rows / (self.shape.rows_a_franchise * growth))
        genre_of = np.searchsorted(_summed_shares(len(genres)), rng.random(franchises))
        return genres, genre_of, _summed_shares(franchises)

    def _centres(self, franchises: I64) -> F32:
        """Draw franchises' centres, each from the stream that its number gives."""
        bits = np.random.Philox(key=[self.seed, _FRANCHISES])
        rng, state = np.random.Generator(bits), bits.state
        drawn = np.empty((len(franchises), self.dim), np.float32)
        for out, franchise in zip(drawn, franchises, strict=True):
            state["state"]["counter"][:] = 0, 0, franchise, 0
            bits.state = state  # buffers in it are empty: it was taken before the first draw
            rng.standard_normal(dtype=np.float32, out=out)
        drawn *= self._spread
        return drawn

    def _noise(self, rng: np.random.Generator, count: int) -> F32:
        drawn = rng.standard_normal((count, self.dim), dtype=np.float32)
        drawn *= self._spread
        return drawn

    @cached_property
    def _spread(self) -> F32:
        """Standard deviation along each axis, all together of unit length."""
        spread = np.arange(1, self.dim + 1, dtype=np.float64) ** (-self.shape.decay / 2)
        return (spread / np.linalg.norm(spread)).astype(np.float32)

    @cached_property
    def _middle(self) -> F32:
        """Direction of the rows' mean: float32[1, dim]."""
        return unit(self._noise(self._stream(_GROUPS, 2), 1))

    def _stream(self, *which: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *which])


def title_like(n: int, queries: int = 1_000, dim: int = 768, seed: int = 0) -> InMemory:
    """Draw a small dataset whole, in memory."""
    source = TitleLike(n, dim, queries, seed)
    return InMemory(source.name, np.concatenate([*source.blocks()]), source.title_queries())


def unit(rows: F32) -> F32:
    """Scale rows to unit length; rows of zeros are a mistake of the caller's."""
    scaled: F32 = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def _summed_shares(groups: int) -> npt.NDArray[np.float64]:
    """Return groups' shares added up to 1: few are large, as a Pareto distribution's quantiles.

    Quantiles rather than draws: with few groups, drawn sizes made one seed harder than another.
    """
    summed: npt.NDArray[np.float64] = np.cumsum((groups / (np.arange(groups) + 0.5)) ** (1 / 1.5))
    summed /= summed[-1]
    return summed
