"""A tiny run of the speed of search: everything is measured, no time is asserted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main as command
from benchmarks.relevance import latency
from benchmarks.relevance.names import folded
from tv5core import Catalog


def test_queries_are_seeded_and_ask_for_what_is_there() -> None:
    made = latency.queries(400, 3, 20)
    assert made == latency.queries(400, 3, 20)
    assert {kind: len(some) for kind, some in made.items()} == dict.fromkeys(latency.KINDS, 20)
    names = {folded(title.title) for title in latency.WholeTitles(400, 3)}
    assert {text for text, _ in made["names"]} <= names
    assert not {text for text, _ in made["typos"]} & names
    assert all("genre:" in options["where"] for _, options in made["filters"])


def test_a_catalogue_is_built_once_and_searched_by_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "README.md"
    page.write_text("<!-- benchmark search: 300 -->\nold\n<!-- end -->\n")
    words = ["search", "--size", "300", "--queries", "10", "--cache", str(tmp_path / "cache")]
    words += ["--peers", "fts5,tantivy", "--readme", str(page), "--json"]
    assert command(words) == 0
    run = json.loads(capsys.readouterr().out)
    assert run["build"]["titles"] == 300
    ours, *others = run["engines"]
    assert {"names", "words", "typos"} <= set(ours["timings"])
    assert all(0 < each["p50_s"] <= each["p99_s"] for each in ours["timings"].values())
    assert ours["two_threads"] > 0
    typed = {"names", "words", "typos"}
    assert all(each["reason"] or set(each["timings"]) == typed for each in others)
    assert "old" not in page.read_text()
    assert command([*words[:-1], "--peers", "none"]) == 0
    printed = capsys.readouterr()
    assert "embedding" not in printed.err
    assert "Bytes a title on disk" in printed.out
    folder = next((tmp_path / "cache").glob("search-300-*/"))
    with Catalog.open(folder, create=False, read_only=True) as catalog:
        assert catalog.count() == 300


@pytest.mark.parametrize(
    "words", [["--size", "huge"], ["--peers", "google"], ["--queries", "1"], ["--size", "5"]]
)
def test_the_command_says_what_it_expects(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["search", "--cache", str(tmp_path), *words]) == 2
    assert "expected" in capsys.readouterr().err
