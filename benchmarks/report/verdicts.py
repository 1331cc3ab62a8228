"""Where tv5core loses, and which of its targets it meets: both worked out, neither chosen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from benchmarks.report import text
from benchmarks.report.curves import Ratio, find_curve, paired_ratio, ratio_at, speed_at
from benchmarks.report.figures import (
    OURS,
    Cost,
    amount,
    costs,
    curve_of,
    filtered_at,
    find_peer,
    graph_and_codes,
    latency_of,
    measured,
    reaches,
    selectivities,
    workloads,
)
from benchmarks.results import RECALLS, Curve, Latency, PeerResult, Run

__all__ = ["Loss", "Verdict", "grouped", "losses", "speed_ratio", "targets"]


_LARGE = 500_000
"""From so many rows on the targets for a million apply, below those for 100,000."""


class Loss(NamedTuple):
    """A figure in which a peer beats us at no less recall."""

    metric: str
    peer: str
    recall: float
    """What the peer's figure was measured at."""
    ours: str
    theirs: str
    factor: float | None
    """How many times as good the peer is; None where we do not get to the recall at all."""


class Verdict(NamedTuple):
    """A target and what was measured of it."""

    target: str
    figure: str
    met: bool | None
    """None where it was not measured."""


def grouped(found: Iterable[Loss]) -> list[list[Loss]]:
    """Put losses in one figure together, each group with its worst first, as it comes."""
    groups: dict[str, list[Loss]] = {}
    for loss in found:
        groups.setdefault(loss.metric, []).append(loss)
    return list(groups.values())


def losses(run: Run, name: str = OURS) -> list[Loss]:
    """List every figure in which a peer beats ours at the recall, the worst first."""
    ours = find_peer(run, name)
    if ours is None:
        return []
    found = [
        loss
        for peer in measured(run)
        if peer.name != name
        for find in (_speed_losses, _latency_losses, _filtered_losses, _cost_losses)
        for loss in find(run, ours, peer)
    ]
    return sorted(found, key=lambda loss: (loss.factor is not None, -(loss.factor or 0)))


def _speed_losses(run: Run, ours: PeerResult, peer: PeerResult) -> Iterator[Loss]:
    for work, recall in product(workloads(run), RECALLS):
        curves = (curve_of(ours, work), curve_of(peer, work))
        speeds = [None if c is None else speed_at(c.points, recall) for c in curves]
        if speeds[1] is None:
            continue
        ratio = ratio_at(*curves, recall, ours.name)
        if ratio is not None and ratio.value >= 1:
            continue
        if curves[0] is not None:
            yield Loss(
                f"QPS at recall {recall:.2f}, {work.name}",
                peer.name,
                recall,
                f"{ratio.ours:,} QPS" if ratio else f"never reaches {recall:.2f}",
                f"{ratio.theirs if ratio else round(speeds[1]):,} QPS",
                None if ratio is None else 1 / ratio.value,
            )


def _latency_losses(run: Run, ours: PeerResult, peer: PeerResult) -> Iterator[Loss]:
    for theirs in peer.latency:
        mine = latency_of(ours, theirs.queries, theirs.k)
        if mine is None or theirs.recall < run.target_recall:
            continue
        for name in ("p50", "p95", "p99"):
            yield from _latency_loss(name, peer.name, mine, theirs, run.target_recall)


def _latency_loss(
    name: str, peer: str, mine: Latency, theirs: Latency, target: float
) -> Iterator[Loss]:
    ours_s, theirs_s = (float(getattr(one, f"{name}_s")) for one in (mine, theirs))
    short = mine.recall < target
    if short or theirs_s < ours_s:
        yield Loss(
            f"{name} of single calls, {theirs.queries} queries, k={theirs.k}",
            peer,
            theirs.recall,
            f"{text.milliseconds(ours_s)} ms" + (f" at recall {mine.recall:.3f}" if short else ""),
            f"{text.milliseconds(theirs_s)} ms",
            None if short else ours_s / theirs_s,
        )


def _filtered_losses(run: Run, ours: PeerResult, peer: PeerResult) -> Iterator[Loss]:
    for share in selectivities(run):
        mine, theirs = filtered_at(ours, share), filtered_at(peer, share)
        if mine is None or theirs is None or theirs.recall < run.target_recall:
            continue
        short = mine.recall < run.target_recall
        if short or theirs.qps > mine.qps:
            yield Loss(
                f"filtered search among {100 * share:.4g} % of the rows",
                peer.name,
                theirs.recall,
                f"{text.count(mine.qps)} QPS" + (f" at recall {mine.recall:.3f}" if short else ""),
                f"{text.count(theirs.qps)} QPS",
                None if short else theirs.qps / mine.qps,
            )


