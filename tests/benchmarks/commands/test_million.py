"""A tiny run of a million titles: everything is measured, no time is asserted."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from benchmarks.__main__ import main as command
from benchmarks.catalog.million import FILTERS, Filtered, Scale, Speed
from benchmarks.commands.million import lines_of
from benchmarks.relevance import latency

FAST = Speed(100, 1e-3, 1e-3, 1e-3, 1_000.0, 0.97)
GOOD = Scale(
    titles=1_000_000,
    dim=768,
    bytes={"titles": 10**9, "graph": 240 * 10**6, "rows": 300 * 10**6, "words": 10**9},
    open_s=1.0,
    first_search_s=1.0,
    vectors=FAST,
    suggest=FAST,
    filtered=[Filtered("votes:>=3", "independent", 0.1, FAST, FAST)],
    verify_s=60.0,
    sound=True,
    backup_s=60.0,
    backup_bytes=10**9,
    backup_answers=True,
    anonymous_bytes=0,
    file_bytes=0,
)


def missed(found: Scale) -> list[str]:
    return [line.what for line in lines_of(found) if line.met is False]


def test_what_holds_is_met() -> None:
    assert missed(GOOD) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"titles": 500_000}, "vectors: with the int8 rows that rescore, mapped"),
        ({"bytes": GOOD.bytes | {"titles": 5 * 10**9}}, "metadata: titles, words, columns"),
        ({"bytes": GOOD.bytes | {"rows": 400 * 10**6}}, "vectors: with the int8 rows"),
        ({"vectors": msgspec.structs.replace(FAST, qps=499.0)}, "vector search"),
        ({"vectors": msgspec.structs.replace(FAST, recall=0.94)}, "vector search"),
        ({"suggest": msgspec.structs.replace(FAST, p99_s=6e-3)}, "suggest"),
        ({"sound": False}, "verify"),
        ({"backup_answers": False}, "backup"),
    ],
)
def test_what_does_not_is_missed(change: dict[str, object], what: str) -> None:
    found = missed(msgspec.structs.replace(GOOD, **change))
    assert any(each.startswith(what) for each in found)


@pytest.mark.parametrize("wrong", [{"p50_s": 3e-3}, {"p95_s": 3e-3}, {"recall": 0.9}])
def test_a_filter_is_missed_by_its_recall_its_time_or_its_slowest(wrong: dict[str, float]) -> None:
    slow = Filtered("votes:>=3", "near", 0.1, msgspec.structs.replace(FAST, **wrong), FAST)
    assert len(missed(msgspec.structs.replace(GOOD, filtered=[slow]))) == 1


def test_a_catalogue_is_measured_and_its_backup_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = latency.build(300, 0, tmp_path, lambda _: None)
    page = tmp_path / "README.md"
    page.write_text("<!-- benchmark million -->\nold\n<!-- end -->\n")
    words = ["million", "--catalog", str(folder), "--queries", "12"]
    words += ["--backup", str(tmp_path / "b")]
    assert command([*words, "--readme", str(page), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["scale"]
    assert (found["titles"], found["sound"], found["backup_answers"]) == (300, True, True)
    assert found["vectors"]["recall"] >= 0.9
    assert len(found["filtered"]) == len(FILTERS) + 2
    assert all(0 < each["share"] <= 1 for each in found["filtered"])
    assert {each["speed"]["calls"] for each in found["filtered"]} == {12}
    assert found["bytes"]["stored vectors"] == 300 * 4 * found["dim"]
    assert sum(found["bytes"].values()) <= sum(p.stat().st_size for p in folder.iterdir())
    assert not (tmp_path / "b").exists()
    assert "old" not in page.read_text()
    assert "| verify, every byte | sound | sound" in page.read_text()


def test_the_command_says_what_it_expects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "b").mkdir()
    for words in (["--queries", "1"], ["--backup", str(tmp_path / "b")], []):
        assert command(["million", "--catalog", str(tmp_path / "none"), *words]) == 2
        assert "expected" in capsys.readouterr().err
