"""A search beside those of usearch and FAISS, stage by stage; tiny runs."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks.commands import profile as command
from benchmarks.data.datasets import Generated, prepare
from benchmarks.profiling import against, page
from tests.benchmarks.profiling.test_profile import SETTINGS, SIZE, _unpinned, cache, call

__all__ = ["_unpinned", "cache"]  # fixtures

OTHERS = ("usearch-f32", "usearch-f16", "faiss-flat")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(against, "WIDTHS", (10, 64))
    monkeypatch.setattr(against, "_ROUNDS", 1)
    prepare(Generated(SIZE), cache)


def test_others_stand_beside_at_the_same_recall(
    quick: None, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("faiss")
    pytest.importorskip("matplotlib")
    words = [word for name in OTHERS for word in ("--against", name)]
    html = tmp_path / "page.html"
    assert call(cache, *SETTINGS, *words, "--html", str(html), "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["full_precision"] == []
    assert [point["setting"] for point in printed["curve"]] == ["expansion 10", "expansion 64"]
    systems = {one["name"]: one for one in printed["against"]}
    assert set(systems) == set(OTHERS)
    for one in systems.values():
        assert all(stage["seconds"] >= 0 for stage in one["stages"])
        # usearch's graph differs from run to run, and 64 is the widest search here.
        assert one["stages"][-1]["recall"] >= min(printed["recall"], 0.99) - 0.01
    flat, walked = systems["faiss-flat"], systems["usearch-f32"]
    assert flat["stages"][0]["visited"] == SIZE
    assert flat["stages"][-1]["recall"] == pytest.approx(1, abs=0.005)
    assert 10 < walked["stages"][0]["visited"] < 4 * SIZE
    size = walked["stages"][0]["bytes_touched"] / walked["stages"][0]["visited"]
    assert size == pytest.approx(4 * 768)
    half = systems["usearch-f16"]["stages"][0]
    assert half["bytes_touched"] / half["visited"] == pytest.approx(2 * 768)

    text = html.read_text("utf-8")
    pictures = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(pictures) == 3
    for picture in pictures:
        ET.fromstring(re.sub(r"xlink:", "", picture))
    for name in ("tv5core", *OTHERS):
        assert f"<caption>{name}: " in text
    assert not re.search(r'(?:src|href)="http', text), "nothing is loaded"


def test_the_table_names_them(quick: None, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(cache, *SETTINGS) == 0
    printed = capsys.readouterr().out
    for name in command.BY_DEFAULT:
        assert re.search(rf"^{name} \d", printed, re.MULTILINE)
        assert f"{name}: " in printed
    assert "times a quantized search" in printed


def test_without_matplotlib_tables_remain(
    quick: None, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    html = tmp_path / "page.html"
    assert call(cache, *SETTINGS, "--quantized-only", "--html", str(html)) == 0
    text = html.read_text("utf-8")
    assert "<svg" not in text
    assert "<td>rescore int8</td>" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--against", "usearch-f32", "--quantized-only"), "expected --against without"),
        (("--html", "/none/x.html"), "expected --html in a folder that is there"),
    ],
)
def test_bad_input_is_refused(
    quick: None, cache: Path, words: tuple[str, ...], message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert call(cache, *SETTINGS, *words) == 2
    assert message in capsys.readouterr().err


def test_what_is_not_installed_is_named(
    quick: None, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "missing", lambda names: ["faiss"])
    assert call(cache, *SETTINGS, "--against", "faiss-flat") == 2
    assert "expected faiss for --against, got none installed" in capsys.readouterr().err
