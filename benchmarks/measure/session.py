"""One run: its peers one after another, with what is known so far kept on disk."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.catalog.search import measure_catalog
from benchmarks.data import truth
from benchmarks.data.datasets import Dataset
from benchmarks.data.filters import SELECTIVITIES, mask
from benchmarks.machine import processor
from benchmarks.machine.limits import InsufficientError, require_disk
from benchmarks.measure import indexes
from benchmarks.measure.paired import Reference
from benchmarks.measure.peer import Plan, absent, measure_peer, serving
from benchmarks.peers import registry
from benchmarks.peers.base import Peer
from benchmarks.process.client import WorkerError
from benchmarks.progress import Progress
from benchmarks.results import SCHEMA, Data, PeerResult, QuerySet, Run, write

__all__ = ["Session", "build_all", "described", "require_room", "require_same_data"]


class Session:
    """The peers of one run, one after another, with what is known so far on disk."""

    def __init__(
        self, plan: Plan, data: Data, kept: Run | None, path: Path | None, *, catalog: bool
    ) -> None:
        self._plan, self._path, self._with_catalog = plan, path, catalog
        self._reference: Reference | None = None
        self._run = Run(
            schema=SCHEMA,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            command=["python", "-m", "benchmarks", *sys.argv[1:]],
            seed=plan.seed,
            machine=processor.machine(),
            data=data,
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
        if self._with_catalog:
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
                try:
                    return Reference(serving(self._plan, index), measured[peer.name])
                except WorkerError as error:
                    self._plan.progress(f"{peer.name} is no reference: {error}")
        return None

    def _keep(self, result: PeerResult) -> None:
        self._run = msgspec.structs.replace(self._run, peers=[*self._run.peers, result])
        self._write()

    def _catalog(self) -> None:
        result = measure_catalog(self._plan.dataset, self._plan.work, self._plan.progress)
        self._run = msgspec.structs.replace(self._run, catalog=result)
        self._write()

    def _write(self) -> None:
        if self._path is not None:
            write(self._run, self._path)

    def _estimate(self, done: int, total: int) -> None:
        if isinstance(self._plan.progress, Progress):
            self._plan.progress.estimate(done, total)


def require_same_data(kept: Run | None, dataset: Dataset) -> None:
    """Refuse to resume a run over other data, or one without paired rounds."""
    if kept is not None and kept.schema != SCHEMA:
        raise ValueError(f"expected results of schema {SCHEMA} to resume, got {kept.schema}")
    if kept is not None and kept.data.content_hash != dataset.content_hash:
        raise ValueError(
            f"expected results of the same data to resume, got those of {kept.data.name} "
            f"({kept.data.content_hash})"
        )


def require_room(peers: list[Peer], plan: Plan) -> None:
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


def build_all(peers: list[Peer], plan: Plan) -> int:
    """Build every peer's index; return 1 where one failed."""
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
                rebuild=plan.rebuild,
                progress=plan.progress,
            )
        except (WorkerError, InsufficientError, OSError) as error:
            failed = True
            plan.progress(f"{peer.name}: failed, {error}")
    return int(failed)


def described(plan: Plan) -> Data:
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
