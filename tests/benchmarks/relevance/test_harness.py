"""Measures by hand-worked examples, and a run over the shipped titles with every engine here."""

from __future__ import annotations

import json
from math import log2
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from benchmarks.__main__ import main as command
from benchmarks.relevance import corpus, table
from benchmarks.relevance.engines.base import Corpus, Engine
from benchmarks.relevance.engines.registry import ENGINES
from benchmarks.relevance.evaluation import EngineResult, GroupResult, Run, evaluate, load
from benchmarks.relevance.judgements import Want
from benchmarks.relevance.measures import Estimate, Scores, estimate, mean_of_groups, score
from benchmarks.relevance.titles import Titles
from tv5core.data import demo_titles


def works(*ids: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(each.split("+")) for each in ids)


ONE = Want("one", works("a+b", "c", "d"), (3, 3, 1))
ALL = Want("all", works(*"abcdefghijkl"), (3,) * 12)


def test_one_work_of_several_is_enough() -> None:
    assert score(ONE, ["c", "x"]) == Scores(1, 1, 1, 1)
    found = score(ONE, ["x", "b"])
    assert found == Scores(0, 1, 0.5, found.ndcg_10)
    assert found.ndcg_10 == pytest.approx(1 / log2(3))
    assert score(ONE, []) == Scores(0, 0, 0, 0)


def test_second_best_is_not_right_but_gains() -> None:
    assert score(ONE, ["d", "x"]) == Scores(0, 0, 0, 1 / 3)


def test_nine_of_ten_are_wanted_and_a_work_counts_once() -> None:
    assert score(ALL, list("abcdefghix")).success_10 == 1
    assert score(ALL, list("abcdefghxx")).success_10 == 0
    twice = Want("all", works("a+b", "c"), (3, 3), share=0.5)
    assert score(twice, ["a", "b"]).ndcg_10 == pytest.approx(1 / (1 + 1 / log2(3)))
    assert score(twice, ["x", "b"]).success_10 == 1


def test_only_ten_answers_count() -> None:
    assert score(ONE, ["x"] * 10 + ["a"]) == Scores(0, 0, 0, 0)


def test_no_answer_is_right_where_none_is() -> None:
    assert score(Want("none"), []) == Scores(1, 1, 1, 1)
    assert score(Want("none"), ["a"]) == Scores(0, 0, 0, 0)


def test_intervals_cover_the_mean_and_narrow_with_queries() -> None:
    few, many = ([Scores(i % 2, 1, 1, 1) for i in range(n)] for n in (20, 2_000))
    wide, narrow = estimate(few, "success_1"), estimate(many, "success_1")
    for each in (wide, narrow):
        assert each.low <= each.mean == 0.5 <= each.high
    # The normal approximation of a share of one half.
    assert narrow.high - narrow.low == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(2_000), rel=0.15)
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)
    assert estimate(few, "mrr") == Estimate(1, 1, 1)


def test_groups_count_alike() -> None:
    large, small = [Scores(1, 1, 1, 1)] * 90, [Scores(0, 0, 0, 0)] * 10
    assert mean_of_groups([large, small], "success_1") == Estimate(0.5, 0.5, 0.5)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lines") / "titles.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in demo_titles()))
    return path


@pytest.fixture(scope="module")
def built(lines: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Titles, Path]:
    return corpus.build(lines, tmp_path_factory.mktemp("cache"), lambda _: None)


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_finds_exact_titles(
    name: str, built: tuple[Titles, Path], tmp_path: Path
) -> None:
    kind = ENGINES[name]
    if name == "lancedb" or kind.missing():
        pytest.skip(kind.missing() or "takes seconds to start")
    titles, catalog = built
    engine = kind()
    engine.build(Corpus(titles.all, catalog, tmp_path))
    try:
        found = [engine.search(title.title, 10) for title in titles.all[:40]]
        assert sum(t.id in f for t, f in zip(titles.all, found, strict=False)) >= 34
        assert all(len(f) <= 10 and len(f) == len(set(f)) for f in found)
        assert all(answer in titles.by_id for f in found for answer in f)
        assert engine.search("@@@@ ####", 10) == []
    finally:
        engine.close()


def test_a_run_measures_and_is_written_as_tables(built: tuple[Titles, Path]) -> None:
    titles, catalog = built
    queries = load("tuning", titles)
    engines = [ENGINES["fts5"], ENGINES["fts5-plain"]]
    run = evaluate(queries, titles, catalog, engines, lambda _: None)
    assert not run.as_published
    assert run.unresolved
    strong = run.engines[0]
    assert strong.groups["exact"].success_1.mean > 0.8
    assert strong.overall is not None
    assert sum(group.queries for group in strong.groups.values()) == strong.overall.queries
    page = table.page(run)
    assert "Other titles or queries than those published" in page
    assert "| exact |" in page


