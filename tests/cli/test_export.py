"""``tv5 export``, run as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.cli.command import COUNT, tv5
from tv5core.data import demo_titles


def test_export_and_restore(films: Path, tmp_path: Path) -> None:
    done = tv5("export", "-o", tmp_path / "e", "-c", films)
    assert done.returncode == 0, done.stderr
    assert f"exported {COUNT} titles and {COUNT} vectors" in done.stderr
    ids = (tmp_path / "e" / "ids.txt").read_text().splitlines()
    assert np.load(tmp_path / "e" / "vectors.npy").shape[0] == len(ids) == COUNT
    assert tv5("restore", tmp_path / "e", tmp_path / "r", "--json").returncode == 0
    assert tv5("export", "-o", tmp_path / "again", "--json", "-c", tmp_path / "r").returncode == 0
    for path in (tmp_path / "e").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_titles_alone(films: Path, tmp_path: Path) -> None:
    done = tv5("export", "--output", "-", "-c", films)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [
        title.id for title in demo_titles()[:COUNT]
    ]
    file = tmp_path / "titles.jsonl"
    assert tv5("export", "-o", file, "-c", films).returncode == 0
    assert file.read_text() == done.stdout
    report = json.loads(tv5("import", file, "-c", tmp_path / "new", "--json").stdout)
    assert report["new"] == COUNT


def test_a_reader_that_has_had_enough(films: Path) -> None:
    code = "from tv5core.cli import main; main()"
    child = subprocess.Popen(
        [sys.executable, "-c", code, "export", "-o", "-", "-c", films],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()  # before it can have written
    said = child.stderr.read().decode()
    assert child.wait() == 1
    child.stderr.close()
    assert "Traceback" not in said


def test_importing_an_export_says_how_to_bring_it_back(films: Path, tmp_path: Path) -> None:
    assert tv5("export", "-o", tmp_path / "e", "-c", films).returncode == 0
    done = tv5("import", tmp_path / "e", "-c", tmp_path / "new")
    assert done.returncode == 2
    assert "tv5 restore" in done.stderr
    assert not (tmp_path / "new").exists()
