"""Build peers over one dataset, then measure recall, speed, latency, memory and more of each.

::

    python -m benchmarks run --size 100k --json out.json
    python -m benchmarks run --size 1m --peers tv5core-int8,hnswlib --json out.json
    python -m benchmarks run --size 1m --build-only
    python -m benchmarks run --vectors titles.npy --queries texts.npy --quick

Indexes are kept under ``--work`` and found again by what they were built from. The JSON is written
after every peer; with ``--resume`` a later run measures only what is missing in it.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import msgspec

from benchmarks import data, indexes, truth
from benchmarks.client import WorkerError
from benchmarks.datasets import Dataset
from benchmarks.limits import InsufficientError, require_disk
from benchmarks.measure import processor
from benchmarks.measure.curves import cheapest
from benchmarks.measure.filtered import SELECTIVITIES, mask
from benchmarks.measure.peer import Plan, Reference, absent, measure_peer, shape_of
from benchmarks.peers import registry
from benchmarks.peers.base import Peer
from benchmarks.results import SCHEMA, Data, PeerResult, QuerySet, Run, read, write

__all__ = ["add_arguments", "main"]

_TARGET = 0.95


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    data.add_source_arguments(parser)
    parser.add_argument("--peers", default="all", help="names with commas between, or all")
    parser.add_argument("--json", type=Path, help="write results here, after every peer")
    parser.add_argument("--resume", action="store_true", help="keep what --json holds already")
    parser.add_argument(
        "--rounds", type=int, default=3, help="timed rounds, of which the best counts"
    )
    parser.add_argument(
        "--work", type=Path, help="folder of built indexes; in the cache by default"
    )
    parser.add_argument("--rebuild", action="store_true", help="build anew what was built before")
    parser.add_argument("--build-only", action="store_true", help="build and stop")
    parser.add_argument("--quick", action="store_true", help="the headline, roughly")
    parser.add_argument("--catalog", action="store_true", help="measure Catalog.search as well")


def main(options: argparse.Namespace) -> int:
    """Run; exit status 2 for bad input, 1 where a peer failed or had no room."""
    try:
        names = _names(options.peers)
        _check(options)
        kept = read(options.json) if options.resume and options.json.exists() else None
        dataset = data.prepare_from(options)
        _same_data(kept, dataset)
        plan = _plan(options, dataset, Progress())
        peers = [registry.make(name, shape_of(dataset)) for name in names]
        _require_disk(peers, plan)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    plan.work.mkdir(parents=True, exist_ok=True)
    if options.build_only:
        return _build_all(peers, plan)
    run = _Session(options, plan, _described(plan), kept).measure(peers)
    _print(run)
    return int(any(peer.status in ("failed", "skipped") for peer in run.peers))


class Progress:
    """Tell on the standard error what is going on, and since when."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.left = ""

    def __call__(self, message: str) -> None:
        """Tell one thing."""
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        print(f"[{minutes:3}:{seconds:02}{self.left}] {message}", file=sys.stderr, flush=True)

    def estimate(self, done: int, total: int) -> None:
        """Extrapolate roughly how long the rest takes."""
        if done:
            rest = (time.monotonic() - self._started) / done * (total - done)
            self.left = f", about {rest / 60:.0f} min left"


class _Session:
    """The peers of one run, one after another, with what is known so far on disk."""

    def __init__(
        self, options: argparse.Namespace, plan: Plan, described: Data, kept: Run | None
    ) -> None:
        self._options, self._plan = options, plan
        self._reference: Reference | None = None
        self._run = Run(
            schema=SCHEMA,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            command=["python", "-m", "benchmarks", *sys.argv[1:]],
            seed=plan.seed,
            machine=processor.machine(),
            data=described,
            peers=[_kept(peer) for peer in kept.peers if peer.status == "measured"] if kept else [],
            catalog=kept.catalog if kept else None,
            target_recall=plan.target,
        )

    def measure(self, peers: list[Peer]) -> Run:
        """Measure what is not known yet, the reference first."""
        known = {peer.name for peer in self._run.peers}
        rest = [peer for peer in _reference_first(peers) if peer.name not in known]
        try:
            for done, peer in enumerate(rest):
                self._estimate(done, len(rest))
                self._one(peer, peers)
        finally:
            if self._reference is not None:
                self._reference.close()
        if self._options.catalog:
            self._catalog()
        return self._run

    def _one(self, peer: Peer, peers: list[Peer]) -> None:
        reason = registry.missing(peer)
        if reason is not None:
            self._plan.progress(f"{peer.name}: {reason}")
            self._keep(absent(peer, reason))
            return
        if self._reference is None:
            self._reference = self._start_reference(peers)
        self._keep(measure_peer(peer, self._plan, self._reference))

    def _start_reference(self, peers: list[Peer]) -> Reference | None:
        """Open the first measured peer of the list again, to run beside those to come."""
        measured = {peer.name: peer for peer in self._run.peers if peer.status == "measured"}
        for peer in _reference_first(peers):
            if peer.name not in measured:
                continue
            index = indexes.find(peer, self._plan.dataset, self._plan.work)
            if index is not None:
                curve = measured[peer.name].curves[0]
                setting = cheapest(curve.points, self._plan.target).setting
                try:
                    return Reference(self._plan, index, setting)
                except WorkerError as error:
                    self._plan.progress(f"{peer.name} is no reference: {error}")
        return None

    def _keep(self, result: PeerResult) -> None:
        self._run = msgspec.structs.replace(self._run, peers=[*self._run.peers, result])
        self._write()

    def _catalog(self) -> None:
        if find_spec("benchmarks.measure.catalog") is None:
            self._plan.progress("the catalogue is not measured: its module is not there")
            return
        measure = import_module("benchmarks.measure.catalog").measure_catalog
        told = measure(self._plan.dataset, self._plan.work, self._plan.progress)
        self._run = msgspec.structs.replace(self._run, catalog=told)
        self._write()

    def _write(self) -> None:
        if self._options.json:
            write(self._run, self._options.json)

    def _estimate(self, done: int, total: int) -> None:
        if isinstance(self._plan.progress, Progress):
            self._plan.progress.estimate(done, total)


