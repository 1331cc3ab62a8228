"""Prepare vectors to measure with, and describe how hard they are.

::

    python -m benchmarks data --size 100k
    python -m benchmarks data --vectors titles.npy --queries texts.npy --held-out 1000
    python -m benchmarks data --vectors glove-100-angular.hdf5

For each set of queries it prints the median cosine at the 1st, 10th and 100th true neighbour and
the median local intrinsic dimension: low cosines and high dimensions are hard.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks.data.datasets import Dataset
from benchmarks.data.options import add_source_arguments, prepare_from
from benchmarks.data.rows import open_rows
from benchmarks.data.truth import describe, neighbours
from benchmarks.progress import say
from tv5core.vector_files.hdf5 import true_neighbours

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    add_source_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Prepare and print; exit status 2 for bad input."""
    try:
        dataset = prepare_from(options)
        hardness = {kind: describe(dataset, kind, say)._asdict() for kind in dataset.queries}
    except ValueError as error:
        say(f"error: {error}")
        return 2
    agreement = _agreement(options.vectors, dataset)
    if options.json:
        print(json.dumps(_described(dataset, hardness, agreement), indent=2))
    else:
        _print(dataset, hardness, agreement)
    return 0


def _agreement(path: Path | None, dataset: Dataset) -> float | None:
    """Return the share of the file's own ten neighbours that ours hold, where it gives any."""
    given = true_neighbours(path) if path and open_rows(path).is_hdf5 else None
    if given is None:
        return None
    ours = neighbours(dataset)[0][:, :10]
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(given[:, :10], ours, strict=True)]))


def _described(
    dataset: Dataset, hardness: dict[str, dict[str, float]], agreement: float | None
) -> dict[str, object]:
    rows, dim = dataset.vectors.shape
    counted = {
        kind: {"count": len(dataset.queries[kind]), **hard} for kind, hard in hardness.items()
    }
    return {
        "name": dataset.name,
        "folder": str(dataset.folder),
        "rows": rows,
        "dim": dim,
        "metric": dataset.metric,
        "content_hash": dataset.content_hash,
        "queries": counted,
        "agreement_with_given_neighbours": agreement,
    }


def _print(
    dataset: Dataset, hardness: dict[str, dict[str, float]], agreement: float | None
) -> None:
    rows, dim = dataset.vectors.shape
    print(f"{dataset.name}: {rows:,} rows of {dim} dimensions to index, {dataset.metric}")
    print(f"in {dataset.folder}, content {dataset.content_hash}")
    for kind, hard in hardness.items():
        print(
            f"{kind + ' queries':<14} {len(dataset.queries[kind]):>6,}  cosine at 1/10/100: "
            f"{hard['first']:.3f} / {hard['tenth']:.3f} / {hard['hundredth']:.3f}, "
            f"local intrinsic dimension {hard['dimension']:.1f}"
        )
    if agreement is not None:
        print(f"the file's own ten neighbours are among ours: {agreement:.4f}")
