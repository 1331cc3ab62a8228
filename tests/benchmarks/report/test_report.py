"""The benchmark report: curves, the losses and targets it states, and README's table."""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks.commands import report
from benchmarks.report import plots, readme
from benchmarks.report.curves import (
    at_recall,
    find_curve,
    front,
    paired_ratio,
    paired_rounds,
    ratio_at,
    speed_at,
)
from benchmarks.report.figures import find_peer, measured, memory_split
from benchmarks.report.tables import run_section
from benchmarks.report.text import factor, size_name
from benchmarks.report.verdicts import losses, targets
from benchmarks.results import Curve, Memory, Paired, PeerResult, Point, Run, read, write

_spec = importlib.util.spec_from_file_location(
    "benchmark_runs", Path(__file__).with_name("benchmark_runs.py")
)
assert _spec is not None
assert _spec.loader is not None
runs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(runs)


def points(*pairs: tuple[float, float]) -> list[Point]:
    return [Point({"ef": i}, recall, qps, [qps]) for i, (recall, qps) in enumerate(pairs)]


def curve(*pairs: tuple[float, float], turns: list[tuple[float, float]] | None = None) -> Curve:
    ours, theirs = ([turn[side] for turn in turns or []] for side in (0, 1))
    paired = [Paired("ours", 0.95, ours, theirs)] if turns else []
    return Curve("title", 10, 100, 1, points(*pairs), paired)


def changed(run: Run, name: str, **changes: object) -> Run:
    peers = [
        msgspec.structs.replace(peer, **changes) if peer.name == name else peer
        for peer in run.peers
    ]
    return msgspec.structs.replace(run, peers=peers)


# -- curves -------------------------------------------------------------------------------


def test_front_leaves_out_what_is_beaten() -> None:
    some = points((0.9, 100), (0.8, 90), (0.95, 50), (0.95, 40), (0.99, 0), (0.7, 200))
    assert [(p.recall, p.qps) for p in front(some)] == [(0.7, 200), (0.9, 100), (0.95, 50)]


@pytest.mark.parametrize(
    ("recall", "expected"),
    [(0.9, 1000), (0.95, 316.227766), (1.0, 100), (0.5, 1000)],
)
def test_speed_is_interpolated_in_its_logarithm(recall: float, expected: float) -> None:
    assert speed_at(points((0.9, 1000), (1.0, 100)), recall) == pytest.approx(expected)


def test_speed_at_a_recall_never_reached_is_none() -> None:
    assert speed_at(points((0.9, 1000), (0.94, 100)), 0.95) is None
    assert speed_at([], 0.95) is None


def test_a_curve_that_never_gets_there_is_shown_at_its_best() -> None:
    found = at_recall(curve((0.9, 1000), (0.94, 100), (0.94, 80)), 0.95)
    assert found is not None
    assert (found.point.recall, found.qps, found.reached) == (0.94, 100, False)
    assert at_recall(curve(), 0.95) is None


def test_a_curve_that_is_always_above_is_a_lower_bound() -> None:
    found = at_recall(curve((0.97, 1000), (0.99, 100)), 0.95)
    assert found is not None
    assert (found.point.recall, found.reached, found.exact) == (0.97, True, False)
    assert found.qps == pytest.approx(1000)


def test_ratios_are_those_of_the_median_round() -> None:
    ours = curve((0.95, 1000))
    turns = [(1000.4, 200.4), (500.0, 400.0), (900.0, 100.0)]  # 5, 1.25 and 9
    theirs = curve((0.95, 100), turns=turns)
    ratio = ratio_at(ours, theirs, 0.95, "ours")
    assert ratio == (1000, 200, True)
    assert ratio is not None
    assert ratio.value == 5
    two = paired_ratio(curve((0.95, 100), turns=turns[1:]), 0.95, "ours")
    assert two == (500, 400, True)  # of two rounds the one that is worse for us
    assert [one.value for one in paired_rounds(theirs, 0.95, "ours")] == [1.25, 5, 9]
    assert paired_ratio(theirs, 0.99, "ours") is None
    assert paired_ratio(theirs, 0.95, "another") is None


def test_ratios_of_speeds_timed_apart_are_marked() -> None:
    ours, theirs = curve((0.95, 1000)), curve((0.95, 100))
    assert ratio_at(ours, theirs, 0.95, "ours") == (1000, 100, False)
    assert ratio_at(ours, curve((0.9, 1)), 0.95, "ours") is None
    assert ratio_at(None, theirs, 0.95, "ours") is None


