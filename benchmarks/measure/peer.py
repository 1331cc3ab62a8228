"""Everything that is measured of one peer, in its processes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.data.datasets import Dataset
from benchmarks.machine.limits import InsufficientError, require_memory
from benchmarks.measure import indexes
from benchmarks.measure.curves import (
    Mode,
    as_calls,
    cheapest,
    front,
    measure_curve,
    survey,
    worth_timing,
)
from benchmarks.measure.filtered import measure_filtered
from benchmarks.measure.indexes import Index
from benchmarks.measure.opening import measure_opening
from benchmarks.measure.paired import Reference, measure_paired
from benchmarks.peers.base import Peer, Setting, Shape
from benchmarks.process.client import Client, WorkerError
from benchmarks.results import RECALLS, AddWhileSearching, Curve, Latency, PeerResult, Point

__all__ = ["Plan", "absent", "measure_peer", "serving", "shape_of"]

Progress = Callable[[str], None]
_LATENCY_S = 60.0
_SLOW_S, _FEW, _FEW_TURNS = 4.0, 4, 3


@dataclass(frozen=True)
class Plan:
    """What all peers of a run share."""

    dataset: Dataset
    work: Path
    cores: list[int]
    rounds: int
    turns: int
    seed: int
    target: float
    rebuild: bool
    quick: bool
    progress: Progress

    @property
    def one(self) -> list[int]:
        """The core of what has one thread."""
        return self.cores[:1]

    @property
    def min_s(self) -> float:
        """How long a timed round asks at least at one setting."""
        return 0.02 if self.quick else 0.3

    @property
    def calls(self) -> int:
        """Single calls to time."""
        return 300 if self.quick else 3_000


@dataclass
class _Known:
    """What is known of a peer so far; a failure keeps it."""

    curves: list[Curve] = field(default_factory=list)
    latency: list[Latency] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    other: dict[str, Any] = field(default_factory=dict)


def shape_of(dataset: Dataset) -> Shape:
    """Return the shape of a dataset's rows."""
    rows, dim = dataset.vectors.shape
    return Shape(rows, dim, dataset.metric)


def absent(peer: Peer, reason: str, status: str = "not installed") -> PeerResult:
    """Return the result of a peer that is not measured."""
    version = ""
    with suppress(ImportError):  # PackageNotFoundError is one
        version = peer.version()
    parameters = peer.parameters
    return PeerResult(peer.name, peer.label, peer.library, version, parameters, status, reason)


def measure_peer(peer: Peer, plan: Plan, reference: Reference | None) -> PeerResult:
    """Build and measure; what goes wrong becomes the result's reason.

    The peer takes turns with the reference, where there is one.
    """
    known = _Known(notes=list(peer.remarks))
    try:
        index = indexes.build(
            peer,
            plan.dataset,
            plan.work,
            plan.cores,
            rebuild=plan.rebuild,
            progress=plan.progress,
        )
        _note_index(known, index)
        require_memory(peer.serve_bytes, f"serving {peer.name}")
        _measure(peer, plan, index, reference, known)
    except InsufficientError as error:
        plan.progress(f"{peer.name}: skipped, {error}")
        return _result(peer, known, "skipped", str(error))
    except Exception as error:  # noqa: BLE001  # one peer's trouble must not end the others' run
        plain = isinstance(error, WorkerError)
        reason = str(error) if plain else f"{type(error).__name__}: {error}"
        plan.progress(f"{peer.name}: failed, {reason}")
        return _result(peer, known, "failed", reason)
    return _result(peer, known, "measured", None)


def _note_index(known: _Known, index: Index) -> None:
    known.other["build"] = index.sidecar.build
    known.other["disk_bytes"] = index.sidecar.disk_bytes
    if index.reused:
        known.notes.append(f"built {index.sidecar.created}, reused here")


def _measure(
    peer: Peer, plan: Plan, index: Index, reference: Reference | None, known: _Known
) -> None:
    with serving(plan, index) as client:
        client.ask("open")
        _curves(peer, plan, client, reference, known)
        plan.progress(f"{peer.name}: latency of single calls")
        _latencies(plan, client, known)
        if peer.filters and not plan.quick:
            _filtered(peer, plan, client, known)
    setting = cheapest(known.curves[0].points, plan.target).setting
    plan.progress(f"{peer.name}: opening and memory")
    opening, memory, notes = measure_opening(lambda: serving(plan, index), index.files, setting)
    known.other |= {"opening": opening, "memory": memory}
    known.notes += notes
    if peer.adds and not plan.quick:
        _adding(peer, plan, index, setting, known)


def _curves(
    peer: Peer, plan: Plan, client: Client, reference: Reference | None, known: _Known
) -> None:
    step = 2 if plan.quick else 1
    for mode in _surveyed(plan):
        plan.progress(f"{peer.name}: {mode.described()}")
        points = survey(client, mode, [some[::step] for some in peer.settings(mode.k)])
        most = _most(plan, points, 10 if known.curves else 16)
        curve = measure_curve(client, mode, points, plan.rounds, plan.target, most)
        known.curves.append(_paired(plan, client, mode, curve, reference))
    _repeat(peer, plan, client, reference, known)


