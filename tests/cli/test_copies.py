"""Verify, backup, restore, export and optimize, run as a user runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tv5core import Catalog
from tv5core.cli.output import size
from tv5core.data import demo_titles
from tv5core.store import titles

COUNT = 60


def tv5(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from tv5core.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "films"
    with Catalog.open(folder) as catalog:
        catalog.add(demo_titles()[:COUNT])
        catalog.seal()
    return folder


@pytest.fixture
def films(sound: Path, tmp_path: Path) -> Path:
    shutil.copytree(sound, tmp_path / "films")
    return tmp_path / "films"


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def spoil_title(films: Path) -> None:
    with Catalog.open(films) as catalog:
        catalog._store.environment.write(
            lambda txn: txn.raw.put(titles.row_key(7), b"\x01\xc0", db=txn.dbs.titles)
        )


def test_verify_repairs(films: Path) -> None:
    flip(next(films.glob("graph.*")))
    found = tv5("verify", "-c", films)
    assert found.returncode == 1
    assert "graph.000001.tv5" in found.stdout
    assert "a repair rebuilds it" in found.stdout
    assert "NOT sound" in found.stderr
    done = tv5("verify", "--repair", "-c", films)
    assert done.returncode == 0, done.stderr
    assert "repaired: built the index anew from the stored vectors" in done.stdout
    assert f"checked 3 files, {COUNT} titles" in done.stderr
    again = json.loads(tv5("verify", "--repair", "--json", "-c", films).stdout)
    assert (again["ok"], again["problems"], again["repaired"]) == (True, [], [])


def test_verify_moves_titles_out_when_told_to(films: Path, tmp_path: Path) -> None:
    spoil_title(films)
    done = tv5("verify", "--repair", "-c", films)
    assert done.returncode == 1
    assert "row 7" in done.stdout
    assert "quarantine" in done.stdout
    aside = tmp_path / "aside.jsonl"
    done = tv5("verify", "--repair", "--quarantine", aside, "--json", "-c", films)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["checked"]["titles"] == COUNT - 1
    assert json.loads(aside.read_text())["ids"] == [demo_titles()[7].id]


def test_backup_and_restore(films: Path, tmp_path: Path) -> None:
    done = tv5("backup", tmp_path / "b", "--compact", "-c", films, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["titles"] == COUNT
    assert tv5("verify", "-c", tmp_path / "b").returncode == 0
    done = tv5("restore", tmp_path / "b", tmp_path / "r")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert f"restored {COUNT} titles" in done.stderr
    asked = ("search", "a shark", "--json", "-c")
    answers = [json.loads(tv5(*asked, folder).stdout)["hits"] for folder in (tmp_path / "r", films)]
    assert answers[0] == answers[1] != []


def test_a_damaged_catalogue_is_backed_up_unchecked_only(films: Path, tmp_path: Path) -> None:
    flip(next(films.glob("rows.*")))
    done = tv5("backup", tmp_path / "b", "-c", films)
    assert done.returncode == 1
    assert "repair the catalogue first" in " ".join(done.stderr.split())
    assert not list(tmp_path.glob("b*"))
    done = tv5("backup", tmp_path / "b", "--no-check", "-c", films)
    assert done.returncode == 0
    assert "NOT checked" in done.stderr
    assert tv5("restore", tmp_path / "b", tmp_path / "r").returncode == 1
    assert not (tmp_path / "r").exists()


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


def test_optimize(films: Path) -> None:
    with Catalog.open(films, auto_seal=False) as catalog:
        catalog.delete([title.id for title in demo_titles()[:5]])
    done = tv5("optimize", "--json", "-c", films)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["removed_rows"] == 5
    assert "dropped 0 removed rows" in tv5("optimize", "-c", films).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "--quarantine", "x"], "--repair"),
        (["backup"], "DIR"),
        (["backup", "FILMS"], "outside the catalogue"),
        (["export"], "--output"),
        (["export", "-o", "-", "--json"], "--json"),
        (["export", "-o", "FILMS"], "an empty folder"),
        (["restore", "FILMS", "FILMS"], "outside the catalogue"),
        (["restore", "nothing", "new"], "expected a catalogue"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str, sound: Path) -> None:
    before = sorted(os.listdir(sound))  # noqa: PTH208 - names are enough
    given = [str(sound) if part == "FILMS" else part for part in arguments]
    catalog = [] if given[0] == "restore" else ["-c", str(sound)]
    done = tv5(*given, *catalog)
    assert done.returncode == 2, done.stderr
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert sorted(os.listdir(sound)) == before  # noqa: PTH208


def test_no_catalogue_is_wrong_usage(tmp_path: Path) -> None:
    none = tmp_path / "none"
    for command in (
        ["verify", "--repair"],
        ["backup", tmp_path / "b"],
        ["export", "-o", tmp_path / "e"],
        ["optimize"],
    ):
        assert tv5(*command, "-c", none).returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_sizes() -> None:
    told = {0: "0 B", 999: "999 B", 1000: "1.0 kB", 159_178_004: "159.2 MB", 10**13: "10.0 TB"}
    assert {count: size(count) for count in told} == told
