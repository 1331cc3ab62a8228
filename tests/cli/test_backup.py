"""``tv5 backup`` and ``tv5 restore``, run as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import COUNT, flip, tv5


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


def test_publishing_and_what_is_published(films: Path, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/published"
    done = tv5("backup", url, "-c", films, "--keep", 3)
    assert done.returncode == 0, done.stderr
    assert f"snapshot 1 at {url}" in done.stderr
    assert "1 are left" in done.stderr
    listed = json.loads(tv5("snapshots", url, "--json").stdout)
    assert [one["titles"] for one in listed["snapshots"]] == [COUNT]
    done = tv5("restore", url, tmp_path / "r", "--snapshot", 1)
    assert done.returncode == 0, done.stderr
    assert f"restored {COUNT} titles" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("backup", "s3://key:hush@bucket/films"),
        ("snapshots", "a-folder"),
        ("serve", "s3://bucket/films", "--read-only"),
    ],
)
def test_wrong_use_of_urls(films: Path, arguments: tuple[str, ...]) -> None:
    done = tv5(*arguments, TV5_CATALOG=str(films))
    assert done.returncode == 2
    assert "expected" in done.stderr
    assert "hush" not in done.stderr
