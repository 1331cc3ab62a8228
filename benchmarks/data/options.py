"""The options that say which vectors a command measures with, and the checks before it begins."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from benchmarks.data.datasets import (
    Dataset,
    Generated,
    Source,
    default_cache,
    disk_needed,
    is_prepared,
    prepare,
)
from benchmarks.data.from_file import METRICS, FromFile
from benchmarks.data.truth import MEMORY_BYTES
from benchmarks.machine.limits import require_disk, require_memory
from benchmarks.progress import say

__all__ = ["add_source_arguments", "prepare_from", "require_room", "source_from"]

LEAST_ROWS = 1_000
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}
_MEMORY_BYTES = 250_000_000  # of a process that draws or converts rows, at any size


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
    return prepare(source, options.cache, say)


def require_room(source: Source, cache: Path) -> None:
    """Refuse to begin where the disk or memory for preparing and truth is lacking."""
    require_memory(_MEMORY_BYTES + MEMORY_BYTES, "preparing vectors and their true neighbours")
    if not is_prepared(source, cache):
        require_disk(cache, *disk_needed(source))


def _size(text: str) -> int:
    matched = re.fullmatch(r"(\d{1,12})([km]?)", text.lower())
    size = int(matched[1]) * _UNITS[matched[2]] if matched else 0
    if size < LEAST_ROWS:
        raise argparse.ArgumentTypeError(
            f"expected 100k, 1m or a number of at least {LEAST_ROWS:,}, got {text!r}"
        )
    return size
