"""Recall and latency under filters and deletions that have to do with the query.

::

    python -m benchmarks filters --size 100k --peers tv5core-int8,hnswlib,faiss-hnsw
    python -m benchmarks filters --size 1m --peers tv5core-int8 --json 1m.json
    python -m benchmarks filters --size 100k --lengths 0.3      # inner product

Each peer takes the cheapest setting that reaches the target *without* a filter, on queries that are
not asked again, and keeps it. Kinds of filters are described in ``benchmarks/data/correlated.py``.
Queries are asked one a call on one thread, in turns with the same queries without the filter; each
counts with the best of three. ``deleted`` removes the rows that the filter leaves out instead
(tv5core only: of the others, some cannot, and some only at an insertion's price). Rows marked "!"
miss a recall of 0.95, p50 of 1 ms (2 ms from a million rows on), or, where half of the rows or more
are allowed, twice the p95 of the same queries unfiltered.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.data.correlated import Case, cases
from benchmarks.data.datasets import Dataset
from benchmarks.data.options import add_source_arguments, prepare_from
from benchmarks.measure.correlated import (
    Row,
    Search,
    folder_of,
    measure,
    setting_for,
    truth_of,
)
from benchmarks.peers import registry
from benchmarks.peers.base import F32, Peer, Shape
from benchmarks.progress import say

__all__ = ["add_arguments", "main"]

_OURS = "tv5core-int8"
_K = 10
_MILLION = 500_000
_HEAD = (
    "| | index | | filter | share | recall@10 | worst tenth | p50 us | p95 us | plain p95 |",
    "|---|---|---|---|--:|--:|--:|--:|--:|--:|",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    add_source_arguments(parser)
    parser.add_argument("--peers", default=_OURS, help=f"names, or all; {_OURS} by default")
    parser.add_argument("--target", type=float, default=0.96, help="recall without a filter (0.96)")
    parser.add_argument("--calibrate", type=int, default=400, help="queries to choose settings on")
    parser.add_argument("--asked", type=int, default=50, help="queries a case")
    parser.add_argument(
        "--lengths",
        type=float,
        default=0.0,
        help="log-normal spread of rows' lengths: inner product",
    )
    parser.add_argument("--work", type=Path, help="folder of indexes; beside the data by default")
    parser.add_argument("--json", type=Path, help="also write the rows here")


def main(options: argparse.Namespace) -> int:
    """Measure and print a table; exit status 2 for bad input."""
    try:
        dataset = prepare_from(options)
        names = registry.NAMES if options.peers == "all" else options.peers.split(",")
        bench = _Bench(dataset, options)
        rows = [row for name in names for row in bench.rows_of(name)]
    except ValueError as error:
        say(f"error: {error}")
        return 2
    print(_table(rows, len(dataset.vectors)))
    if options.json:
        options.json.write_text(json.dumps([row._asdict() for row in rows], indent=1))
    return 0


class _Bench:
    """The cases of a dataset, and peers asked with them."""

    def __init__(self, dataset: Dataset, options: argparse.Namespace) -> None:
        self._options = options
        self._metric = "ip" if options.lengths else dataset.metric
        self._work = options.work or dataset.folder.parent / "filters"
        self._vectors = _scaled(dataset, options.lengths, options.seed)
        queries = np.array(dataset.queries["title"])
        self._known, self._queries = queries[: options.calibrate], queries[options.calibrate :]
        say("drawing cases")
        drawn = cases(dataset.vectors, self._queries, options.seed, asked=options.asked)
        self._cases = [
            (case, truth_of(self._vectors, self._queries[case.queries], case.allowed, _K))
            for case in drawn
        ]

    def rows_of(self, name: str) -> list[Row]:
        """Return a peer's rows; none, with the reason said, where it cannot take part."""
        peer = registry.make(name, Shape(*self._vectors.shape, self._metric))
        reason = registry.missing(peer)
        if reason is None and not peer.filters:
            reason = next(remark for remark in peer.remarks if "filter" in remark)
        if reason is not None:
            say(f"{name}: {reason}")
            return []
        peer.load_library()
        folder = self._built(peer)
        return self._ours(folder) if name == _OURS else self._theirs(peer, folder)

    def _built(self, peer: Peer) -> Path:
        folder = folder_of(self._work, peer.name, len(self._vectors), self._metric)
        if not (folder / "done").exists():
            say(f"{peer.name}: building")
            folder.mkdir(parents=True, exist_ok=True)
            peer.build(self._vectors, folder, 2)
            (folder / "done").touch()
        return folder

    def _theirs(self, peer: Peer, folder: Path) -> list[Row]:
        peer.open(folder)
        peer.set_threads(1)
        everything = np.ones(len(self._vectors), bool)
        truth = truth_of(self._vectors, self._known, everything, _K)
        setting = setting_for(peer, self._known, truth, _K, self._options.target)
        say(f"{peer.name}: {setting}")

        def prepared(case: Case) -> Search:
            allowed = peer.prepare_filter(case.allowed)
            return lambda query: peer.search_filtered(query, _K, setting, allowed)

        rows = self._measured(
            peer.name, "filter", lambda query: peer.search(query, _K, setting), prepared
        )
        peer.close()
        return rows

    def _ours(self, folder: Path) -> list[Row]:
        from tv5core.vectors import Filter, SearchOptions, VectorIndex

        index = VectorIndex.open(folder / "index")
        settings = index.settings_for(self._known, self._options.target, _K)
        say(f"{_OURS}: {settings}")

        def search_of(index: VectorIndex, chosen: Filter | None) -> Search:
            asked = SearchOptions(settings, filter=chosen)
            return lambda query: index.search_with(query, _K, asked).keys

        changed: list[VectorIndex] = []

        def without(case: Case) -> Search:
            for one in changed:
                one.close()
            changed[:] = [VectorIndex.open(folder / "index", read_only=False)]
            changed[0].remove(np.flatnonzero(~case.allowed))
            return search_of(changed[0], None)

        plain = search_of(index, None)
        rows = self._measured(
            _OURS, "filter", plain, lambda case: search_of(index, index.filter(case.allowed))
        )
        rows += self._measured(_OURS, "deleted", plain, without)
        for one in [*changed, index]:
            one.close()
        return rows

    def _measured(
        self, name: str, mode: str, plain: Search, prepare: Callable[[Case], Search]
    ) -> list[Row]:
        say(f"{name}: {mode}")
        return measure(name, mode, self._cases, self._queries, plain, prepare)


