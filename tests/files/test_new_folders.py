"""Folders that are made durably."""

from __future__ import annotations

from pathlib import Path

import pytest

from tv5core.files import durability, make_folder_durably


def test_each_new_folder_is_synced_through_the_one_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(durability, "fsync_folder", lambda path: synced.append(Path(path)))
    make_folder_durably(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert synced == [tmp_path, tmp_path / "a"]
    make_folder_durably(tmp_path / "a" / "b")
    assert len(synced) == 2


def test_a_folder_above_that_cannot_be_read_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(durability, "fsync_folder", refuse)
    make_folder_durably(tmp_path / "a")
    assert (tmp_path / "a").is_dir()
