"""The profile of a query, stage by stage, and the catalogue's measurement; tiny runs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks.catalog.search import built, measure_catalog
from benchmarks.commands import profile
from benchmarks.data.datasets import Dataset, Generated, prepare
from benchmarks.data.titles import generated_title
from benchmarks.machine import processor
from benchmarks.profiling import full_precision, hnswlib_walk, stages
from benchmarks.profiling.stages import Asked, Stage
from tv5core.vectors import SearchSettings

SIZE = 1_000


@pytest.fixture(autouse=True)
def _unpinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "pin", lambda some: None)
    monkeypatch.setattr(stages, "ROUNDS", 1)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def dataset(cache: Path) -> Dataset:
    return prepare(Generated(SIZE), cache)


def call(cache: Path, *words: str) -> int:
    parser = argparse.ArgumentParser()
    profile.add_arguments(parser)
    return profile.main(parser.parse_args(["--size", str(SIZE), "--cache", str(cache), *words]))


SETTINGS = ("--expansion-search", "64", "--oversampling", "4")


def test_stages_are_timed_and_add_up(
    cache: Path, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(cache, *SETTINGS, "--quantized-only", "--titles", "20", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    found = {stage["name"].strip(): stage for stage in printed["quantized"]}
    assert {"prepare", "walk", "rescore int8", "keys", "decode"} <= set(found)
    walk = found["walk"]
    assert 64 < walk["visited"] < SIZE
    assert walk["ns_a_node"] == pytest.approx(1e9 * walk["seconds"] / walk["visited"])
    assert walk["bytes_touched"] > walk["visited"] * 104
    assert found["rescore int8"]["bytes_touched"] == 40 * 776
    # So few rows are scanned exactly by a whole search, not walked.
    assert found["rescore int8"]["recall"] == pytest.approx(printed["recall"], abs=0.02)
    assert printed["recall"] > 0.9
    assert found["rescore float32"]["recall"] >= printed["recall"] - 0.02
    assert found["rescore float32"]["counts"] is False
    assert printed["full_precision"] == []


def test_full_precision_stands_beside(
    cache: Path, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("hnswlib")
    assert call(cache, "--kind", "text", "--against", "hnswlib") == 0
    printed = capsys.readouterr().out
    assert "text queries, k=10" in printed
    assert "100% of 50 answers the same" in printed
    assert "scan float32, exact" in printed
    assert "times a quantized search" in printed


def test_a_replayed_walk_finds_what_hnswlib_finds(dataset: Dataset) -> None:
    pytest.importorskip("hnswlib")
    path = full_precision.graph_file(dataset, lambda _: None)
    assert path is not None
    queries = np.ascontiguousarray(dataset.queries["title"][:20])
    links = hnswlib_walk.read_links(path, 768)
    assert np.array_equal(links.vectors[np.argsort(links.labels)], dataset.vectors)
    index = full_precision._opened(path, 768)
    index.set_ef(30)
    want = index.knn_query(queries, 10, num_threads=1)[0].tolist()
    some = [hnswlib_walk.walk(links, query, 10, 30) for query in queries]
    assert [one.labels for one in some] == want
    assert all(30 <= one.expanded < one.compared < SIZE for one in some)
    with pytest.raises(ValueError, match=r"as hnswlib 0\.8 writes it"):
        hnswlib_walk.read_links(path, 64)


def test_without_hnswlib_the_scan_remains(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(full_precision, "find_spec", lambda name: None)
    said: list[str] = []
    assert full_precision.graph_file(dataset, said.append) is None
    assert "not installed" in said[0]
    asked = Asked(
        dataset.queries["title"].copy(), np.zeros((1, 10), np.int64), 10, SearchSettings()
    )
    assert full_precision.scan_stage(dataset.vectors, asked).visited == SIZE


def test_one_thing_is_repeated_for_a_profiler(
    cache: Path, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = ("--index", str(cache / "kept"))
    for name in profile.ONLY:
        assert call(cache, *SETTINGS, *kept, "--only", name, "--seconds", "0.01") == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("building tv5core") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--oversampling", "4"), "together, got one"),
        (("--error-margin", "2"), "with --expansion-search"),
        (("--expansion-search", "0", "--oversampling", "4"), "expected expansion_search to be"),
        (("--k", "0"), "expected --k of at least 1"),
        (("--kind", "image", *SETTINGS), "expected --kind among title, text, got image"),
        (("--index", __file__), "expected --index to be a folder"),
        (("--index", str(Path(__file__).parent)), "expected a vector index in"),
    ],
)
def test_bad_input_is_refused(
    cache: Path, dataset: Dataset, words: tuple[str, ...], message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert call(cache, "--quantized-only", *words) == 2
    assert message in capsys.readouterr().err


def test_stages_without_nodes_have_no_time_a_node() -> None:
    assert Stage("x", 1.0).ns_a_node is None
    assert Stage("x", 1e-6, visited=100).ns_a_node == pytest.approx(10)


# -- the catalogue ------------------------------------------------------------------------


def test_generated_titles_weigh_about_5_kb_and_stay_the_same() -> None:
    sizes = [len(msgspec.msgpack.encode(generated_title(i))) for i in range(20)]
    assert 4_000 < np.mean(sizes) < 6_000
    assert generated_title(7) == generated_title(7) != generated_title(8)


def test_catalogue_is_measured_and_reused(tmp_path: Path, dataset: Dataset) -> None:
    said: list[str] = []
    first = measure_catalog(dataset, tmp_path, said.append, most=600, calls=60)
    assert first.titles == 600
    assert first.recall > 0.9
    assert 0 < first.p50_s <= first.p95_s <= first.p99_s
    assert first.qps > 1
    assert first.memory.proportional_bytes > 0
    assert any("adding titles" in line for line in said)
    said.clear()
    assert built(dataset, tmp_path, 600, said.append).is_dir()
    assert said == []
