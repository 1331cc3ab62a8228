"""Pictures say what the tables say, and are the same files each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.report.pictures import draw_all, tables_below

PAGE = """
# Figures

### 100,000 vectors, in turns

| index | recall@10 | tv5core-int8 QPS, same turns | its QPS | RAM B/vector, anonymous + mapped |
| :-- | --: | --: | --: | --: |
| **tv5core, int8 rescoring** | 0.960 | 20,000 | 26,777 | 6 + 1,012 |
| hnswlib, float32 | 0.954 | 20,100 | 2,707 | 3,338 + 0 |
| usearch, i8 | **0.904 (!)** | 20,100 | 289 at **0.904 (!)** | 1,025 + 1 |

## Recommendations

| system | parameters | hit rate@10 |
| :-- | :-- | --: |
| random |  | 0.010 (0.000 to 0.020) |
| **tv5core** | diversity 0.3 | 0.127 (0.102 to 0.153) |
"""


def test_tables_are_read_by_their_headings() -> None:
    (table,) = tables_below(PAGE, "100,000 vectors")
    assert table.column("its QPS", "QPS at") == ["26,777", "2,707", "289 at **0.904 (!)**"]
    assert table.column("latency") is None
    assert tables_below(PAGE, "A million") == []


def test_pictures_show_the_figures_of_the_tables(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert draw_all(PAGE, tmp_path) == ["speed-100k", "memory-100k", "recommendations"]
    drawn = (tmp_path / "speed-100k-light.svg").read_text("utf-8")
    for shown in ("26,777", "2,707", "289", "tv5core, int8 rescoring", "hnswlib, float32"):
        assert f">{shown}" in drawn or f"> {shown}" in drawn, shown
    assert "**" not in drawn
    assert (tmp_path / "recommendations-dark.svg").is_file()


def test_the_same_tables_are_the_same_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw_all(PAGE, tmp_path / "first")
    draw_all(PAGE, tmp_path / "second")
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()
