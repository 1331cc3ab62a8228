"""Several processes: their metrics add up, whichever of them is asked, also of those that ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tv5core.server.process.serving import _forget_metrics

WORK = """
import json, os, sys, time
from tv5core.server.metrics import Metrics
from tv5core.server.settings import Settings

def work(number):
    metrics = Metrics(Settings())
    to = metrics.instruments
    to.requests.labels("GET", "/v1/search", "200").inc(10 * number)
    to.workers.set(1)
    to.titles.set(100)
    to.started.set(1000.0 + number)
    to.fine.observe(0.01)
    metrics.events.note("info", f"hello of {number}")
    return metrics

children = []
for number in (1, 2):
    pid = os.fork()
    if pid == 0:
        work(number)
        os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
metrics = work(3)
text, _ = metrics.exposition()
figures = metrics.figures(2000.0)
print(json.dumps({
    "text": text.decode(),
    "workers": figures.workers,
    "started_at": figures.started_at,
    "titles": figures.store.titles,
    "events": [event.text for event in figures.events],
}))
"""


def test_they_add_up(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", WORK], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    counted = 'http_requests_total{method="GET",route="/v1/search",status="200"} 60.0'
    assert counted in found["text"]
    assert "tv5_request_duration_seconds_count 3.0" in found["text"]
    assert found["workers"] == 3
    assert found["started_at"] == 1001.0
    assert found["titles"] == 100, "all look at one catalogue"
    assert sorted(found["events"]) == ["hello of 1", "hello of 2", "hello of 3"]


def test_the_gauges_of_an_ended_process_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    kept = ("counter_11.db", "histogram_11.db", "gauge_livesum_111.db")
    dropped = ("gauge_livesum_11.db", "gauge_livemin_11.db", "gauge_livemax_11.db")
    for name in (*kept, *dropped):
        (tmp_path / name).touch()
    _forget_metrics(11)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
