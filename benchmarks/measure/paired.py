"""A peer and the reference in turns, both at one recall: what ratios of speeds are made of.

A machine shared with others changes its speed from minute to minute, so that two speeds measured
minutes apart have a quotient that means nothing. Here both are asked within the same second, round
after round, and each round begins with the other side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from benchmarks.measure.curves import Mode, front, speed
from benchmarks.peers.base import Setting
from benchmarks.process.client import Client
from benchmarks.results import Curve, Paired, PeerResult, Point

__all__ = ["OperatingPoint", "Reference", "measure_paired"]


@dataclass(frozen=True)
class OperatingPoint:
    """One or two settings whose speeds give the speed at a recall.

    Attributes
    ----------
    settings
        The one below the recall and the one above it, or the only one.
    weight
        Share of the second: how far the recall is between the two.
    """

    settings: list[Setting]
    weight: float

    @classmethod
    def at(cls, points: list[Point], recall: float) -> Self | None:
        """Choose from a curve's front; None where no point reaches the recall."""
        best = front(points)
        above = next((i for i, point in enumerate(best) if point.recall >= recall), None)
        if above is None:
            return None
        if above == 0 or best[above].recall == recall:
            return cls([best[above].setting], 0.0)
        low, high = best[above - 1], best[above]
        weight = (recall - low.recall) / (high.recall - low.recall)
        return cls([low.setting, high.setting], weight)

    def qps(self, client: Client, mode: Mode) -> float:
        """Measure: linear in the logarithm of the speed between two settings."""
        speeds = [speed(client, mode, setting, mode.min_s)["qps"] for setting in self.settings]
        logs = [math.log(max(qps, 1e-9)) for qps in speeds]
        return math.exp(logs[0] + self.weight * (logs[-1] - logs[0]))


class Reference:
    """The peer that all others take turns with, open all the time.

    Parameters
    ----------
    client
        Its process.
    result
        What was measured of it: its curves give its settings at a recall.
    """

    def __init__(self, client: Client, result: PeerResult) -> None:
        self.client, self.name = client, result.name
        self._curves = result.curves
        client.ask("open")

    def at(self, mode: Mode, recall: float) -> OperatingPoint | None:
        """Return its settings for a kind of search; None where it does not reach the recall."""
        curve = next((curve for curve in self._curves if _is(curve, mode)), None)
        return None if curve is None else OperatingPoint.at(curve.points, recall)

    def close(self) -> None:
        """End its process."""
        self.client.close()


def measure_paired(
    client: Client, reference: Reference, mode: Mode, curve: Curve, recall: float, rounds: int
) -> Paired | None:
    """Take turns; None where either side does not reach the recall."""
    theirs, ours = OperatingPoint.at(curve.points, recall), reference.at(mode, recall)
    if theirs is None or ours is None:
        return None
    sides = [(ours, reference.client), (theirs, client)]
    qps: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds):
        for side in (0, 1) if turn % 2 == 0 else (1, 0):
            point, asked = sides[side]
            qps[side].append(point.qps(asked, mode))
    return Paired(reference.name, recall, *qps)


def _is(curve: Curve, mode: Mode) -> bool:
    same = (curve.queries, curve.k, curve.threads) == (mode.queries, mode.k, len(mode.cores))
    return same and (curve.batch > 1) == (mode.batch > 1)
