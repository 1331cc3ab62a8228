"""``tv5 export``, run as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from tests.cli.command import COUNT, tv5
from tests.vector_databases.servers import MilvusServer
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


@pytest.fixture
def server() -> Iterator[MilvusServer]:
    with TemporaryDirectory() as folder:
        made = MilvusServer(Path(folder))
        made.start()
        yield made
        made.stop()


def test_to_milvus_and_back(films: Path, tmp_path: Path, server: MilvusServer) -> None:
    there = ("--url", f"http://127.0.0.1:{server.port}", "--collection", "films")
    done = tv5("export", "milvus", *there, "--options", "nlist=16,timeout_s=60", "-c", films)
    assert done.returncode == 0, done.stderr
    assert f"{COUNT} points sent" in done.stderr
    again = json.loads(tv5("export", "milvus", *there, "-c", films, "--json").stdout)
    assert (again["sent"], again["vectors"], again["recall"]) == (0, COUNT, 1)
    done = tv5("import", "milvus", *there, "-c", tmp_path / "back")
    assert done.returncode == 0, done.stderr
    assert f"the catalogue holds {COUNT}" in done.stderr
    server.stop()
    done = tv5("export", "milvus", *there, "-c", films)
    assert done.returncode == 1
    assert f"milvus://127.0.0.1:{server.port}/films" in done.stderr


def test_to_qdrant_and_back(films: Path, tmp_path: Path) -> None:
    url = f"qdrant+local://{tmp_path}/q"
    for command in ("export", "import"):
        done = tv5(command, "qdrant", "--url", url, "--collection", "f", "-c", films)
        assert done.returncode == (0 if command == "export" else 1), done.stderr
    assert "EmbedderMismatch" not in done.stderr
    done = tv5("import", "qdrant", "--url", url, "--collection", "f", "--embed", "-c", films)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "qdrant"),
        ("export", "oracle", "--url", "u", "--collection", "c"),
        ("export", "--url", "u", "--collection", "c", "-o", "x"),
        ("export", "qdrant", "--url", "milvus://h", "--collection", "c"),
        ("export", "qdrant", "--url", "u", "--collection", "c", "-o", "x"),
        ("export",),
        ("import", "qdrant", "--url", "u"),
        ("import", "nothing"),
    ],
)
def test_wrong_options_of_collections(arguments: tuple[str, ...], films: Path) -> None:
    done = tv5(*arguments, "-c", films)
    assert done.returncode in (1, 2)
    assert "expected" in done.stderr or "does not exist" in done.stderr
    assert "Traceback" not in done.stderr
