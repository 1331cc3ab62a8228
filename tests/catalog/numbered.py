"""Numbered films and their vectors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tv5core.types import Title

DIM = 32


def films(start: int, stop: int, text: str = "") -> list[Title]:
    return [
        Title(
            f"tmdb:movie:{i}",
            "movie",
            f"Film {i}",
            year=2000,
            overview=text,
            external_ids={"imdb": f"tt{i:07}", "tmdb": str(i)},
        )
        for i in range(start, stop)
    ]


def vectors(start: int, stop: int, seed: int = 0) -> npt.NDArray[np.float32]:
    rows = [np.random.default_rng((seed, i)).standard_normal(DIM) for i in range(start, stop)]
    return np.asarray(rows, np.float32)
