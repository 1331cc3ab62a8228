r"""Where a query's time goes, quantized against full precision on the same data.

::

    python -m benchmarks profile                                     # 100,000 generated rows
    python -m benchmarks profile --vectors titles.npy --expansion-search 96 --oversampling 4
    python -m benchmarks profile --size 1m --index kept --json       # built there if it is not
    python -m benchmarks profile --vectors titles.npy \
        --against usearch-f32 --against usearch-f16 --against faiss-flat --html profile.html

Quantized, a search centres, rotates and quantizes the query (prepare), walks the graph over
one-bit codes (walk), scores the best candidates by their stored rows (rescore) and turns rows
into keys. The walk's estimates are the only ones: there is no second round of estimating. Each
stage is timed alone over all queries, by the kernel that :meth:`VectorIndex.search` calls for all
of them at once; the line below compares the sum with that call, and with single calls.

Full precision is usearch, float32 and float16, on the same vectors at the least effort that reaches
the same recall, split into comparing rows and everything else; ``--against`` takes others, such as
a flat scan of FAISS. ``--html`` writes stages, bytes and the curves of recall against time to a
page that stands alone.

``--against hnswlib`` is by stages, too: M=16, efConstruction=200, the least ``ef`` that reaches the
same recall, and an exact scan. Its visited nodes are counted by walking again over its saved links.
Bytes are worked out from the records, links and rows that are read.

Without settings the index is calibrated to 0.95 on every other query. All runs on one core, and
all times but that of single calls are processor time, so that a busy machine adds nothing.

Where the time goes within a stage, function by function (Linux)::

    python -m benchmarks profile --index kept --quantized-only       # once, to build
    perf record -g -o perf.data \
        python -m benchmarks profile --index kept --only walk --seconds 20 \
        --expansion-search 96 --oversampling 4
    perf report -i perf.data --no-children --dsos _native.abi3.so
    perf annotate -i perf.data walk
    perf stat -e cycles,instructions,cache-misses,dTLB-load-misses -- ...   # the same command
    py-spy record --native --rate 200 -o profile.svg -- ...                 # the same command

``--only`` repeats one thing for some seconds: ``prepare``, ``walk``, ``rescore``, ``search`` (the
whole call in batches) or ``single`` (one query a call, Python's share included: what py-spy is
for). Given settings spare the calibration. Kernels are inlined into ``walk``: to separate them,
``CFLAGS=-g python setup.py build_ext --inplace --force`` and ``perf annotate``. Many virtual
machines have no counters: ``perf stat`` says "not supported" there, and ``perf record`` samples by
the clock, which is enough for shares. Where ``perf_event_paranoid`` is above 2, perf needs root;
where ptrace is forbidden, py-spy needs ``--nonblocking``.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.data import truth
from benchmarks.data.datasets import Dataset
from benchmarks.data.options import add_source_arguments, prepare_from
from benchmarks.machine import processor
from benchmarks.profiling.against import (
    AGAINST,
    measure,
    missing,
    quantized_curve,
    usearch_file,
)
from benchmarks.profiling.full_precision import graph_file
from benchmarks.profiling.page import write
from benchmarks.profiling.profiler import Profile, full_precision_stages, profile, repeat, work
from benchmarks.profiling.stages import Asked, catalogue_stage
from benchmarks.profiling.table import encoded, table
from benchmarks.progress import say
from tv5core.errors import CatalogError, CorruptFileError
from tv5core.vectors import SearchSettings, VectorIndex, folder

__all__ = ["add_arguments", "main"]

ONLY = ("prepare", "walk", "rescore", "search", "single")
BY_DEFAULT = ("usearch-f32", "usearch-f16")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_source_arguments(parser)
    parser.add_argument("--kind", default="title", help="which queries (default: title)")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--expansion-search", type=int, help="instead of calibrating")
    parser.add_argument("--oversampling", type=float, help="instead of calibrating")
    parser.add_argument("--error-margin", type=float, help="with these two; default: none")
    parser.add_argument("--rescoring", choices=("int8", "float16", "float32"), default="int8")
    parser.add_argument(
        "--index", type=Path, help="folder to keep the index in; one that is there is used"
    )
    parser.add_argument("--titles", type=int, default=0, help="also decode, of so many titles")
    parser.add_argument("--quantized-only", action="store_true", help="leave full precision out")
    parser.add_argument("--only", choices=ONLY, help="repeat one thing, for a profiler")
    parser.add_argument("--seconds", type=float, default=10.0, help="for how long (with --only)")
    parser.add_argument(
        "--against", action="append", choices=sorted(AGAINST), default=[],
        help=f"full precision by this (default: {' and '.join(BY_DEFAULT)}); may be repeated",
    )  # fmt: skip
    parser.add_argument("--html", type=Path, help="also write a page with plots")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Measure and print; exit status 2 for bad input."""
    try:
        _check(options)
        dataset = prepare_from(options)
        with tempfile.TemporaryDirectory() as scratch:
            measured = _run(options, dataset, Path(scratch))
    except (ValueError, CatalogError, CorruptFileError) as error:
        say(f"benchmarks profile: {error}")
        return 2
    if measured is not None:
        if options.html is not None:
            write(measured, options.html)
        print(encoded(measured) if options.json else table(measured))
    return 0


