"""Time the stages of a search one by one, each through the kernel that a search calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from benchmarks.data.titles import generated_title
from tv5core import Catalog, kernels
from tv5core.kernels import Prepared
from tv5core.vectors import SearchSettings, recall_at_k
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.packed_links import PackedLists
from tv5core.vectors.stored_rows import StoredRows

__all__ = ["Asked", "Stage", "best_seconds", "catalogue_stage", "quantized_stages"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

ROUNDS = 5


class Stage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One stage, per query.

    Attributes
    ----------
    seconds : float
    bytes_touched : float or None
        Worked out from the records, links and rows read; a lower bound where it says so.
    visited : float or None
        Rows compared with the query.
    recall : float or None
        Where the stage ends with answers.
    counts : bool
        Whether it is part of the default search, as opposed to an alternative or a part of
        another stage.
    note : str
    """

    name: str
    seconds: float
    bytes_touched: float | None = None
    visited: float | None = None
    recall: float | None = None
    counts: bool = True
    note: str = ""

    @property
    def ns_a_node(self) -> float | None:
        """Nanoseconds for each row compared."""
        return None if not self.visited else 1e9 * self.seconds / self.visited


@dataclass(frozen=True)
class Asked:
    """Queries, what is asked of them and the true answers."""

    queries: F32
    truth: I64
    k: int
    settings: SearchSettings

    @property
    def candidates(self) -> int:
        """Rows rescored for each query."""
        return self.settings.candidates(self.k)

    @property
    def effective_k(self) -> int:
        """Answers looked for."""
        return self.settings.effective_k(self.k)

    @property
    def pool(self) -> int:
        """Rows in the walk's pool."""
        return max(self.settings.expansion_search, self.candidates)

    def walk(self, sealed: SealedGraph, prepared: Prepared) -> U32:
        """Walk as a search does, for its candidates."""
        margin = self.settings.error_margin
        return sealed.walker.walk(
            prepared, self.pool, self.candidates, None, self.effective_k, margin
        )[0]

    def recall(self, keys: I64) -> float:
        """Compare answers with the truth."""
        return recall_at_k(keys, self.truth)


def best_seconds(
    work: Callable[[], object],
    queries: int,
    rounds: int = 0,
    clock: Callable[[], float] = time.thread_time,
) -> float:
    """Return the seconds a query takes in the best of some rounds.

    They are this thread's processor time, so that whatever else runs here does not count;
    ``time.process_time`` counts threads that a library has of its own.
    """
    taken = []
    for _ in range(rounds or ROUNDS):
        started = clock()
        work()
        taken.append(clock() - started)
    return min(taken) / queries


def quantized_stages(sealed: SealedGraph, vectors: F32, asked: Asked) -> list[Stage]:
    """Time preparing, walking, rescoring by each type of row, and the look-up of keys."""
    prepared = sealed.quantizer.prepare(asked.queries)
    found = asked.walk(sealed, prepared)
    rows = sealed.rows.rescore(asked.queries, found, asked.k)[0]
    return [
        *_preparing(sealed, asked),
        _walking(sealed, asked, prepared),
        *_rescoring(sealed, vectors, asked, found),
        Stage(
            "keys",
            best_seconds(lambda: sealed.keys.take(rows), len(asked.queries)),
            8.0 * asked.k,
        ),
    ]


def _preparing(sealed: SealedGraph, asked: Asked) -> list[Stage]:
    quantizer, n = sealed.quantizer, len(asked.queries)
    center, signs = quantizer.center, quantizer.signs
    touched = 4.0 * (2 * quantizer.dim + signs.size) + quantizer.bits
    return [
        Stage("prepare", best_seconds(lambda: quantizer.prepare(asked.queries), n), touched,
              note="centre, rotate, quantize to int8"),
        Stage("  of it: rotate",
              best_seconds(lambda: kernels.rotate(asked.queries, center, signs), n), counts=False),
    ]  # fmt: skip