def _repeat(
    peer: Peer, plan: Plan, client: Client, reference: Reference | None, known: _Known
) -> None:
    points = known.curves[0].points
    edge = front(points)
    # A machine that stood still for a moment leaves a front of very few points.
    some = edge if len(edge) >= _FEW else points
    headline = as_calls(worth_timing(some, plan.target, most=_most(plan, points, 8)))
    for mode in _repeated(plan, known):
        plan.progress(f"{peer.name}: {mode.described()}")
        curve = measure_curve(client, mode, headline, plan.rounds, plan.target)
        known.curves.append(_paired(plan, client, mode, curve, reference))


def _paired(
    plan: Plan, client: Client, mode: Mode, curve: Curve, reference: Reference | None
) -> Curve:
    """Add the rounds in turns with the reference, at each recall that both reach."""
    if reference is None:
        return curve
    plain = mode.k == 10 and mode.batch > 1 and len(mode.cores) == 1
    slow = _is_slow(plan, curve.points)
    recalls = RECALLS if plain and not slow and not plan.quick else (plan.target,)
    turns = min(plan.turns, _FEW_TURNS) if slow else plan.turns
    found = [measure_paired(client, reference, mode, curve, each, turns) for each in recalls]
    return msgspec.structs.replace(curve, paired=[one for one in found if one is not None])


def _most(plan: Plan, points: list[Point], most: int) -> int:
    """Return how many settings to time: few where asking all queries takes seconds."""
    return min(most, _FEW) if _is_slow(plan, points) else most


def _is_slow(plan: Plan, points: list[Point]) -> bool:
    return len(plan.dataset.queries["title"]) / cheapest(points, plan.target).qps > _SLOW_S


def _surveyed(plan: Plan) -> list[Mode]:
    modes = [_mode(plan, "title", 10)]
    if "text" in plan.dataset.queries and not plan.quick:
        modes.append(_mode(plan, "text", 10))
    return modes if plan.quick else [*modes, _mode(plan, "title", 100)]


def _repeated(plan: Plan, known: _Known) -> list[Mode]:
    """Return the ways of asking that find what batches found, so that only speed is new."""
    modes = [Mode("title", 10, 1, plan.one, plan.min_s)]
    if len(plan.cores) < 2:
        known.notes.append("two threads are not measured: there is one core")
        return modes
    size = len(plan.dataset.queries["title"])
    return [*modes, *(Mode("title", 10, batch, plan.cores[:2], plan.min_s) for batch in (size, 1))]


def _mode(plan: Plan, queries: str, k: int) -> Mode:
    return Mode(queries, k, len(plan.dataset.queries[queries]), plan.one, plan.min_s)


def _latencies(plan: Plan, client: Client, known: _Known) -> None:
    for curve in known.curves:
        if curve.k == 10 and curve.batch > 1 and curve.threads == 1:
            known.latency.append(_latency(plan, client, curve))


def _latency(plan: Plan, client: Client, curve: Curve) -> Latency:
    point = cheapest(curve.points, plan.target)
    answer = client.ask(
        "latency",
        queries=curve.queries,
        k=curve.k,
        setting=point.setting,
        cores=plan.one,
        calls=plan.calls,
        max_s=_LATENCY_S,
    )
    quantiles = answer["quantiles_s"]
    return Latency(
        queries=curve.queries,
        k=curve.k,
        setting=point.setting,
        recall=point.recall,
        calls=answer["calls"],
        p50_s=quantiles[50],
        p95_s=quantiles[95],
        p99_s=quantiles[99],
        quantiles_s=quantiles,
    )


def _filtered(peer: Peer, plan: Plan, client: Client, known: _Known) -> None:
    plan.progress(f"{peer.name}: filtered search")
    settings = _for_filters(known.curves[0].points, peer.settings(10)[-1], plan.target)
    try:
        known.other["filtered"] = measure_filtered(
            client, settings, plan.one, plan.target, plan.seed
        )
    except WorkerError as error:
        known.notes.append(f"filtered search failed: {error}")


def _for_filters(points: list[Point], widest: list[Setting], target: float) -> list[Setting]:
    """Return the cheapest setting, two slower ones of the front, and the ladder's last ones.

    A graph walked past rows that are not allowed needs wider walks than any without a filter.
    """
    yardstick = cheapest(points, target)
    slower = [point.setting for point in front(points) if point.qps < yardstick.qps]
    known = [yardstick.setting, *slower[:: max(1, len(slower) // 2)][:2]]
    return known + [setting for setting in widest[-3::2] if setting not in known]


def _adding(peer: Peer, plan: Plan, index: Index, setting: Setting, known: _Known) -> None:
    plan.progress(f"{peer.name}: adding while searching")
    try:
        with serving(plan, index) as client:
            answer = client.ask("adding", setting=setting, cores=plan.cores[:2], seed=plan.seed)
        known.other["adding"] = msgspec.convert(answer, AddWhileSearching)
    except WorkerError as error:
        known.notes.append(f"adding while searching failed: {error}")


def _result(peer: Peer, known: _Known, status: str, reason: str | None) -> PeerResult:
    return PeerResult(
        name=peer.name,
        label=peer.label,
        library=peer.library,
        version=peer.version(),
        parameters=peer.parameters,
        status=status,
        reason=reason,
        curves=known.curves,
        latency=known.latency,
        notes=known.notes,
        **known.other,
    )


def serving(plan: Plan, index: Index) -> Client:
    """Start a process that serves an index."""
    return Client(
        index.sidecar.peer,
        plan.dataset.folder,
        index.files,
        index.folder / "serve.log",
        plan.cores,
    )