def _cost_losses(run: Run, ours: PeerResult, peer: PeerResult) -> Iterator[Loss]:
    if not reaches(peer, run.target_recall):
        return
    for cost in costs(run):
        mine, theirs = cost.of(ours), cost.of(peer)
        if mine is None or theirs is None or mine == theirs:
            continue
        if (theirs > mine) == cost.higher:
            yield Loss(
                cost.name,
                peer.name,
                run.target_recall,
                _with_unit(mine, cost),
                _with_unit(theirs, cost),
                _quotient(*((theirs, mine) if cost.higher else (mine, theirs))),
            )


def _with_unit(value: float, cost: Cost) -> str:
    return f"{amount(value)} {cost.unit}"


def _quotient(more: float, less: float) -> float:
    return more / less if less > 0 else math.inf


def targets(run: Run, name: str = OURS) -> list[Verdict]:
    """Compare the project's targets for this size with what was measured."""
    ours = find_peer(run, name)
    if ours is None:
        return []
    large = run.data.rows >= _LARGE
    found = [
        _against(run, ours, "hnswlib", 8 if large else 7),
        _against(run, ours, "faiss", 4 if large else 2),
        *_threads(run, ours),
        _build(run, ours, large),
        _held(run, ours),
    ]
    return [*found, _p50(run, ours)] if large else found


def speed_ratio(run: Run, ours: PeerResult, peer: PeerResult) -> Ratio | None:
    """Compare in turns, on one thread with held-out titles: in batches, else single calls.

    None where the two did not take turns: a quotient of speeds timed apart is no ratio.
    """
    for single in (False, True):
        curve = find_curve(peer, single=single)
        ratio = paired_ratio(curve, run.target_recall, ours.name)
        if ratio is not None:
            return ratio
    return None


def _against(run: Run, ours: PeerResult, library: str, times: float) -> Verdict:
    """Compare with the best peer of a library."""
    some = [peer for peer in measured(run) if peer.library.lower().startswith(library)]
    found = [(r.value, p.name, r) for p in some if (r := speed_ratio(run, ours, p)) is not None]
    target = f"one thread: at least {times:g}x {library}"
    if not found:
        figure = f"no {library} in turns with {ours.name} at recall {run.target_recall:.2f}"
        return Verdict(target, figure, None)
    value, peer, ratio = min(found)
    figure = f"{text.factor(value)} ({peer} {ratio.theirs:,} QPS, same turns {ratio.ours:,})"
    return Verdict(target, figure, value >= times)


def _threads(run: Run, ours: PeerResult) -> Iterator[Verdict]:
    for single in (True, False):
        one, two = (find_curve(ours, single=single, threads=n) for n in (1, 2))
        calls = "one query a call" if single else "batches"
        target = f"two threads: at least 1.9x one ({calls})"
        ratio = _scaling(one, two, run.target_recall)
        if ratio is not None:
            yield Verdict(target, text.factor(ratio), ratio >= 1.9)


def _scaling(one: Curve | None, two: Curve | None, recall: float) -> float | None:
    """Compare thread counts as they were timed: the yardstick may itself run on two threads."""
    if one is None or two is None:
        return None
    speeds = speed_at(one.points, recall), speed_at(two.points, recall)
    return None if speeds[0] is None or speeds[1] is None else speeds[1] / speeds[0]


def _build(run: Run, ours: PeerResult, large: bool) -> Verdict:
    target = "build: at most 120 s" if large else "build: at least 10,000 vectors/s"
    if ours.build is None:
        return Verdict(target, "not measured", None)
    took = ours.build.seconds
    rate = run.data.rows / took
    figure = f"{text.seconds(took)}, {text.count(rate)} vectors/s, threads: {ours.build.threads}"
    return Verdict(target, figure, took <= 120 if large else rate >= 10_000)


def _held(run: Run, ours: PeerResult) -> Verdict:
    size = graph_and_codes(ours)
    target = "graph and codes: at most 240 B/vector"
    if size is None:
        return Verdict(target, "not measured", None)
    each = size / run.data.rows
    return Verdict(target, f"{each:.1f} B/vector", each <= 240)


def _p50(run: Run, ours: PeerResult) -> Verdict:
    target = f"p50 of single calls: at most 0.25 ms at recall {run.target_recall:.2f}"
    latency = latency_of(ours)
    if latency is None:
        return Verdict(target, "not measured", None)
    figure = f"{text.milliseconds(latency.p50_s)} ms at recall {latency.recall:.3f}"
    return Verdict(target, figure, latency.p50_s <= 0.25e-3 and latency.recall >= run.target_recall)