def _walking(sealed: SealedGraph, asked: Asked, prepared: Prepared) -> Stage:
    pool, margin = asked.pool, asked.settings.error_margin
    pooled, _, visited = sealed.walker.walk(prepared, pool, pool, None, asked.effective_k, margin)
    record, links = sealed.codes.shape[1], _bytes_of_links(sealed)
    read = float(visited.mean())
    # At least: every row left in the pool, and within the margin, had its links read.
    linked = links * _found(pooled)
    return Stage(
        "walk",
        best_seconds(lambda: asked.walk(sealed, prepared), len(asked.queries)),
        read * record + linked,
        read,
        note="estimates included: nothing is estimated again; bytes of links are a lower bound",
    )


def _bytes_of_links(sealed: SealedGraph) -> float:
    """Return the bytes of links and visited marks that expanding a row reads on average."""
    links, n = sealed.links, len(sealed)
    if isinstance(links, PackedLists):
        return len(links.packed.data) / n * (1 + 1 / links.packed.width)
    return 5.0 * int(links.shape[1])


def _found(rows: U32) -> float:
    """Return how many rows a query has."""
    return float((rows != kernels.NONE).sum(axis=1).mean())


def _rescoring(sealed: SealedGraph, vectors: F32, asked: Asked, found: U32) -> list[Stage]:
    """Rescore by the index's own rows, and by every other type for comparison."""
    own = sealed.rows.values.dtype.name
    stages = [_rescore_stage(sealed.rows, asked, found, sealed.keys, counts=True)]
    for name in ("int8", "float16", "float32"):
        if name != own:
            rows, some, keys = _rows_like(sealed, vectors, found, name)
            stages.append(_rescore_stage(rows, asked, some, keys, counts=False))
    return stages


def _rows_like(
    sealed: SealedGraph, vectors: F32, found: U32, name: str
) -> tuple[StoredRows, U32, I64]:
    """Store the candidates alone as another type: a copy of all rows may not fit into memory.

    They are spread at random, so that reading them is no easier than in the index.
    """
    keys = sealed.keys[np.unique(found[found != kernels.NONE])]
    np.random.default_rng(0).shuffle(keys)
    # One more, so that what NONE is clipped to stays NONE.
    place = np.full(len(sealed) + 1, kernels.NONE, np.uint32)
    place[sealed.find(keys)] = np.arange(len(keys), dtype=np.uint32)
    some = np.ascontiguousarray(vectors[keys])
    rows = StoredRows.encode(some, name, sealed.quantizer)  # type: ignore[arg-type]
    return rows, place[np.minimum(found, len(sealed))], keys


def _rescore_stage(rows: StoredRows, asked: Asked, found: U32, keys: I64, *, counts: bool) -> Stage:
    best = rows.rescore(asked.queries, found, asked.k)[0]
    size = rows.values.dtype.itemsize * rows.values.shape[1] + (0 if rows.factors is None else 8)
    return Stage(
        f"rescore {rows.values.dtype.name}",
        best_seconds(lambda: rows.rescore(asked.queries, found, asked.k), len(asked.queries)),
        _found(found) * size,
        _found(found),
        asked.recall(keys[best]),
        counts,
        "" if counts else f"instead; {len(rows):,} rows in memory",
    )


def catalogue_stage(folder: Path, titles: int, k: int, calls: int = 300) -> Stage:
    """Time the look-up and decoding of k generated titles."""
    with Catalog.open(folder, embedder=None, auto_seal=False) as catalog:
        some = [generated_title(i) for i in range(titles)]
        catalog.add(some, embed=False)
        draw = np.random.default_rng(0).integers(0, titles, (calls, k))
        wanted = [[some[i].id for i in row] for row in draw.tolist()]
        seconds = best_seconds(lambda: [catalog.get_many(ids) for ids in wanted], calls)
    size = float(np.mean([len(msgspec.msgpack.encode(title)) for title in some]))
    return Stage(
        "decode",
        seconds,
        k * size,
        counts=False,
        note=f"{k} of {titles:,} titles by id from the store, through Catalog.get_many",
    )
