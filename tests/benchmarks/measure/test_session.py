"""Runs of the benchmarks through their real processes, on rows of a file made here."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from benchmarks.__main__ import main as command
from benchmarks.commands import data
from benchmarks.data.datasets import Dataset
from benchmarks.data.filters import mask
from benchmarks.machine import processor
from benchmarks.measure import curves, indexes, opening
from benchmarks.peers import registry
from benchmarks.peers.base import I64, Peer, Setting, Shape
from benchmarks.peers.exact import Exact
from benchmarks.process import client, timing
from benchmarks.results import Point, Run, read, write

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")

ROWS, DIM = 3_000, 64


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(3)
    groups = rng.standard_normal((60, DIM))
    rows = groups[rng.integers(60, size=ROWS + 100)] + rng.standard_normal((ROWS + 100, DIM))
    path = tmp_path_factory.mktemp("vectors") / "rows.npy"
    np.save(path, rows.astype(np.float32))
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def arguments(vectors: Path, cache: Path, *more: str) -> list[str]:
    given = ["run", "--vectors", str(vectors), "--held-out", "100", "--cache", str(cache)]
    return [*given, "--quick", *more]


def prepared(vectors: Path, cache: Path) -> Dataset:
    parser = argparse.ArgumentParser()
    data.add_source_arguments(parser)
    given = ["--vectors", str(vectors), "--held-out", "100", "--cache", str(cache)]
    return data.prepare_from(parser.parse_args(given))


def result(written: Run, name: str) -> Any:
    return next(peer for peer in written.peers if peer.name == name)


def test_a_run_measures_peers_and_resumes(
    vectors: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    given = arguments(vectors, cache, "--json", str(out), "--peers")
    assert command([*given, "tv5core-int8"]) == 0
    assert command([*given, "exact,tv5core-int8", "--resume"]) == 0
    written = read(out)
    assert [peer.name for peer in written.peers] == ["tv5core-int8", "exact"]
    ours, exact = written.peers
    assert "measured in an earlier run that wrote to the same file" in ours.notes
    assert (ours.status, exact.status) == ("measured", "measured")
    assert [point.recall for point in exact.curves[0].points] == [1.0]
    assert max(point.recall for point in ours.curves[0].points) > 0.95
    assert not any(curve.paired for curve in ours.curves)
    pairs = [paired for curve in exact.curves for paired in curve.paired]
    assert len(pairs) == len(exact.curves)
    assert {paired.reference for paired in pairs} == {"tv5core-int8"}
    assert all(len(pair.qps) == len(pair.reference_qps) == 1 for pair in pairs)
    assert min(qps for pair in pairs for qps in (*pair.qps, *pair.reference_qps)) > 0
    assert {(curve.batch, curve.threads) for curve in ours.curves} >= {(100, 1), (1, 1)}
    assert ours.latency[0].p50_s <= ours.latency[0].p99_s
    assert len(ours.latency[0].quantiles_s) == 101
    assert ours.opening.cold_s > 0
    assert ours.opening.warm_s <= ours.opening.warm_first_answer_s
    assert ours.memory.parts["codes"] > 0
    assert ours.disk_bytes > ROWS * DIM
    assert (ours.build.seconds, ours.build.threads > 0) > (0, True)
    assert "exact" in capsys.readouterr().out


def test_build_only_builds_once(
    vectors: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = arguments(vectors, cache, "--peers", "exact", "--build-only", "--work")
    work = cache / "once"
    assert command([*given, str(work)]) == 0
    assert command([*given, str(work)]) == 0
    assert "found in" in capsys.readouterr().err
    assert [path.name.rpartition("-")[0] for path in work.iterdir()] == ["exact"]
    assert command([*given, str(work), "--rebuild"]) == 0
    assert "built in" in capsys.readouterr().err
    assert len(list(work.iterdir())) == 1


class Absent(Exact):
    library = module = "a_library_that_nobody_has"


def test_a_peer_not_installed_is_reported_and_the_run_continues(
    vectors: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry._MAKERS, "hnswlib", Absent)
    out = tmp_path / "out.json"
    given = arguments(vectors, cache, "--json", str(out), "--peers", "hnswlib,exact")
    assert command(given) == 0
    absent = result(read(out), "hnswlib")
    assert (absent.status, absent.version) == ("not installed", "")
    assert absent.reason == "a_library_that_nobody_has is not installed"
    assert result(read(out), "exact").status == "measured"


def test_a_peer_that_dies_fails_alone(
    vectors: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "dying.py"
    module.write_text(
        "import os, sys\n"
        "from benchmarks.process import worker\n"
        "worker.Worker.build = lambda self, threads: (print('alas', file=sys.stderr, flush=True),"
        " os._exit(7))\n"
        "worker._start()\n"
    )
    started = client.subprocess.Popen

    def start(command: list[str], **rest: Any) -> Any:
        return started([command[0], str(module)], **rest)

    monkeypatch.setattr(client.subprocess, "Popen", start)
    out, work = tmp_path / "out.json", tmp_path / "work"
    given = arguments(vectors, cache, "--json", str(out), "--work", str(work), "--peers", "exact")
    assert command(given) == 1
    failed = result(read(out), "exact")
    assert (failed.status, failed.reason) == (
        "failed",
        "build: the process ended with status 7: alas",
    )
    assert not list(work.iterdir())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--peers", "exact,nobody"], "expected --peers among"),
        (["--peers", "exact,exact"], "each once"),
        (["--rounds", "0"], "expected --rounds of at least 1, got 0"),
        (["--turns", "0"], "expected --turns of at least 1, got 0"),
        (["--resume"], "expected --json FILE with --resume"),
        (["--json", "/no/such/folder/out.json"], "expected a folder for --json"),
    ],
)
def test_bad_options_are_refused(
    vectors: Path,
    cache: Path,
    wrong: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command(arguments(vectors, cache, *wrong)) == 2
    assert message in capsys.readouterr().err


def test_results_of_other_data_are_not_resumed(
    vectors: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    assert command(arguments(vectors, cache, "--json", str(out), "--peers", "exact")) == 0
    other = msgspec.structs.replace(read(out).data, content_hash="other")
    write(msgspec.structs.replace(read(out), data=other), out)
    assert command(arguments(vectors, cache, "--json", str(out), "--resume")) == 2
    assert "expected results of the same data to resume" in capsys.readouterr().err
    write(msgspec.structs.replace(read(out), schema=1), out)
    assert command(arguments(vectors, cache, "--json", str(out), "--resume")) == 2
    assert "expected results of schema 2 to resume, got 1" in capsys.readouterr().err


def test_a_disk_too_small_is_reported_before_anything_is_built(
    vectors: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Exact, "index_bytes", 10**18)
    work = cache / "small"
    assert command(arguments(vectors, cache, "--peers", "exact", "--work", str(work))) == 2
    assert "for the indexes of 1 peers" in capsys.readouterr().err
    assert not work.exists()


def test_a_peer_without_memory_is_skipped(
    vectors: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Exact, "build_bytes", 10**18)
    out = tmp_path / "out.json"
    given = arguments(vectors, cache, "--json", str(out), "--peers", "exact", "--work")
    assert command([*given, str(tmp_path / "work")]) == 1
    skipped = result(read(out), "exact")
    assert skipped.status == "skipped"
    assert "of available memory for building exact" in skipped.reason


def test_an_error_in_the_worker_is_reported_and_it_continues(vectors: Path, cache: Path) -> None:
    dataset = prepared(vectors, cache)
    made = registry.make("exact", Shape(ROWS, DIM, "cosine"))
    index = indexes.build(
        made, dataset, cache / "x", processor.cores()[:1], rebuild=False, progress=print
    )
    with client.Client(
        "exact", dataset.folder, index.files, index.folder / "log", processor.cores()
    ) as worker:
        with pytest.raises(client.WorkerError, match="adding: NotImplementedError"):
            worker.ask("adding", setting={}, cores=processor.cores(), seed=0)
        worker.ask("open")
        filtered = worker.ask(
            "filtered", selectivity=0.1, seed=0, setting={}, cores=processor.cores(), max_s=5.0
        )
        assert filtered["recall"] == 1.0
        two = worker.ask(
            "speed",
            queries="title",
            k=10,
            batch=False,
            setting={},
            cores=processor.cores() * 2,
            min_s=0.0,
            max_s=5.0,
        )
        assert two["qps"] > 0
        with pytest.raises(client.WorkerError, match="no answer within"):
            worker.ask("latency", timeout_s=0.001, **_latency())


def _latency() -> dict[str, Any]:
    return {
        "queries": "title",
        "k": 10,
        "setting": {},
        "cores": processor.cores(),
        "calls": 3_000,
        "max_s": 5.0,
    }


class Adding(Peer):
    """Adds to a list; searches by scanning it."""

    label = "a list"
    library = module = "numpy"
    parameters: dict[str, str | int | float] = {}  # noqa: RUF012

    def __init__(self, rows: Any) -> None:
        super().__init__("adding", Shape(len(rows), rows.shape[1], "cosine"))
        self.rows = rows

    def load_library(self) -> None: ...

    def build(self, vectors: Any, folder: Path, threads: int) -> None: ...

    def open(self, folder: Path) -> None: ...

    def settings(self, k: int) -> list[list[Setting]]:
        return [[{}]]

    def search(self, queries: Any, k: int, setting: Setting) -> I64:
        found: I64 = np.argsort(-(queries @ self.rows.T), axis=1)[:, :k]
        return found

    def add(self, vectors: Any, keys: Any) -> None:
        assert list(keys) == list(range(len(self.rows), len(self.rows) + len(keys)))
        self.rows = np.vstack((self.rows, vectors))


def test_added_rows_are_counted_and_found() -> None:
    from benchmarks.process import adding

    rng = np.random.default_rng(0)
    rows = rng.standard_normal((300, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    more = adding.new_rows(rows, 150, seed=0)
    np.testing.assert_allclose(np.linalg.norm(more, axis=1), 1, rtol=1e-5)
    timed = adding.add_while_searching(Adding(rows), rows[:20], {}, more, np.arange(300, 450))
    assert (timed.rows_added, timed.found_share) == (150, 1.0)
    assert min(timed.added_per_s, timed.searches_per_s, timed.alone_searches_per_s) > 0


def test_recall_counts_true_neighbours_once() -> None:
    truth = np.array([[1, 2, 3], [4, -1, -1]])
    assert timing.recall(np.array([[1, 1, 9], [4, -1, -1]]), truth) == 0.5
    assert timing.recall(np.array([[3, 2, 1], [4, 5, 6]]), truth) == 1.0


def test_masks_hold_their_share_and_at_least_ten() -> None:
    assert [mask(5_000, share, 0).sum() for share in (0.001, 0.1, 1.0)] == [10, 500, 5_000]
    assert (mask(5_000, 0.1, 0) == mask(5_000, 0.1, 0)).all()
    assert (mask(5_000, 0.1, 0) != mask(5_000, 0.1, 1)).any()


def point(recall: float, qps: float) -> Point:
    return Point({"knob": recall}, recall, qps, [qps])


def test_the_front_and_what_is_worth_timing() -> None:
    points = [point(0.8, 100), point(0.9, 80), point(0.85, 50), point(0.95, 40), point(0.97, 41)]
    assert [p.recall for p in curves.front(points)] == [0.8, 0.9, 0.97]
    assert curves.cheapest(points, 0.95).recall == 0.97
    assert curves.cheapest(points, 0.99).recall == 0.97
    assert [p.recall for p in curves.worth_timing(points, 0.95, 10)] == [0.8, 0.9, 0.95, 0.97]
    assert [p.recall for p in curves.worth_timing(points, 0.95, 2)] == [0.8, 0.97]


def test_a_ladder_is_left_where_recall_is_enough_or_stands_still() -> None:
    class Asked:
        def ask(self, op: str, *, setting: Setting, **rest: Any) -> dict[str, float]:
            return {"recall": min(setting["knob"], setting["most"]), "qps": 1.0}

    ladders = [[{"knob": i / 10, "most": most} for i in range(11)] for most in (1.0, 0.3)]
    mode = curves.Mode("title", 10, 100, [0])
    points = curves.survey(Asked(), mode, ladders)  # type: ignore[arg-type]
    recalls = [p.recall for p in points]
    assert recalls[:11] == [i / 10 for i in range(11)]
    assert recalls[11:] == [0.0, 0.1, 0.2, 0.3, 0.3, 0.3]


def test_files_leave_the_page_cache(tmp_path: Path) -> None:
    (tmp_path / "some").write_bytes(os.urandom(1 << 20))
    (tmp_path / "empty").touch()
    assert opening.cached_share(tmp_path) == 1.0
    opening.drop_cached(tmp_path)
    assert opening.cached_share(tmp_path) <= 1.0  # file systems in memory keep them


@pytest.mark.parametrize("name", registry.NAMES)
def test_every_peer_has_ladders_of_settings(name: str) -> None:
    peer = registry.make(name, Shape(100_000, 768, "cosine"))
    for k in (10, 100):
        ladders = peer.settings(k)
        assert ladders
        assert all(ladders)
        assert len({tuple(s.items()) for some in ladders for s in some}) == sum(map(len, ladders))
    assert min(peer.index_bytes, peer.build_bytes, peer.serve_bytes) > 0
    assert msgspec.json.encode(peer.parameters)


@pytest.mark.parametrize(
    "name", ["hnswlib", "usearch-b1", "faiss-rabitq", "qdrant-edge", "zvec", "lancedb"]
)
def test_an_installed_peer_finds_neighbours(
    name: str, vectors: Path, cache: Path, tmp_path: Path
) -> None:
    """In a process of its own: some of these libraries crash when others are loaded as well."""
    dataset = prepared(vectors, cache)
    peer = registry.make(name, Shape(ROWS, DIM, "cosine"))
    if registry.missing(peer) is not None:
        pytest.skip(f"{peer.library} is not installed")
    cores = processor.cores()[:1]
    (tmp_path / "index").mkdir()
    with client.Client(name, dataset.folder, tmp_path / "index", tmp_path / "log", cores) as worker:
        worker.ask("build", threads=1)
        worker.ask("open")
        widest = peer.settings(10)[-1][-1]
        asked = {"queries": "title", "k": 10, "setting": widest, "cores": cores}
        assert worker.ask("speed", batch=True, min_s=0.0, max_s=5.0, **asked)["recall"] > 0.9
        assert worker.ask("speed", batch=False, min_s=0.0, max_s=5.0, **asked)["qps"] > 0
        assert sum(worker.ask("memory", setting=widest)["parts"].values()) > 0
        if peer.filters:
            asked = {"selectivity": 0.5, "seed": 0, "setting": widest, "cores": cores}
            assert worker.ask("filtered", max_s=5.0, **asked)["recall"] > 0.9
