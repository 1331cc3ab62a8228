"""Chaos in short form: what may never happen, against a real gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.load import chaos
from benchmarks.load.chaos import MALFORMED, answers_to, run_event
from benchmarks.load.faulty import clock, small_disk
from benchmarks.load.running import Bench
from benchmarks.load.services import gateway, standin
from tests.server.conftest import sealed  # noqa: F401 - a fixture
from tv5core.data import demo_titles


@pytest.fixture(scope="module")
def on(sealed: Path) -> Iterator[Bench]:  # noqa: F811
    ids = [title.id for title in demo_titles()]
    with (
        clock() as moved,
        small_disk(256 << 20) as disk,
        standin() as tmdb,
        gateway(
            sealed, tmdb=tmdb.url, disk=None if disk is None else disk.folder,
            environment=moved.environment,
        ) as served,
    ):  # fmt: skip
        yield Bench(served, tmdb, ids, None, None, moved, disk)


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_refused_and_hides_no_second_one(on: Bench, name: str) -> None:
    found = answers_to(on.gateway.url, MALFORMED[name])
    assert len(found) <= 1, found
    assert all(400 <= status < 500 for status in found), found


def test_a_killed_writer_loses_nothing_that_was_acknowledged(on: Bench) -> None:
    report = asyncio.run(run_event(on, "writer-killed", 3.0)).report()
    assert report["acknowledged"] > 0
    assert report["lost"] == 0
    assert set(report["statuses"]) <= {200, 503}


def test_a_provider_that_is_down_leaves_the_cache_and_the_catalogue(on: Bench) -> None:
    report = asyncio.run(run_event(on, "tmdb-down", 2.0)).report()
    assert report["statuses"][200] > 0
    assert 0 not in report["statuses"]


@pytest.mark.parametrize("name", ["clock-ahead", "clock-back", "disk-full"])
def test_a_clock_that_jumps_and_a_full_disk_lose_nothing(
    on: Bench, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # When all workers are current again is measured by `chaos` itself; here nothing depends on it.
    monkeypatch.setattr(chaos, "_RECOVERY_S", 10.0)
    report = asyncio.run(run_event(on, name, 2.0)).report()
    assert report["statuses"][200] > 0
    assert report["lost"] == 0
    assert set(report["statuses"]) <= {0, 200, 503}
