"""Storage, memory and queries a second a component, at the size of a catalogue and as planned.

::

    python -m benchmarks scale --catalog FOLDER [--catalog OTHER] [--seconds 2]
    python -m benchmarks scale --index FOLDER --queries vectors.npy

Prints a table, target against measured: metadata in 5 GB and vectors in 550 MB at a million titles,
500 to 1,200 searches of vectors a second. Sizes that no catalogue has are projected from the bytes
of its titles. Catalogues are opened to read; ``--index`` is a sealed index of vectors alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

from benchmarks.catalog.scale import Line, index_lines, measure_catalog
from benchmarks.progress import say
from tv5core.server.process.serving import make_demo_catalog

__all__ = ["add_arguments", "main"]

_MARKS = {True: "yes", False: "NO", None: ""}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--catalog", type=Path, action="append", help="by default the demo's")
    parser.add_argument("--index", type=Path, help="a sealed index of vectors")
    parser.add_argument("--queries", type=Path, help="queries for it, a file of NumPy")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each component")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Measure and print."""
    if (options.index is None) != (options.queries is None):
        raise SystemExit("expected --index and --queries together, got one of them")
    lines: list[Line] = []
    for folder in options.catalog or ([] if options.index else [None]):
        say(str(folder or "the demo's"))
        lines += _of(folder, options.seconds)
    if options.index is not None:
        lines += index_lines(options.index, options.queries, options.seconds)
    if options.json:
        print(json.dumps([dataclasses.asdict(line) for line in lines], indent=1))
    else:
        _print(lines)
    return 0


def _of(folder: Path | None, seconds: float) -> list[Line]:
    if folder is not None:
        return measure_catalog(folder, seconds)
    with tempfile.TemporaryDirectory(prefix="tv5-scale-") as made:
        demo = Path(made) / "catalog"
        make_demo_catalog(demo)
        return measure_catalog(demo, seconds)


def _print(lines: list[Line]) -> None:
    print("| component | titles | target | measured | met |")
    print("|---|--:|--:|--:|---|")
    for line in lines:
        met = _MARKS[line.met]
        print(f"| {line.what} | {line.size:,} | {line.target} | {line.measured} | {met} |")
