"""Prepare vectors to measure with, and tell how hard they are.

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
import re
import sys
from pathlib import Path

import numpy as np

from benchmarks.datasets import (
    Dataset,
    Generated,
    Source,
    default_cache,
    disk_needed,
    is_prepared,
    prepare,
)
from benchmarks.files import hdf5
from benchmarks.limits import require_disk, require_memory
from benchmarks.loaders import METRICS, FromFile
from benchmarks.truth import MEMORY_BYTES, describe, neighbours

__all__ = [
    "add_arguments",
    "add_source_arguments",
    "main",
    "prepare_from",
    "require_room",
    "source_from",
]

LEAST_ROWS = 1_000
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}
_MEMORY_BYTES = 250_000_000  # of a process that draws or converts rows, at any size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    add_source_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which data, for every command that needs some."""
    parser.add_argument(
        "--size", type=_size, default=None, help="generated rows: 100k (default), 1m or a number"
    )
    parser.add_argument("--vectors", type=Path, help=".npy, .fvecs, .bvecs or .hdf5 file instead")
    parser.add_argument("--queries", type=Path, help="file of queries for --vectors")
    parser.add_argument("--held-out", type=int, help="rows of --vectors to take out as queries")
    parser.add_argument("--metric", choices=METRICS, help="of --vectors; cosine by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--cache", type=Path, default=default_cache(), help="folder to keep data in"
    )


def source_from(options: argparse.Namespace) -> Source:
    """Return the source that the options name.

    Raises
    ------
    ValueError
        They contradict each other, or the file is missing or malformed.
    """
    if options.seed < 0:
        raise ValueError(f"expected --seed of at least 0, got {options.seed}")
    if options.vectors is None:
        for name in ("queries", "held_out", "metric"):
            if getattr(options, name) is not None:
                raise ValueError(f"expected --vectors with --{name.replace('_', '-')}, got none")
        return Generated(options.size or 100_000, seed=options.seed)
    if options.size is not None:
        raise ValueError("expected --size or --vectors, got both")
    return FromFile(
        options.vectors, options.queries, options.metric, options.held_out, options.seed
    )


def prepare_from(options: argparse.Namespace) -> Dataset:
    """Check the options and the machine, then prepare what they name.

    Raises
    ------
    ValueError
        Bad options, a malformed file, or too little disk or memory, before anything is written.
    """
    source = source_from(options)
    require_room(source, options.cache)
    return prepare(source, options.cache, _say)


def require_room(source: Source, cache: Path) -> None:
    """Refuse to begin where the disk or memory for preparing and truth is lacking."""
    require_memory(_MEMORY_BYTES + MEMORY_BYTES, "preparing vectors and their true neighbours")
    if not is_prepared(source, cache):
        require_disk(cache, *disk_needed(source))


def main(options: argparse.Namespace) -> int:
    """Prepare and print; exit status 2 for bad input."""
    try:
        dataset = prepare_from(options)
        told = {kind: describe(dataset, kind, _say)._asdict() for kind in dataset.queries}
    except ValueError as error:
        _say(f"error: {error}")
        return 2
    agreement = _agreement(options.vectors, dataset)
    if options.json:
        print(json.dumps(_described(dataset, told, agreement), indent=2))
    else:
        _print(dataset, told, agreement)
    return 0


def _agreement(path: Path | None, dataset: Dataset) -> float | None:
    """Return the share of the file's own ten neighbours that ours hold, where it gives any."""
    given = hdf5.given_neighbours(path) if path and hdf5.is_hdf5(path) else None
    if given is None:
        return None
    ours = neighbours(dataset)[0][:, :10]
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(given[:, :10], ours, strict=True)]))


def _described(
    dataset: Dataset, told: dict[str, dict[str, float]], agreement: float | None
) -> dict[str, object]:
    rows, dim = dataset.vectors.shape
    counted = {kind: {"count": len(dataset.queries[kind]), **hard} for kind, hard in told.items()}
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


def _print(dataset: Dataset, told: dict[str, dict[str, float]], agreement: float | None) -> None:
    rows, dim = dataset.vectors.shape
    print(f"{dataset.name}: {rows:,} rows of {dim} dimensions to index, {dataset.metric}")
    print(f"in {dataset.folder}, content {dataset.content_hash}")
    for kind, hard in told.items():
        print(
            f"{kind + ' queries':<14} {len(dataset.queries[kind]):>6,}  cosine at 1/10/100: "
            f"{hard['first']:.3f} / {hard['tenth']:.3f} / {hard['hundredth']:.3f}, "
            f"local intrinsic dimension {hard['dimension']:.1f}"
        )
    if agreement is not None:
        print(f"the file's own ten neighbours are among ours: {agreement:.4f}")


def _size(text: str) -> int:
    told = re.fullmatch(r"(\d{1,12})([km]?)", text.lower())
    size = int(told[1]) * _UNITS[told[2]] if told else 0
    if size < LEAST_ROWS:
        raise argparse.ArgumentTypeError(
            f"expected 100k, 1m or a number of at least {LEAST_ROWS:,}, got {text!r}"
        )
    return size


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m benchmarks data", description=__doc__)
    add_arguments(_parser)
    raise SystemExit(main(_parser.parse_args()))