def _scaled(dataset: Dataset, spread: float, seed: int) -> F32:
    """Give rows lengths, in a file beside the dataset."""
    if not spread:
        return dataset.vectors
    path = dataset.folder.parent / f"{dataset.folder.name}-lengths-{spread}-{seed}.npy"
    if not path.exists():
        lengths = np.random.default_rng(seed).lognormal(0, spread, (len(dataset.vectors), 1))
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file,
                {"descr": "<f4", "fortran_order": False, "shape": dataset.vectors.shape},
            )
            for at in range(0, len(lengths), 10_000):
                block = dataset.vectors[at : at + 10_000] * lengths[at : at + 10_000]
                file.write(block.astype(np.float32).tobytes())
        part.rename(path)
    vectors: F32 = np.load(path, "r", allow_pickle=False)
    return vectors


def _table(rows: list[Row], size: int) -> str:
    ordered = sorted(rows, key=lambda row: (not _missed(row, size), row.peer, row.mode))
    return "\n".join([*_HEAD, *(_line(row, size) for row in ordered)])


def _line(row: Row, size: int) -> str:
    figures = f"{row.share:.2%} | {row.recall:.3f} | {row.worst:.2f}"
    times = " | ".join(f"{us:,.0f}" for us in (row.p50_us, row.p95_us, row.plain_p95_us))
    names = f"{_missed(row, size)} | {row.peer} | {row.mode} | {row.kind}"
    return f"| {names} | {figures} | {times} |"


def _missed(row: Row, size: int) -> str:
    """Name what a row misses."""
    slow = 2_000 if size >= _MILLION else 1_000
    missed = {
        "! recall": row.recall < 0.95,
        "! short": row.short,
        "! p50": row.p50_us > slow,
        "! p95": row.share >= 0.5 and row.p95_us > 2 * row.plain_p95_us,
    }
    return " ".join(name for name, is_so in missed.items() if is_so)
