"""The scale table: bytes of each part, projections in proportion, and what is missed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import main as command
from benchmarks.catalog.scale import storage_lines
from tests.server.conftest import sealed  # noqa: F401 - a fixture
from tv5core.vectors import VectorIndex


def test_the_demo_is_measured_and_projected(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["scale", "--seconds", "0.02", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    sizes = {line["size"] for line in lines}
    assert {100_000, 1_000_000} < sizes
    of = {(line["what"], line["size"]): line for line in lines}
    assert "projected" in of["metadata", 1_000_000]["measured"]
    assert of["metadata", 1_000_000]["target"] == "<= 5.00 GB"
    assert of["vectors, all that is searched", 1_000_000]["target"] == "<= 550 MB"
    speeds = [line for line in lines if "/s, p50" in line["measured"]]
    assert len(speeds) == 9
    assert all(float(re.match(r"[\d,]+", s["measured"])[0].replace(",", "")) > 0 for s in speeds)  # type: ignore[index]


def test_what_needs_more_than_its_bound_is_not_met(sealed: Path) -> None:  # noqa: F811
    honest = {line.what: line.met for line in storage_lines(sealed, 305) if line.size == 305}
    assert honest["metadata"] is True
    fewer = {line.what: line.met for line in storage_lines(sealed, 3) if line.size == 3}
    assert fewer["metadata"] is False


def test_an_index_of_vectors_alone_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = np.random.default_rng(0).standard_normal((300, 32)).astype(np.float32)
    VectorIndex.build(rows, path=tmp_path / "index").close()
    np.save(tmp_path / "queries.npy", rows[:20])
    words = [
        "scale",
        "--index",
        str(tmp_path / "index"),
        "--queries",
        str(tmp_path / "queries.npy"),
    ]
    assert command([*words, "--seconds", "0.02"]) == 0
    assert "recall@10" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="together"):
        command(words[:3])
