"""Every command starts, explains itself and runs at a tiny size; no time is asserted."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import COMMANDS
from benchmarks.__main__ import main as command
from benchmarks.data.correlated import cases
from benchmarks.data.generator import title_like


def output_of(capsys: pytest.CaptureFixture[str]) -> tuple[Any, str]:
    printed = capsys.readouterr()
    return json.loads(printed.out), printed.err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command([name, "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert f"usage: python -m benchmarks {name}" in printed
    assert "--json" in printed


def test_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {name} " in printed for name in COMMANDS)
    assert command([]) == 2


def test_unknown_commands_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["fly"]) == 2
    assert "expected one of run, report" in capsys.readouterr().err


def test_peers_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["peers", "--json"]) == 0
    listed = {row["name"]: row for row in output_of(capsys)[0]}
    assert listed["tv5core-int8"]["reason"] is None
    assert command(["peers"]) == 0
    assert "tv5core, int8 rescoring" in capsys.readouterr().out


def test_churn_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["churn", "--rounds", "1000", "--titles", "600", "--dim", "32"]
    assert command([*words, "--json"]) == 0
    report, progress = output_of(capsys)
    assert report["ids_agree"]
    assert report["verify_ok"]
    assert report["recall_after"] > 0.8
    assert "changes 1,000" in progress
    assert command(words) == 0
    assert "ids_agree True" in capsys.readouterr().out.replace("1  ", "True  ")


def test_memory_tier_stands_beside_other_caches(capsys: pytest.CaptureFixture[str]) -> None:
    for library in ("cachebox", "cachetools", "cashews", "theine"):
        pytest.importorskip(library)
    words = ["cache-memory", "--population", "500", "--requests", "2000", "--shares", "0.1"]
    words += ["--keys", "1000", "--rounds", "1", "--swept", "2000"]
    assert command([*words, "--json"]) == 0
    report, progress = output_of(capsys)
    assert set(report["caches"]) == {"tv5core", "cachetools", "cachebox", "theine", "cashews"}
    assert all(0 < cache["hit_ratio"]["10%"] < 1 for cache in report["caches"].values())
    assert (report["sweep"]["keys"], report["sweep"]["left"]) == (2_000, 0)
    assert "hit ratio with 10%: tv5core" in progress
    assert command(words) == 0
    assert "sweep of 2,000 keys" in capsys.readouterr().out


def test_caches_not_installed_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "benchmarks.cache.memory", None)
    assert command(["cache-memory"]) == 2
    assert "expected the libraries of the extra 'bench'" in capsys.readouterr().err


def test_traffic_goes_through_a_cached_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["cache-mix", "--titles", "300", "--requests", "400", "--values", "20", "--json"]
    status = command(words)
    report, progress = output_of(capsys)
    paths = report["paths"]
    assert sum(path["asked"] for path in paths.values()) == 400
    missed = {name for name, path in paths.items() if path["hit_ratio"] < path["wanted"]}
    assert status == int(bool(missed))
    assert all(name in progress for name in missed)
    assert report["disk"]["p50_us"] > 0


def test_identical_calls_share_one_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["upstream", "sharing", "throughput", "--seconds", "1", "--json"]) == 0
    report, progress = output_of(capsys)
    assert report["sharing"]["requests"] == 1
    assert report["sharing"]["answered"] == 999
    assert report["throughput"]["answered 429"] == 0
    assert progress.splitlines() == ["sharing", "throughput"]


def test_unknown_scenarios_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["upstream", "flood"]) == 2
    assert "expected some of users, sharing, dead" in capsys.readouterr().err


def test_sync_stores_every_title_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["upstream-sync", "--titles", "20", "--only", "full", "--json"]) == 0
    report, progress = output_of(capsys)
    full = report["full"]
    assert (full["stored"], full["twice"], full["half"], full["lost"]) == (20, 0, 0, 0)
    assert full["sound"] is True
    assert "full, 20 titles" in progress


def test_filters_are_measured_in_every_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["filters", "--size", "1500", "--asked", "4", "--calibrate", "100"]
    found = tmp_path / "rows.json"
    peers = ["--peers", "tv5core-int8,usearch-f32,hnswlib"]
    assert command([*words, *peers, "--cache", str(tmp_path), "--json", str(found)]) == 0
    rows = json.loads(found.read_text("utf-8"))
    ours = [row for row in rows if row["peer"] == "tv5core-int8"]
    assert {row["mode"] for row in ours} == {"filter", "deleted"}
    kinds = {"independent", "near", "all but near", "clusters", "genre"}
    assert {row["kind"] for row in ours} == kinds
    assert not any(row["short"] for row in ours)
    assert min(row["recall"] for row in ours) > 0.8
    printed = capsys.readouterr()
    assert printed.out.startswith("| | index |")
    said = "no filtered search" if find_spec("usearch") else "usearch is not installed"
    assert f"usearch-f32: {said}" in printed.err
    assert command(["filters", "--size", "1500", "--peers", "none", "--cache", str(tmp_path)]) == 2


def test_clusters_and_masks_are_what_they_are_called() -> None:
    data = title_like(2_000, queries=100, dim=32)
    for case in cases(data.vectors, data.queries, seed=0, anchors=2, asked=10):
        count = case.allowed.sum()
        assert count >= 10
        scores = data.vectors @ data.queries[case.queries].T
        apart = scores[case.allowed].mean() - scores.mean()
        if case.kind == "near" and case.share <= 0.5:
            assert apart > 0
        if case.kind == "all but near" and case.share <= 0.99:
            assert apart < 0
        if case.kind in ("near", "all but near", "independent"):
            assert count == max(10, round(case.share * 2_000))