def engine_result(name: str, at_one: float) -> EngineResult:
    same = Estimate(at_one, at_one, at_one)
    group = GroupResult(9, same, same, same, same)
    return EngineResult(name, name.upper(), overall=group, groups={"exact": group})


def test_losses_are_listed_first(built: tuple[Titles, Path]) -> None:
    titles, catalog = built
    empty = evaluate(load("tuning", titles, ["nonsense"]), titles, catalog, [], lambda _: None)
    run: Run = msgspec.structs.replace(
        empty, engines=[engine_result("tv5core", 0.7), engine_result("fts5", 0.9)]
    )
    assert table.losses(run)[0] == "exact, success@1: ours 0.70; FTS5 0.90"
    assert table.page(run).index("loses") < table.page(run).index("| mean of groups")


def test_the_page_keeps_a_table_of_each_half(tmp_path: Path, built: tuple[Titles, Path]) -> None:
    titles, catalog = built
    page = tmp_path / "README.md"
    page.write_text(f"a\n{table.marker('tuning')}\nold\n<!-- end -->\nb\n")
    queries = load("tuning", titles, ["nonsense"])
    table.update(page, evaluate(queries, titles, catalog, [ENGINES["fts5"]], lambda _: None))
    assert "old" not in page.read_text()
    assert "| nonsense | 42 |" in page.read_text()


class Broken(Engine):
    name, label, module = "broken", "Broken", "no_such_library"

    def build(self, corpus: Corpus) -> None:
        raise AssertionError

    def search(self, text: str, k: int) -> list[str]:
        raise AssertionError


def test_an_engine_that_is_not_installed_is_skipped(built: tuple[Titles, Path]) -> None:
    titles, catalog = built
    run = evaluate(load("tuning", titles, ["plot"]), titles, catalog, [Broken], lambda _: None)
    assert run.engines[0].reason == "no_such_library is not installed"
    assert "Not measured: Broken" in table.page(run)


def test_the_command_runs_and_writes(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words: list[Any] = ["relevance", "--titles", str(lines), "--cache", str(tmp_path / "cache")]
    words += ["--engines", "fts5", "--half", "testing", "--groups", "exact,nonsense"]
    words += ["--failures", str(tmp_path / "failures.jsonl"), "--json"]
    assert command(words) == 0
    printed = capsys.readouterr()
    run = json.loads(printed.out)
    assert set(run["engines"][0]["groups"]) == {"exact", "nonsense"}
    assert "choose nothing by its figures" in printed.err
    failures = (tmp_path / "failures.jsonl").read_text().splitlines()
    assert all(json.loads(line)["engine"] == "fts5" for line in failures)


def test_engines_of_an_earlier_run_are_kept_where_the_queries_are_the_same(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = str(tmp_path / "earlier.json")
    words = ["relevance", "--titles", str(lines), "--cache", str(tmp_path / "cache")]
    assert command([*words, "--engines", "fts5", "--groups", "plot", "--json", earlier]) == 0
    words += ["--engines", "fts5-plain", "--with", earlier]
    assert command([*words, "--groups", "plot"]) == 0
    assert "SQLite FTS5, weighted" in capsys.readouterr().out
    assert command([*words, "--groups", "typo"]) == 2
    assert command([*words, "--half", "testing", "--groups", "plot"]) == 2


@pytest.mark.parametrize(
    "words", [["--engines", "google"], ["--groups", "weather"], ["--titles", "missing.jsonl"]]
)
def test_the_command_says_what_it_expects(
    words: list[str], lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = [] if "--titles" in words else ["--titles", str(lines)]
    cache = ["--cache", str(tmp_path / "cache")]
    assert command(["relevance", *source, *cache, *words]) == 2
    assert "expected" in capsys.readouterr().err


def test_files_are_imported_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "tmdb").mkdir(parents=True)
    (data / "tmdb" / "films.csv").write_text(
        "id,title,release_date,overview\n603,The Matrix,1999-03-30,A hacker learns the truth.\n"
    )
    made = corpus.import_lines(data, tmp_path / "cache", lambda _: None)
    assert b"The Matrix" in made.read_bytes()
    (data / "tmdb" / "films.csv").unlink()
    assert corpus.import_lines(data, tmp_path / "cache", lambda _: None) == made
    with pytest.raises(ValueError, match="expected a folder with tmdb"):
        corpus.import_lines(tmp_path / "cache", tmp_path, lambda _: None)