def _names(told: str) -> list[str]:
    names = list(registry.NAMES) if told == "all" else [n.strip() for n in told.split(",")]
    unknown = [name for name in names if name not in registry.NAMES]
    if unknown or len(set(names)) < len(names):
        raise ValueError(
            f"expected --peers among {', '.join(registry.NAMES)}, each once, got {told!r}"
        )
    return names


def _check(options: argparse.Namespace) -> None:
    if options.rounds < 1:
        raise ValueError(f"expected --rounds of at least 1, got {options.rounds}")
    if options.resume and options.json is None:
        raise ValueError("expected --json FILE with --resume, got none")
    if options.json and not options.json.absolute().parent.is_dir():
        raise ValueError(f"expected a folder for --json, got {options.json.absolute().parent}")


def _same_data(kept: Run | None, dataset: Dataset) -> None:
    if kept is not None and kept.data.content_hash != dataset.content_hash:
        raise ValueError(
            f"expected results of the same data to resume, got those of {kept.data.name} "
            f"({kept.data.content_hash})"
        )


def _plan(options: argparse.Namespace, dataset: Dataset, progress: Progress) -> Plan:
    return Plan(
        dataset=dataset,
        work=(options.work or options.cache / "indexes").absolute(),
        cores=processor.cores(),
        rounds=1 if options.quick else options.rounds,
        seed=options.seed,
        target=_TARGET,
        rebuild=options.rebuild,
        quick=options.quick,
        progress=progress,
    )


def _require_disk(peers: list[Peer], plan: Plan) -> None:
    """Refuse a run whose indexes, those to come together, have no room."""
    to_come = [
        peer
        for peer in peers
        if registry.missing(peer) is None
        and (plan.rebuild or indexes.find(peer, plan.dataset, plan.work) is None)
    ]
    if to_come:
        total = sum(peer.index_bytes for peer in to_come)
        require_disk(plan.work, total, f"the indexes of {len(to_come)} peers")


def _build_all(peers: list[Peer], plan: Plan) -> int:
    failed = False
    for peer in peers:
        reason = registry.missing(peer)
        if reason is not None:
            plan.progress(f"{peer.name}: {reason}")
            continue
        try:
            indexes.build(
                peer,
                plan.dataset,
                plan.work,
                plan.cores,
                anew=plan.rebuild,
                progress=plan.progress,
            )
        except (WorkerError, InsufficientError, OSError) as error:
            failed = True
            plan.progress(f"{peer.name}: failed, {error}")
    return int(failed)


def _described(plan: Plan) -> Data:
    """Describe the data; its true neighbours, filtered ones too, are found and kept on the way."""
    dataset, rows = plan.dataset, len(plan.dataset.vectors)
    hard = {kind: truth.describe(dataset, kind, plan.progress) for kind in dataset.queries}
    for share in () if plan.quick else SELECTIVITIES:
        allowed = mask(rows, share, plan.seed)
        truth.neighbours(dataset, "title", 10, allowed=allowed, progress=plan.progress)
    return Data(
        name=dataset.name,
        rows=rows,
        dim=dataset.vectors.shape[1],
        metric=dataset.metric,
        content_hash=dataset.content_hash,
        queries={
            kind: QuerySet(count=len(dataset.queries[kind]), **hard[kind]._asdict())
            for kind in dataset.queries
        },
    )


def _kept(peer: PeerResult) -> PeerResult:
    note = "measured in an earlier run that wrote to the same file"
    notes = peer.notes if note in peer.notes else [*peer.notes, note]
    return msgspec.structs.replace(peer, notes=notes)


def _reference_first(peers: list[Peer]) -> list[Peer]:
    return sorted(peers, key=lambda peer: peer.name != registry.REFERENCE)


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
