"""Build peers over one dataset, then measure recall, speed, latency, memory and more of each.

::

    python -m benchmarks run --size 100k --json out.json
    python -m benchmarks run --size 1m --peers tv5core-int8,hnswlib --json out.json
    python -m benchmarks run --size 1m --build-only
    python -m benchmarks run --vectors titles.npy --queries texts.npy --quick

The first peer measured, tv5core-int8 where it takes part, stays open and takes turns with each
other peer, both at the same recall; ratios of speeds come from those rounds alone.

Indexes are kept under ``--work`` and found again by what they were built from. The JSON is written
after every peer; with ``--resume`` a later run measures only what is missing in it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.data.datasets import Dataset
from benchmarks.data.options import add_source_arguments, prepare_from
from benchmarks.machine import processor
from benchmarks.measure.curves import cheapest
from benchmarks.measure.peer import Plan, shape_of
from benchmarks.measure.session import (
    Session,
    build_all,
    described,
    require_room,
    require_same_data,
)
from benchmarks.peers import registry
from benchmarks.progress import Progress
from benchmarks.results import Run, read

__all__ = ["add_arguments", "main"]

_TARGET = 0.95


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    add_source_arguments(parser)
    parser.add_argument("--peers", default="all", help="names with commas between, or all")
    parser.add_argument("--json", type=Path, help="write results here, after every peer")
    parser.add_argument("--resume", action="store_true", help="keep what --json holds already")
    parser.add_argument(
        "--rounds", type=int, default=3, help="timed rounds of a curve, of which the best counts"
    )
    parser.add_argument(
        "--turns", type=int, default=5, help="rounds in turns with tv5core-int8, for the ratio"
    )
    parser.add_argument(
        "--work", type=Path, help="folder of built indexes; in the cache by default"
    )
    parser.add_argument("--rebuild", action="store_true", help="build again what was built before")
    parser.add_argument("--build-only", action="store_true", help="build and stop")
    parser.add_argument("--quick", action="store_true", help="the headline, roughly")
    parser.add_argument("--catalog", action="store_true", help="measure Catalog.search as well")


def main(options: argparse.Namespace) -> int:
    """Run; exit status 2 for bad input, 1 where a peer failed or had no room."""
    try:
        names = _names(options.peers)
        _check(options)
        kept = read(options.json) if options.resume and options.json.exists() else None
        dataset = prepare_from(options)
        require_same_data(kept, dataset)
        plan = _plan(options, dataset, Progress())
        peers = [registry.make(name, shape_of(dataset)) for name in names]
        require_room(peers, plan)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    plan.work.mkdir(parents=True, exist_ok=True)
    if options.build_only:
        return build_all(peers, plan)
    run = Session(plan, described(plan), kept, options.json, catalog=options.catalog).measure(peers)
    _print(run)
    return int(any(peer.status in ("failed", "skipped") for peer in run.peers))


def _names(given: str) -> list[str]:
    names = list(registry.NAMES) if given == "all" else [n.strip() for n in given.split(",")]
    unknown = [name for name in names if name not in registry.NAMES]
    if unknown or len(set(names)) < len(names):
        raise ValueError(
            f"expected --peers among {', '.join(registry.NAMES)}, each once, got {given!r}"
        )
    return names


def _check(options: argparse.Namespace) -> None:
    if options.rounds < 1:
        raise ValueError(f"expected --rounds of at least 1, got {options.rounds}")
    if options.turns < 1:
        raise ValueError(f"expected --turns of at least 1, got {options.turns}")
    if options.resume and options.json is None:
        raise ValueError("expected --json FILE with --resume, got none")
    if options.json and not options.json.absolute().parent.is_dir():
        raise ValueError(f"expected a folder for --json, got {options.json.absolute().parent}")


def _plan(options: argparse.Namespace, dataset: Dataset, progress: Progress) -> Plan:
    return Plan(
        dataset=dataset,
        work=(options.work or options.cache / "indexes").absolute(),
        cores=processor.cores(),
        rounds=1 if options.quick else options.rounds,
        turns=1 if options.quick else options.turns,
        seed=options.seed,
        target=_TARGET,
        rebuild=options.rebuild,
        quick=options.quick,
        progress=progress,
    )


def _print(run: Run) -> None:
    print(f"{run.data.name}: {run.data.rows:,} x {run.data.dim}, {run.machine.processor}")
    print(f"{'peer':<17} {'recall@10':>9} {'QPS':>8} {'p50 ms':>8} {'p99 ms':>8} {'build s':>8}")
    for peer in run.peers:
        if not peer.curves:
            print(f"{peer.name:<17} {peer.status}: {peer.reason}")
            continue
        best = cheapest(peer.curves[0].points, run.target_recall)
        times = [(one.p50_s * 1e3, one.p99_s * 1e3) for one in peer.latency[:1]] or [(0.0, 0.0)]
        seconds = peer.build.seconds if peer.build else 0.0
        print(
            f"{peer.name:<17} {best.recall:>9.4f} {best.qps:>8,.0f} {times[0][0]:>8.3f} "
            f"{times[0][1]:>8.3f} {seconds:>8.1f}" + ("" if peer.reason is None else "  failed")
        )
