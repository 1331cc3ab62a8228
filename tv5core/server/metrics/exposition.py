"""The text that Prometheus scrapes: of all processes, with exemplars where it can read them.

The client library keeps no exemplars while several processes share their values. So they are kept
here, for the histograms of this process, and joined to the samples as they are written: each
answer of ``/metrics`` carries those of the worker that gave it.
"""

from __future__ import annotations

import bisect
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, values
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.samples import Exemplar, Sample

__all__ = ["Exemplars", "expose", "shared_folder", "summed"]

Labels = tuple[tuple[str, str], ...]


class Exemplars:
    """The latest traced request of each bucket."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, Labels], Exemplar] = {}

    def note(
        self, name: str, labels: dict[str, str], bounds: Sequence[float], value: float, trace: str
    ) -> None:
        """Remember the trace of a value.

        Parameters
        ----------
        name : str
            Of the histogram.
        labels : dict of str to str
        bounds : sequence of float
            Upper bounds of its buckets, in order, without infinity.
        value : float
        trace : str
            The trace's id, in hexadecimal digits.
        """
        place = bisect.bisect_left(bounds, value)
        bound = str(bounds[place]) if place < len(bounds) else "+Inf"
        key = (f"{name}_bucket", tuple(sorted({**labels, "le": bound}.items())))
        self._kept[key] = Exemplar({"trace_id": trace}, value, time.time())

    def join(self, sample: Sample) -> Sample:
        """Return a sample with its exemplar, if there is one."""
        if not self._kept or not sample.name.endswith("_bucket"):
            return sample
        found = self._kept.get((sample.name, tuple(sorted(sample.labels.items()))))
        return sample if found is None else sample._replace(exemplar=found)


class _Joined:
    """What a registry collects, with exemplars; looks like a registry to an encoder."""

    def __init__(self, registry: CollectorRegistry, exemplars: Exemplars) -> None:
        self._registry, self._exemplars = registry, exemplars

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        for metric in self._registry.collect():
            if metric.type == "histogram":
                metric.samples = [self._exemplars.join(sample) for sample in metric.samples]
            yield metric


def shared_folder() -> Path | None:
    """Return the folder in which processes share their values; None for one process alone."""
    shared = getattr(values.ValueClass, "_multiprocess", False)
    return Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]) if shared else None


def summed(own: CollectorRegistry) -> CollectorRegistry:
    """Return a registry whose values are those of all processes."""
    folder = shared_folder()
    if folder is None:
        return own
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    return registry


def expose(registry: CollectorRegistry, exemplars: Exemplars, accept: str) -> tuple[bytes, str]:
    """Return the text and its content type, in the format a scraper accepts."""
    try:
        encode, content_type = choose_encoder(accept.replace('"', ""))
    except (TypeError, ValueError):  # the version that is asked for is none
        encode, content_type = choose_encoder("")
    joined: Any = _Joined(registry, exemplars)
    return encode(joined), content_type
