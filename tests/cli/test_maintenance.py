"""``tv5 optimize`` and ``upgrade``, and wrong usage of the maintenance commands."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.command import tv5
from tv5core import Catalog
from tv5core.data import demo_titles


def test_optimize(films: Path) -> None:
    with Catalog.open(films, auto_seal=False) as catalog:
        catalog.delete([title.id for title in demo_titles()[:5]])
    done = tv5("optimize", "--json", "-c", films)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["removed_rows"] == 5
    assert "dropped 0 removed rows" in tv5("optimize", "-c", films).stderr


def test_upgrade(films: Path) -> None:
    done = tv5("upgrade", "--json", "-c", films)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) | {"format": 0} == {
        "format": 0,
        "checksums": 0,
        "damaged": 0,
        "rebuilt": False,
    }
    assert "0 checksums added, the index is as it was" in tv5("upgrade", "-c", films).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "--quarantine", "x"], "--repair"),
        (["backup"], "DEST"),
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
        ["upgrade"],
    ):
        assert tv5(*command, "-c", none).returncode == 2
    assert list(tmp_path.iterdir()) == []
