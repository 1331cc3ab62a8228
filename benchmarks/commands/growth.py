"""An index that grows: live rows scanned and walked, and what it costs to add and to seal them.

::

    python -m benchmarks growth --size 100k
    python -m benchmarks growth --vectors titles.npy --sizes 10000,20000,50000

Live rows are searched with settings calibrated to 0.95 on a sealed index of as many rows, by a
scan, by a walk of usearch's graph, and as the planner chooses. One thread; p50 and p99 are of
single calls, each query at its best of three, and "batch" is a call for all. Rows where the choice
is slower than the other way, or misses the recall of the scan by more than 0.03, are marked "!".

An index is then sealed in steps of 2 %, and compared with one that is built of all rows: how long a
step takes, and recall and speed at one width. It is marked "!" where it is worse by more than 1 %.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks.data.options import add_source_arguments, prepare_from
from benchmarks.measure.growth import (
    AddRow,
    LiveRow,
    SealRow,
    measure_adding,
    measure_live,
    measure_sealing,
)
from benchmarks.peers.base import F32
from benchmarks.progress import say
from tv5core.vectors import VectorIndex

__all__ = ["add_arguments", "main"]

_K = 10
_ADDED = 3_000
_STEP, _WIDTH = 0.02, 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_source_arguments(parser)
    parser.add_argument("--sizes", default="10000,20000,50000", help="live rows")
    parser.add_argument("--steps", type=int, default=10, help="sealings, each of 2 %% more rows")
    parser.add_argument("--asked", type=int, default=200, help="queries of each kind")
    parser.add_argument("--target", type=float, default=0.95, help="recall calibrated to")
    parser.add_argument("--json", type=Path, help="also write the rows here")


def main(options: argparse.Namespace) -> int:
    """Measure and print tables; exit status 2 for bad input."""
    try:
        dataset = prepare_from(options)
        sizes = _sizes(options.sizes, len(dataset.vectors) - _ADDED)
    except ValueError as error:
        say(f"error: {error}")
        return 2
    half = options.asked
    asked = {kind: np.array(some[: 2 * half]) for kind, some in dataset.queries.items()}
    live, added = [], []
    for size in sizes:
        live += _live_rows(np.array(dataset.vectors[:size]), asked, options.target)
        some = np.array(dataset.vectors[: size + _ADDED])
        added += [measure_adding(some, size, linked=linked) for linked in (False, True)]
    sealed = _sealings(np.array(dataset.vectors), asked, options.steps)
    print(_table(live), _adding(added), _sealing(sealed), sep="\n\n")
    if options.json:
        found = {"live": live, "adding": added, "sealing": sealed}
        dicts = {name: [row._asdict() for row in rows] for name, rows in found.items()}
        options.json.write_text(json.dumps(dicts, indent=1))
    return 0


def _sizes(given: str, most: int) -> list[int]:
    sizes = [int(size) for size in given.split(",")]
    if max(sizes) > most or min(sizes) < 1:
        raise ValueError(f"expected sizes of 1 to {most}, got {sizes}")
    return sizes


def _sealings(vectors: F32, queries: dict[str, F32], steps: int) -> list[SealRow]:
    if not steps:
        return []
    say(f"{steps} sealings up to {len(vectors):,} rows")
    start = round(len(vectors) / (1 + _STEP * steps))
    return measure_sealing(vectors, start, steps, queries, _K, _WIDTH)


def _live_rows(vectors: F32, queries: dict[str, F32], target: float) -> list[LiveRow]:
    say(f"{len(vectors):,} live rows")
    with VectorIndex.build(vectors) as sealed:
        settings = {
            kind: sealed.settings_for(some[::2].copy(), target, _K)
            for kind, some in queries.items()
        }
    return measure_live(vectors, {k: q[1::2].copy() for k, q in queries.items()}, settings, _K)


def _table(rows: list[LiveRow]) -> str:
    head = (
        "| | live rows | queries | way | width | recall@10 | p50 us | p99 us | batch us a query |",
        "|---|--:|---|---|--:|--:|--:|--:|--:|",
    )
    marked = sorted(((_mark(row, rows), row) for row in rows), key=lambda pair: not pair[0])
    return "\n".join([*head, *(_line(mark, row) for mark, row in marked)])


def _mark(row: LiveRow, rows: list[LiveRow]) -> str:
    same = [one for one in rows if (one.rows, one.queries) == (row.rows, row.queries)]
    scan = next(one for one in same if one.way == "scan")
    if row.way != "chosen":
        return ""
    slow = row.p50_us > 1.15 * min(one.p50_us for one in same)
    return " ".join(["! slower"] * slow + ["! recall"] * (row.recall < scan.recall - 0.03))


def _line(mark: str, row: LiveRow) -> str:
    times = " | ".join(f"{us:,.0f}" for us in (row.p50_us, row.p99_us, row.batch_us))
    names = f"{mark} | {row.rows:,} | {row.queries} | {row.way} | {row.width}"
    return f"| {names} | {row.recall:.3f} | {times} |"


def _adding(rows: list[AddRow]) -> str:
    head = (
        "| live rows | linked behind | add p50 us | p99 us | worst us | us to link | B a row |",
        "|--:|---|--:|--:|--:|--:|--:|",
    )
    lines = [
        f"| {row.rows:,} | {'yes' if row.linked else 'no'} | {row.p50_us:,.0f} | {row.p99_us:,.0f} "
        f"| {row.worst_us:,.0f} | {row.linked_us:,.0f} | {row.bytes_a_row:,.0f} |"
        for row in rows
    ]
    return "\n".join([*head, *lines])


def _sealing(rows: list[SealRow]) -> str:
    head = (
        "| | rows | way | s to seal | queries | recall@10 | batch us a query |",
        "|---|--:|---|--:|---|--:|--:|",
    )
    fresh = {row.queries: row for row in rows if row.way != "grown"}
    lines = []
    for row in rows:
        other = fresh[row.queries]
        worse = row.recall < other.recall - 0.01 or row.batch_us > 1.01 * other.batch_us
        figures = f"{row.seal_s:.1f} | {row.queries} | {row.recall:.3f} | {row.batch_us:,.0f}"
        lines.append(f"| {'!' * worse} | {row.rows:,} | {row.way} | {figures} |")
    return "\n".join([*head, *lines])