@pytest.mark.parametrize("write_page", [run_section, readme.block, lambda r: readme.summary([r])])
def test_every_ratio_is_the_quotient_of_the_figures_beside_it(write_page: Any) -> None:
    checked = 0
    for block in write_page(runs.run()).split("\n\n"):
        rows = [line.strip("| ").split(" | ") for line in block.splitlines()]
        at = next((i for i, name in enumerate(rows[0]) if "QPS, same turns" in name), None)
        if at is None or not block.startswith("|"):
            continue
        assert rows[0][at + 1 : at + 3] == ["its QPS", "ratio"]
        for cells in rows[2:]:
            ours, theirs, ratio = (cell.replace(",", "") for cell in cells[at : at + 3])
            if ratio != "-":
                assert ratio == factor(int(ours) / int(theirs))
                checked += 1
    assert checked >= 6


def test_single_calls_and_batches_are_kept_apart() -> None:
    peer = find_peer(runs.run())
    assert peer is not None
    single, batch = find_curve(peer, single=True), find_curve(peer)
    assert single is not None
    assert batch is not None
    assert (single.batch, batch.batch) == (1, 1000)
    assert find_curve(peer, "text", 100) is None


@pytest.mark.parametrize(
    ("rows", "name"),
    [(100_000, "100k"), (1_000_000, "1m"), (68_123, "68.1k"), (999, "999"), (2_500_000, "2.5m")],
)
def test_sizes_have_short_names(rows: int, name: str) -> None:
    assert size_name(rows) == name


# -- losses and targets -------------------------------------------------------------------


def test_losses_tell_by_how_much_and_at_which_recall() -> None:
    found = {(loss.metric, loss.peer): loss for loss in losses(runs.run())}
    never = found["QPS at recall 0.99, text queries, k=10, batches, one thread", "hnswlib"]
    assert (never.factor, never.recall, never.ours) == (None, 0.99, "never reaches 0.99")
    build = found["build", "usearch-b1"]
    assert build.factor == pytest.approx(9 / 6)
    assert (build.ours, build.theirs) == ("11,111 vectors/s", "16,667 vectors/s")
    assert ("QPS at recall 0.95, title queries, k=10, batches, one thread", "hnswlib") not in found


def test_what_does_not_reach_the_recall_wins_nothing() -> None:
    run = changed(runs.run(), "zvec", build=runs.peer("x", "x", 1, 1, build_s=0.001).build)
    assert not [loss for loss in losses(run) if loss.peer == "zvec" and "0.90" not in loss.metric]


def test_latency_and_filters_lose_too() -> None:
    filtered = [runs.Filtered(0.01, {}, 0.96, 1e6), runs.Filtered(0.1, {}, 0.5, 1e6)]
    quick = [runs.latency(1e-6, 0.96)]
    run = changed(runs.run(), "hnswlib", latency=quick, filtered=filtered)
    metrics = {loss.metric for loss in losses(run) if loss.peer == "hnswlib"}
    assert "p50 of single calls, title queries, k=10" in metrics
    assert "filtered search among 1 % of the rows" in metrics
    assert "filtered search among 10 % of the rows" not in metrics


def test_without_ours_there_is_nothing_to_lose() -> None:
    run = changed(runs.run(), "tv5core-int8", status="failed", reason="x")
    assert losses(run) == []
    assert targets(run) == []
    assert "was not measured" in run_section(run)


def test_targets_are_met_or_missed_with_the_figure() -> None:
    found = {v.target: v for v in targets(runs.run())}
    assert found["one thread: at least 7x hnswlib"].met is False
    assert found["one thread: at least 7x hnswlib"].figure == (
        "4.82x (hnswlib 5,200 QPS, same turns 25,064)"
    )
    assert found["one thread: at least 2x faiss"].figure.startswith("1.48x (faiss-ivfpq")
    assert found["build: at least 10,000 vectors/s"].met is True
    assert found["graph and codes: at most 240 B/vector"].figure == "234.0 B/vector"


def test_a_million_rows_have_targets_of_their_own() -> None:
    found = {v.target: v.met for v in targets(runs.run(1_000_000))}
    assert found["one thread: at least 8x hnswlib"] is False
    assert found["build: at most 120 s"] is True
    assert found["p50 of single calls: at most 0.25 ms at recall 0.95"] is True


def test_targets_without_measurements_stay_open() -> None:
    bare = msgspec.structs.replace(
        find_peer(runs.run()), curves=[], latency=[], build=None, memory=None
    )
    run = msgspec.structs.replace(runs.run(1_000_000), peers=[bare])
    assert {v.met for v in targets(run)} == {None}