def _check(options: argparse.Namespace) -> None:
    if (options.expansion_search is None) != (options.oversampling is None):
        raise ValueError("expected --expansion-search and --oversampling together, got one")
    if options.error_margin is not None and options.expansion_search is None:
        raise ValueError("expected --error-margin with --expansion-search and --oversampling only")
    if options.k < 1 or options.titles < 0 or options.seconds <= 0:
        raise ValueError(
            f"expected --k of at least 1, --titles of at least 0 and --seconds above 0, got "
            f"{options.k}, {options.titles} and {options.seconds:g}"
        )
    if options.index is not None and options.index.exists() and not options.index.is_dir():
        raise ValueError(f"expected --index to be a folder, got {options.index}")
    if options.html is not None and not options.html.parent.is_dir():
        raise ValueError(f"expected --html in a folder that is there, got {options.html}")
    if options.against and (options.quantized_only or options.only):
        raise ValueError("expected --against without --quantized-only and --only, got both")
    if lacking := missing(options.against):
        raise ValueError(f"expected {', '.join(lacking)} for --against, got none installed")
    if options.expansion_search is not None:
        _given(options)  # checks them


def _given(options: argparse.Namespace) -> SearchSettings:
    return SearchSettings(
        options.expansion_search, options.oversampling, error_margin=options.error_margin, min_k=1
    )


def _against(options: argparse.Namespace) -> list[str]:
    """Return the libraries of full precision to measure."""
    if options.quantized_only or options.only:
        return []
    return options.against or list(BY_DEFAULT)


def _run(options: argparse.Namespace, dataset: Dataset, scratch: Path) -> Profile | None:
    home = _built(dataset, options.index or scratch / "index", options.rescoring)
    others = _against(options)
    by_stages = "hnswlib" in others
    beside = [name for name in others if name != "hnswlib"]
    graph = graph_file(dataset, say) if by_stages else None
    for name in beside:
        if name.startswith("usearch-"):
            usearch_file(dataset, name.removeprefix("usearch-"))  # on all cores
    processor.pin(processor.cores()[:1])
    with VectorIndex.open(home) as index:
        asked = _asked(options, dataset, index)
        _, sealed = folder.open_reader(home)
        if sealed is None:
            raise ValueError(f"expected a sealed index in {home}, got one without rows")
        if options.only:
            repeat(work(options.only, index, sealed, asked), options.seconds)
            return None
        measured = profile(dataset, index, sealed, asked)
        if beside or options.html:
            say("searching from narrow to wide")
            curve = quantized_curve(index, asked)
            measured = msgspec.structs.replace(measured, curve=curve)
    if by_stages:
        stages = list(full_precision_stages(dataset, graph, asked, measured.recall))
        measured = msgspec.structs.replace(measured, full_precision=stages)
    if beside:
        systems = [measure(name, dataset, asked, measured.recall) for name in beside]
        measured = msgspec.structs.replace(measured, against=systems)
    if options.titles:
        say(f"decoding {options.titles:,} generated titles")
        decoded = catalogue_stage(scratch / "catalog", options.titles, asked.k)
        measured = msgspec.structs.replace(measured, quantized=[*measured.quantized, decoded])
    return msgspec.structs.replace(measured, queries=options.kind)


def _built(dataset: Dataset, home: Path, rescoring: str) -> Path:
    if not home.is_dir() or not any(home.iterdir()):
        say(f"building tv5core over {len(dataset.vectors):,} rows")
        VectorIndex.build(
            dataset.vectors, path=home, metric=dataset.metric, rescoring=rescoring
        ).close()
    return home


def _asked(options: argparse.Namespace, dataset: Dataset, index: VectorIndex) -> Asked:
    """Choose settings; where they are calibrated, measure with the other queries."""
    if options.kind not in dataset.queries:
        raise ValueError(f"expected --kind among {', '.join(dataset.queries)}, got {options.kind}")
    if len(index) != len(dataset.vectors) or index.dim != dataset.vectors.shape[1]:
        raise ValueError(
            f"expected an index of {dataset.vectors.shape}, got {len(index)} x {index.dim}"
        )
    queries = np.array(dataset.queries[options.kind])
    true = truth.neighbours(dataset, options.kind, max(100, options.k), progress=say)[0]
    if options.expansion_search is not None:
        return Asked(queries, true[:, : options.k], options.k, _given(options))
    say("calibrating")
    settings = index.settings_for(queries[::2].copy(), 0.95, options.k)
    return Asked(queries[1::2].copy(), true[1::2, : options.k], options.k, settings)
