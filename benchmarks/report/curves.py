"""Curves of recall against speed: Pareto front, speed at a recall, ratios."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.results import Curve, PeerResult, Point

__all__ = [
    "Ratio",
    "Reached",
    "at_recall",
    "find_curve",
    "front",
    "paired_ratio",
    "paired_rounds",
    "ratio_at",
    "speed_at",
]


class Reached(NamedTuple):
    """What a curve gives at a recall, or at its best where it never reaches it."""

    point: Point
    """The fastest setting of at least the target recall, else the one of the best recall."""
    qps: float
    """Interpolated at the target, else that of ``point``."""
    reached: bool
    exact: bool = True
    """False where even the cheapest setting is above the target: it might do better still."""


class Ratio(NamedTuple):
    """Two speeds in whole queries a second, as they are printed, and their quotient."""

    ours: int
    theirs: int
    in_turns: bool
    """Whether both come from one round in turns; else they were timed apart."""

    @property
    def value(self) -> float:
        """How many times as fast ours is: the quotient of the two printed figures."""
        return self.ours / self.theirs


def front(points: Iterable[Point]) -> list[Point]:
    """Return the points that no other beats in both recall and speed, fastest first."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (-p.qps, -p.recall)):
        if point.qps <= 0:
            break
        if not best or point.recall > best[-1].recall:
            best.append(point)
    return best


def speed_at(points: Sequence[Point], recall: float) -> float | None:
    """Interpolate the front's QPS at a recall, linearly in its logarithm.

    Returns
    -------
    float or None
        None where no point gets there; the fastest point's speed where all are above, which
        understates what a cheaper setting might do.
    """
    best = front(points)
    if not best or best[-1].recall < recall:
        return None
    recalls, speeds = [p.recall for p in best], [math.log(p.qps) for p in best]
    return float(np.exp(np.interp(recall, recalls, speeds)))


def at_recall(curve: Curve, recall: float) -> Reached | None:
    """Return what a curve gives at a recall; None for a curve without points."""
    if not curve.points:
        return None
    there = [point for point in curve.points if point.recall >= recall]
    if there:
        qps, cheapest = speed_at(curve.points, recall), front(curve.points)[0]
        best = max(there, key=lambda p: p.qps)
        return Reached(best, qps or best.qps, True, cheapest.recall <= recall)
    best = max(curve.points, key=lambda p: (p.recall, p.qps))
    return Reached(best, best.qps, False)


def find_curve(
    peer: PeerResult, queries: str = "title", k: int = 10, *, single: bool = False, threads: int = 1
) -> Curve | None:
    """Find a peer's curve: of single calls, or of the largest batch."""
    some = [
        curve
        for curve in peer.curves
        if (curve.queries, curve.k, curve.threads) == (queries, k, threads)
        and (curve.batch == 1) == single
        and curve.points
    ]
    return max(some, key=lambda curve: curve.batch) if some else None


def paired_rounds(theirs: Curve | None, recall: float, reference: str) -> list[Ratio]:
    """Return each round in turns with the reference, the lowest ratio first; empty without any."""
    paired = next((p for p in theirs.paired if p.recall == recall), None) if theirs else None
    if paired is None or paired.reference != reference:
        return []
    rounds = [
        Ratio(_whole(a), _whole(b), True)
        for a, b in zip(paired.reference_qps, paired.qps, strict=True)
    ]
    return sorted(rounds, key=lambda ratio: ratio.value)


def paired_ratio(theirs: Curve | None, recall: float, reference: str) -> Ratio | None:
    """Return both speeds of the median round in turns with the reference.

    Of all rounds it is the one whose quotient is the median, the lower one of two: both figures are
    of one moment, and a round in which the machine stood still changes nothing.

    Returns
    -------
    Ratio or None
        None where the two did not take turns at this recall.
    """
    rounds = paired_rounds(theirs, recall, reference)
    return rounds[(len(rounds) - 1) // 2] if rounds else None


def ratio_at(ours: Curve | None, theirs: Curve | None, recall: float, name: str) -> Ratio | None:
    """Compare speeds at a recall: in turns with ``name``, or as timed apart failing that.

    Returns
    -------
    Ratio or None
        None where either curve is missing or does not reach the recall.
    """
    if ours is None or theirs is None:
        return None
    paired = paired_ratio(theirs, recall, name)
    if paired is not None:
        return paired
    speeds = speed_at(ours.points, recall), speed_at(theirs.points, recall)
    if speeds[0] is None or speeds[1] is None:
        return None
    return Ratio(_whole(speeds[0]), _whole(speeds[1]), False)


def _whole(qps: float) -> int:
    return max(1, round(qps))
