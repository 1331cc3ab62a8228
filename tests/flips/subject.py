"""The catalogue whose bytes are flipped, and all that is asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.crash.model import embedded
from tv5core import Catalog, Title, bitmap
from tv5core.columns import F
from tv5core.lexical import FIELDS

F32 = npt.NDArray[np.float32]

DIM = 16
SEALED, LIVE = 24, 12
COUNT = SEALED + LIVE
_LONG = 9  # every so many titles, one that has pages of its own


def film(i: int) -> Title:
    """Return a title; several share an alias."""
    return Title(
        f"id{i}",
        "movie",
        f"Film {i % 5}",
        year=1990 + i % 3,
        overview="word " * (900 if i % _LONG == 0 else i % 7),
        external_ids={"imdb": f"tt{i:07d}"},
    )


def vectors() -> F32:
    """Return the vectors of all titles: float32[COUNT, DIM]."""
    return np.random.default_rng(7).standard_normal((COUNT, DIM)).astype(np.float32)


def opened(folder: Path, *, read_only: bool = False, create: bool = True) -> Catalog:
    """Open the catalogue, which has a second space."""
    return Catalog.open(
        folder,
        embedder=None,
        second_embedder=embedded,
        read_only=read_only,
        create=create,
        auto_seal=False,
    )


def make(folder: Path) -> None:
    """Make the catalogue: sealed and live rows, deletions, one that waits, a checkpoint."""
    given = vectors()
    with opened(folder) as catalog:
        catalog.add([film(i) for i in range(SEALED)], given[:SEALED])
        catalog.wait()  # until the second space has them, too
        catalog.seal()
        for i in range(SEALED, COUNT, 4):
            catalog.add([film(n) for n in range(i, i + 4)], given[i : i + 4])
        catalog.delete(["id3", "id30"])
        catalog.add([Title("waits", "movie", "Waits")], embed=False, checkpoint=("mark", b"here"))
        catalog.wait()


def second_files(folder: Path) -> list[str]:
    """Name the files of the second space."""
    with opened(folder, read_only=True, create=False) as catalog:
        record = catalog._store.meta.second
        assert record is not None
        return [file.name for one in record.generations for file in one.files]


def change(catalog: Catalog) -> None:
    """Write: what is damaged must not spread."""
    catalog.add([film(100)], np.ones((1, DIM), np.float32))
    catalog.delete(["id5"])


def answers(catalog: Catalog) -> dict[str, Any]:
    """Ask for everything, in values that can be compared."""
    catalog.wait()  # for the second space
    ids = list(catalog.ids())
    facts = catalog.info()
    names = [f"id{i}" for i in range(COUNT)]
    return {
        "ids": ids,
        "titles": catalog.get_many(names),
        "elsewhere": [_by_alias(catalog, i) for i in range(COUNT)],
        "shared": [catalog.find(f"name:movie:{1990 + i % 3}:film-{i % 5}") for i in range(15)],
        "checkpoint": catalog.checkpoint("mark"),
        "counts": {name: facts[name] for name in ("titles", "vectors", "pending", "dim", "metric")},
        "documents": _documents(catalog),
        "nearest": [
            [(hit.id, round(hit.score, 5)) for hit in catalog.search(vector, COUNT, exact=True)]
            for vector in vectors()[::9]
        ],
        "second": _second(catalog),
    }


def _second(catalog: Catalog) -> list[Any]:
    """Return what the second space is, and what is nearest to some texts there."""
    facts = catalog.info()["second_space"]
    index = catalog._second.index.current()
    queries = embedded([f"text {number}" for number in range(4)])
    found = [] if index is None else index.search(queries, COUNT, exact=True).keys.tolist()
    return [{name: facts[name] for name in ("vectors", "dim", "changes_waiting")}, found]


def _documents(catalog: Catalog) -> list[tuple[list[int], int, int]]:
    """Return, for each year, the rows of its films; and how many documents have a word."""
    found = []
    for year in range(1990, 1993):
        rows: list[int] = []
        words = 0
        for segment in catalog._current().view().documents.segments:
            of_year = bitmap.rows(segment.columns.evaluate(F.year == year), len(segment))
            alive = np.intersect1d(of_year, segment.documents())
            rows += segment.keys[alive].tolist()
            words += segment.words.count(("word",), range(len(FIELDS)), segment.alive)
        found.append((sorted(rows), len(rows), words))
    return found


def _by_alias(catalog: Catalog, i: int) -> Title | None:
    name = f"imdb:tt{i:07d}"
    return catalog.get(name) if catalog.find(name) else None
