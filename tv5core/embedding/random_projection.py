"""Fixed pseudo-random directions for terms and for facts, from their hashes.

The sparse Johnson-Lindenstrauss transform of Kane & Nelson (JACM 2014), block form: a
term is +-1/sqrt(8) in one place of each of 8 blocks. Inner products of sums of terms are
kept without bias, with an error of about 1/sqrt(width); nothing needs to be stored, and a word
outside the vocabulary has a direction too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from tv5core.types import Title

__all__ = ["FACT_WIDTH", "SKETCH_WIDTH", "facts", "sketch_places", "sketch_table"]

F32 = npt.NDArray[np.float32]

SKETCH_WIDTH = 448
FACT_WIDTH = 64

_BLOCKS = 8
_BLOCK_WIDTH = SKETCH_WIDTH // _BLOCKS
_STARTS = np.arange(_BLOCKS, dtype=np.int32) * _BLOCK_WIDTH
_SCALE = np.float32(_BLOCKS**-0.5)

# The random directions of terms move single queries by many ranks. This salt is one
# of the better of seven that were tried; all are within about 6 % of their mean.
_SALT = b"h"

# Titles of equal facts should be near, but not on top of, each other.
_ID_WEIGHT = 0.7


@lru_cache(maxsize=100_000)
def _draw(term: str) -> bytes:
    """Return a draw for each block: its lowest bit is the sign, the others are the place."""
    return blake2b(term.encode(), digest_size=2 * _BLOCKS, person=_SALT).digest()


def sketch_places(term: str) -> tuple[npt.NDArray[np.int32], F32]:
    """Return the 8 places of a term in the sketch and its values there."""
    places, values = sketch_table([term])
    return places[0], values[0]


def sketch_table(terms: Sequence[str]) -> tuple[npt.NDArray[np.int32], F32]:
    """Return the places and values of many terms, each of shape (terms, 8)."""
    draws = np.frombuffer(b"".join(map(_draw, terms)), "<u2").astype(np.int32)
    draws = draws.reshape(len(terms), _BLOCKS)
    values: F32 = np.where(draws & 1, _SCALE, -_SCALE)
    return _STARTS + (draws >> 1) % _BLOCK_WIDTH, values


def facts(title: Title) -> F32:
    """Return a unit vector, shape (64,), of kind, decade and genres.

    Titles that share facts are near each other; queries have nothing here.
    """
    decade = (title.year or 0) // 10
    total = _signs(f"kind {title.kind}") + _signs(f"decade {decade}")
    for genre in title.genres:
        total = total + _signs(f"genre {genre.lower()}")
    total = total + _ID_WEIGHT * _signs(f"id {title.id}")
    unit: F32 = (total / np.linalg.norm(total)).astype(np.float32)
    return unit


@lru_cache(maxsize=10_000)
def _signs(fact: str) -> F32:
    digest = blake2b(
        fact.encode(errors="surrogatepass"), digest_size=FACT_WIDTH // 8, person=b"tv5-fact"
    ).digest()
    bits = np.unpackbits(np.frombuffer(digest, np.uint8))
    return bits.astype(np.float32) * 2 - 1
