"""Totals: the values of all metrics at one moment, added up over processes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

__all__ = ["Totals", "quantile"]

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Totals:
    """Values at one moment.

    Attributes
    ----------
    time : float
        Unix seconds.
    values : dict
        By name of the sample, then by labels.
    """

    time: float
    values: dict[str, dict[Labels, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, time: float, registry: CollectorRegistry, names: Iterable[str]) -> Totals:
        """Read the samples of some metrics, named without ``_total`` or ``_bucket``."""
        wanted = set(names)
        values: defaultdict[str, dict[Labels, float]] = defaultdict(dict)
        metric: Metric
        for metric in registry.collect():
            if metric.name not in wanted:
                continue
            for sample in metric.samples:
                values[sample.name][tuple(sorted(sample.labels.items()))] = sample.value
        return cls(time, dict(values))

    def sum(self, name: str, **labels: str) -> float:
        """Add up a sample over all series that carry some labels."""
        want = labels.items()
        return sum(
            value for have, value in self.values.get(name, {}).items() if want <= dict(have).items()
        )

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """Add up a sample by the values of a label."""
        found: defaultdict[str, float] = defaultdict(float)
        for have, value in self.values.get(name, {}).items():
            of = dict(have)
            if labels.items() <= of.items():
                found[of.get(label, "")] += value
        return dict(found)

    def buckets(self, name: str) -> list[tuple[float, float]]:
        """Return a histogram as upper bounds and counts up to each, over all its series."""
        counts = self.by(f"{name}_bucket", "le")
        return sorted((float(bound), count) for bound, count in counts.items())


def quantile(
    before: list[tuple[float, float]], after: list[tuple[float, float]], share: float
) -> float | None:
    """Return a quantile of what came into a histogram between two moments.

    Interpolated within its bucket, as Prometheus' ``histogram_quantile`` does; None of nothing.

    Parameters
    ----------
    before, after : list of (float, float)
        As ``Totals.buckets`` returns them.
    share : float
        0.95 for the 95th percentile.
    """
    old = dict(before)
    new = [(0.0, 0.0), *((bound, count - old.get(bound, 0.0)) for bound, count in after)]
    wanted = share * new[-1][1]
    if new[-1][1] <= 0:
        return None
    for (low, below), (high, upto) in pairwise(new):
        if upto >= wanted and upto > below:
            if high == float("inf"):
                return low
            return low + (high - low) * (wanted - below) / (upto - below)
    return None
