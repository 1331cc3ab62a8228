"""A catalogue of two generations, and its numbered films."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tv5core.catalog import Catalog
from tv5core.types import Title

DIM = 16


def film(i: int, text: str = "") -> Title:
    return Title(f"id{i}", "movie", f"Film {i}", year=2000, overview=text)


def vector(i: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(i).standard_normal(DIM).astype(np.float32)


def fill(catalog: Catalog, start: int, stop: int) -> None:
    catalog.add([film(i) for i in range(start, stop)], [vector(i) for i in range(start, stop)])


def check(catalog: Catalog, ids: set[int]) -> None:
    """Everything of these ids is there, and nothing else."""
    assert set(catalog.ids()) == {f"id{i}" for i in ids}
    for i in sorted(ids)[:: max(1, len(ids) // 20)]:
        hit = catalog.search(vector(i), 1, exact=True)[0]
        assert (hit.id, hit.title) == (f"id{i}", film(i))
    report = catalog.verify()
    assert report.ok, report.problems


PRESENT = set(range(90)) - {5, 6}
