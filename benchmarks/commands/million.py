"""What a sealed catalogue takes and does, against what is required of a million.

::

    python -m benchmarks search --size 1m                    # makes one, in the cache
    python -m benchmarks million --catalog FOLDER --readme     # reads it, and makes a backup beside

Requirements of a size count for catalogues of about that size; what is missed is said so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.catalog import million
from benchmarks.catalog.million import Filtered, Scale
from benchmarks.catalog.requirements import METADATA_BYTES, QPS, RECALL, TITLES, VECTOR_BYTES
from benchmarks.machine.processor import machine
from benchmarks.progress import Progress
from benchmarks.report import readme, text
from benchmarks.results import Machine
from tv5core.errors import Tv5Error

__all__ = ["add_arguments", "main"]

_MB, _GB = 10**6, 10**9
_MARKER = "<!-- benchmark million -->"


class Run(msgspec.Struct, frozen=True):
    """A run, as ``--json`` writes it."""

    machine: Machine
    scale: Scale


class Line(NamedTuple):
    """One requirement, and what was measured."""

    what: str
    required: str
    measured: str
    met: bool | None
    """None where nothing is required."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--catalog", type=Path, required=True, help="a sealed catalogue")
    parser.add_argument("--backup", type=Path, help="folder of the backup (default: beside it)")
    parser.add_argument("--queries", type=int, default=300, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--readme", type=Path, nargs="?", const=Path(__file__).parents[1] / "README.md",
        help="replace the table in this page (default: benchmarks/README.md)",
    )  # fmt: skip
    parser.add_argument(
        "--json", type=Path, nargs="?", const=Path("-"), help="print JSON, or write it to a file"
    )


def main(options: argparse.Namespace) -> int:
    """Measure and print; exit status 2 where something is not as expected."""
    copy = options.backup or options.catalog.with_name(options.catalog.name + ".backup")
    try:
        _check(options.queries, copy)
        before = machine()
        found = million.measure(options.catalog, copy, options.queries, Progress(), options.seed)
        run = Run(before, found)
        if options.readme:
            readme.update(options.readme, {_MARKER: page(run)})
    except (ValueError, OSError, Tv5Error) as error:
        print(f"benchmarks million: {error}", file=sys.stderr)
        return 2
    encoded = msgspec.json.format(msgspec.json.encode(run)).decode()
    if options.json and options.json != Path("-"):
        options.json.write_text(encoded + "\n", "utf-8")
    print(encoded if options.json == Path("-") else page(run))
    return 0


def _check(queries: int, copy: Path) -> None:
    if queries < 10:
        raise ValueError(f"expected --queries of at least 10, got {queries}")
    if copy.exists():
        raise ValueError(f"expected no folder {copy} yet, got one")


def page(run: Run) -> str:
    """Return the table, what is missed first."""
    lines = sorted(lines_of(run.scale), key=lambda line: line.met is not False)
    verdicts = {True: "met", False: "**MISSED**", None: ""}
    rows = [[line.what, line.required, line.measured, verdicts[line.met]] for line in lines]
    where = (
        f"{run.scale.titles:,} titles, {run.scale.dim} dimensions; {run.machine.processor}, "
        f"{run.machine.cores} cores, load {run.machine.load_before:.1f} before; one thread.\n"
    )
    return "\n".join([where, text.table(["what", "required at 1 M", "measured", ""], rows)])


def lines_of(found: Scale) -> list[Line]:
    """Compare what was measured with what is required of a million titles."""
    return [*_sizes(found), *_speeds(found), *map(_of_filter, found.filtered), *_upkeep(found)]


def _sizes(found: Scale) -> Iterator[Line]:
    sizes, share = found.bytes, found.titles / TITLES
    meta = sizes["titles"] + sizes.get("words", 0) + sizes.get("columns", 0)
    walked, rows = sizes.get("graph", 0), sizes.get("rows", 0)
    yield Line("metadata: titles, words, columns", f"<= {METADATA_BYTES * share / _GB:.3g} GB",
               f"{meta / _GB:.2f} GB", meta <= METADATA_BYTES * share)  # fmt: skip
    most = VECTOR_BYTES * share
    for what, size in (
        ("vectors: graph and codes, which are walked", walked),
        ("vectors: with the int8 rows that rescore, mapped", walked + rows),
    ):
        yield Line(what, f"<= {most / _MB:.3g} MB", f"{size / _MB:.0f} MB", size <= most)
    for kind, size in sizes.items():
        yield Line(f"on disk: {kind}", "", f"{size / found.titles:,.0f} B/title", None)
    held = f"{found.anonymous_bytes / _MB:,.0f} MB + {found.file_bytes / _MB:,.0f} MB"
    yield Line("memory after these searches, anonymous + mapped", "", held, None)


def _speeds(found: Scale) -> Iterator[Line]:
    vectors, suggest = found.vectors, found.suggest
    recall = vectors.recall or 0.0
    yield Line(
        "vector search to decoded titles, titles' own vectors, k = 10",
        f">= {QPS[0]:.0f} QPS at recall {RECALL}",
        f"{vectors.qps:,.0f} QPS at {recall:.3f}, p50/p99 {_ms(vectors.p50_s, vectors.p99_s)} ms",
        vectors.qps >= QPS[0] and recall >= RECALL,
    )
    yield Line("suggest", "p99 <= 5 ms", f"p50/p99 {_ms(suggest.p50_s, suggest.p99_s)} ms",
               suggest.p99_s <= 5e-3)  # fmt: skip


def _of_filter(found: Filtered) -> Line:
    speed, plain = found.speed, found.plain
    recall = 0.0 if speed.recall is None else speed.recall
    slower = speed.p95_s / plain.p95_s
    met = recall >= RECALL and speed.p50_s <= 2e-3 and slower <= 2
    measured = f"{recall:.3f}, p50 {_ms(speed.p50_s)} ms, p95 {_ms(speed.p95_s)} ms = {slower:.1f}x"
    what = f"filter `{found.where}`, {found.share:.3%} of the titles, {found.about}"
    return Line(what, f"recall {RECALL}, p50 <= 2 ms, p95 <= 2x", measured, met)


def _upkeep(found: Scale) -> Iterator[Line]:
    yield Line("opening / first search", "", f"{found.open_s:.2f} s / {found.first_search_s:.2f} s",
               None)  # fmt: skip
    sound = "sound" if found.sound else "NOT sound"
    yield Line("verify, every byte", "sound", f"{sound}, {found.verify_s:.0f} s", found.sound)
    same = "same answers" if found.backup_answers else "OTHER answers"
    size = f"{found.backup_bytes / _GB:.2f} GB"
    yield Line("backup, opened and searched", "same answers",
               f"{same}, {found.backup_s:.0f} s, {size}", found.backup_answers)  # fmt: skip


def _ms(*seconds: float) -> str:
    return " / ".join(map(text.milliseconds, seconds))
