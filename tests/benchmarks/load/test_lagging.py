"""The lag of a gateway's loop in short form."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import pytest

from benchmarks.load.lagging import measure_lag
from tests.server.conftest import sealed  # noqa: F401 - a fixture


@pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="locust is not installed")
def test_each_phase_is_watched(sealed: Path) -> None:  # noqa: F811
    rows = asyncio.run(measure_lag(sealed, seconds=1.0, changed=20))
    assert [row["phase"] for row in rows] == [
        "under load", "while this process seals", "while another process seals",
    ]  # fmt: skip
    assert all(row["samples"] > 0 for row in rows)
    assert all(row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"] <= row["most_ms"] for row in rows)