def test_memory_is_split_by_what_it_is_for() -> None:
    ours, peer = find_peer(runs.run()), find_peer(runs.run(), "hnswlib")
    assert ours is not None
    assert peer is not None
    assert [size // 100_000 for size in memory_split(ours).values()] == [234, 12, 772, 0]
    assert [size // 100_000 for size in memory_split(peer).values()] == [0, 0, 0, 3300]
    loaded = msgspec.structs.replace(ours, memory=Memory(150, 0, 150, 0, {"codes": 100}))
    assert [*memory_split(loaded).values()] == [100, 0, 0, 50]


# -- the page -----------------------------------------------------------------------------


def test_every_peer_is_reported_with_its_recall() -> None:
    page, run = run_section(runs.run()), runs.run()
    for peer in measured(run):
        assert f"{peer.label}" in page
    assert "**0.921 (!)**" in page
    assert "| vald | not installed | pip install vald |" in page
    assert "RuntimeError: out of memory" in page
    assert "Where tv5core-int8 loses" in page
    assert "| 0.95 | hnswlib | 25,064 | 5,200 | 4.82x | 4.57x - 24.1x |" in page
    assert "`Catalog.search`" in page
    assert "| title | 1,000 | 0.650 | 0.550 | 0.490 | 37.2 |" in page


def test_tables_are_whole() -> None:
    blocks = run_section(runs.run()).split("\n\n")
    tables = [b.strip().splitlines() for b in blocks if b.strip().startswith("|")]
    assert len(tables) > 10
    for lines in tables:
        assert len({line.count("|") for line in lines}) == 1, lines[0]


def test_what_was_not_measured_leaves_no_table() -> None:
    bare = [
        msgspec.structs.replace(
            peer, filtered=[], latency=[], adding=None, memory=None, opening=None, build=None
        )
        for peer in measured(runs.run())
    ]
    page = run_section(msgspec.structs.replace(runs.run(), peers=bare, catalog=None))
    for title in ("Filtered", "Adding while", "Memory while", "Single calls", "Not measured"):
        assert f"### {title}" not in page


def test_a_peer_without_curves_is_no_trouble() -> None:
    empty = PeerResult("new", "new", "new", "1", {}, "measured")
    run = msgspec.structs.replace(runs.run(), peers=[*runs.run().peers, empty])
    assert "new: no parameters" in run_section(run)


# -- README -------------------------------------------------------------------------------

PAGE = (
    "before\n{0}\nold\n<!-- end -->\nbetween\n<!-- benchmark table: 1m -->\n<!-- end -->\nafter\n"
)
SMALL = f"before\n{readme.SUMMARY}\nold\n<!-- end -->\nafter\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "README.md").write_text(PAGE.format(readme.marker(runs.run())))
    (tmp_path / "README.md").write_text(SMALL)
    return tmp_path


def test_readmes_keep_all_but_their_tables(checkout: Path) -> None:
    path, run = checkout / "benchmarks" / "README.md", runs.run()
    readme.update_all(checkout, [run, runs.run(1_000_000)])
    page = path.read_text()
    assert page.startswith("before\n<!-- benchmark table: 100k -->\n\ntitle-like")
    assert page.endswith("<!-- end -->\nafter\n")
    assert "old" not in page
    assert "\nbetween\n" in page
    assert "Where tv5core-int8 loses" in page
    assert page.count("| hnswlib |") == 2
    readme.update(path, {readme.marker(run): readme.block(run)})
    assert path.read_text() == page
    assert [p.name for p in path.parent.iterdir()] == ["README.md"]


def test_the_small_table_has_each_library_once_a_size(checkout: Path) -> None:
    readme.update_all(checkout, [runs.run(), runs.run(1_000_000)])
    page = (checkout / "README.md").read_text()
    assert page.startswith(f"before\n{readme.SUMMARY}\n\n| vectors | index |")
    assert page.endswith("<!-- end -->\nafter\n")
    assert page.count("| 100,000 | usearch f16 |") == 1  # the fastest of usearch's
    assert "usearch b1" not in page
    assert page.count("| 1,000,000 | ") == 6
    assert len(page.splitlines()) < 25


def test_neither_readme_changes_where_one_lacks_markers(checkout: Path) -> None:
    (checkout / "README.md").write_text("nothing")
    with pytest.raises(ValueError, match="expected the lines '<!-- benchmark summary -->'"):
        readme.update_all(checkout, [runs.run()])
    assert "old" in (checkout / "benchmarks" / "README.md").read_text()


@pytest.mark.parametrize(
    "page",
    [
        "nothing",
        "<!-- benchmark table: 100k -->\nno end",
        "<!-- end --><!-- benchmark table: 100k -->",
        "<!-- benchmark table: 100k -->\n<!-- benchmark table: 1m -->\n<!-- end -->",
    ],
)
def test_missing_markers_are_reported_and_nothing_changes(tmp_path: Path, page: str) -> None:
    path, run = tmp_path / "README.md", runs.run()
    path.write_text(page)
    with pytest.raises(ValueError, match=r"expected the lines '<!-- benchmark table: 100k -->'"):
        readme.update(path, {readme.marker(run): readme.block(run)})
    assert path.read_text() == page


# -- the command --------------------------------------------------------------------------


def call(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    report.add_arguments(parser)
    return report.main(parser.parse_args([str(word) for word in words]))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    write(runs.run(), tmp_path / "run.json")
    return tmp_path / "run.json"


def test_command_writes_markdown_without_matplotlib(
    tmp_path: Path, saved: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plots, "available", lambda: False)
    assert call(saved, "--output", tmp_path / "out") == 0
    printed = capsys.readouterr()
    assert "matplotlib is missing" in printed.err
    assert "MISSED  one thread: at least 7x hnswlib: 4.82x" in printed.out
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["report.md"]


def test_command_updates_the_pages_of_a_checkout(
    tmp_path: Path, saved: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "available", lambda: False)
    monkeypatch.chdir(checkout)
    assert call(saved, "--output", tmp_path / "out", "--readme") == 0
    assert "| 100,000 | hnswlib |" in (checkout / "README.md").read_text()
    assert "title-like" in (checkout / "benchmarks" / "README.md").read_text()


def test_command_prints_json(
    tmp_path: Path, saved: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plots, "available", lambda: False)
    assert call(saved, saved, "--json", "--output", tmp_path) == 0
    printed = json.loads(capsys.readouterr().out)
    assert len(printed) == 2
    assert printed[0]["qps_at_target"]["zvec"] is None
    assert {t["met"] for t in printed[0]["targets"]} == {True, False}
    assert printed[0]["losses"][0]["factor"] is None


def test_command_draws(tmp_path: Path, saved: Path) -> None:
    pytest.importorskip("matplotlib")
    run = runs.run()
    small = msgspec.structs.replace(
        run,
        peers=[msgspec.structs.replace(peer, curves=peer.curves[:1]) for peer in measured(run)[:3]],
    )
    write(small, saved)
    assert call(saved, "--output", tmp_path / "out") == 0
    page = (tmp_path / "out" / "report.md").read_text()
    pictures = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert pictures == {"100k-title-batch.png", "100k-memory.png", "100k-latency.png"}
    assert all(f"]({name})" in page for name in pictures)


@pytest.mark.parametrize("content", ['{"schema": 1}', "not JSON", None])
def test_a_wrong_file_is_refused(
    tmp_path: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content)
    assert call(path, "--output", tmp_path / "out") == 2
    assert f"expected the JSON of a benchmark run in {path}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_another_schema_is_refused(tmp_path: Path, saved: Path) -> None:
    write(msgspec.structs.replace(runs.run(), schema=99), saved)
    with pytest.raises(ValueError, match="expected schema 2"):
        read(saved)
    assert call(saved, "--output", tmp_path / "out") == 2


def test_an_older_schema_is_read_without_ratios(tmp_path: Path) -> None:
    old = json.loads(msgspec.json.encode(runs.run()))
    old["schema"] = 1
    for peer in old["peers"]:
        for one in peer["curves"]:
            del one["paired"]
            one["reference_qps"] = [1000.0, 980.0]
    (tmp_path / "old.json").write_text(json.dumps(old))
    run = read(tmp_path / "old.json")
    page = readme.block(run)
    assert "| hnswlib | 0.965 | - | >= 5,200 | - |" in page
    assert {v.met for v in targets(run) if "one thread" in v.target} == {None}
    assert "In turns with" not in run_section(run)


def test_a_command_is_printed_without_paths() -> None:
    from benchmarks.report.text import portable_command

    command = [
        "python",
        "-m",
        "benchmarks",
        "run",
        "--size",
        "100k",
        "--cache",
        "/a/b",
        "--json=/c",
    ]
    assert portable_command([*command, "--vectors", "/d/e f.npy"]) == (
        "python -m benchmarks run --size 100k --vectors 'e f.npy'"
    )
