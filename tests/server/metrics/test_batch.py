"""Requests summed for a second count what each would have counted at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("prometheus_client", reason="the server extra is not installed")
from prometheus_client import CollectorRegistry, Histogram

from tv5core.server.metrics.batch import _Durations

BOUNDS = (0.01, 0.05, 0.1, 0.3, 0.5, 1.0, 3.0, 5.0)
SECONDS = st.lists(st.sampled_from([*BOUNDS, 0.0, 0.02, 0.30001, 7.0]), max_size=30)


def counted(histogram: Histogram) -> dict[tuple[str, str], float]:
    (family,) = histogram.collect()
    return {
        (sample.name, sample.labels.get("le", "")): sample.value
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


@given(SECONDS, SECONDS)
def test_sums_are_what_single_observations_are(first: list[float], second: list[float]) -> None:
    summed = Histogram("a", "a", buckets=BOUNDS, registry=CollectorRegistry())
    single = Histogram("a", "a", buckets=BOUNDS, registry=CollectorRegistry())
    for some in (first, second):
        batch = _Durations(BOUNDS)
        for seconds in some:
            batch.observe(seconds)
            single.observe(seconds)
        batch.add_to(summed)
    assert counted(summed) == pytest.approx(counted(single))
