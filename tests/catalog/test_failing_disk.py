"""Failing and full disks, at every operation of a commit and of a sealing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SHIM = HERE.parent / "crash" / "shim.py"


def load_shim() -> Any:
    spec = importlib.util.spec_from_file_location("tv5_test_shim", SHIM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


shim = load_shim()
pytestmark = pytest.mark.skipif(bool(shim.missing()), reason=shim.missing())

COMMIT = [("write", 1), ("fsync", 1), ("write", 2)]
"""What LMDB does to commit: its pages, their sync, and the page that makes them count."""


def run(folder: Path, scene: str, *arguments: object) -> None:
    command = [HERE / "failing_disk.py", SHIM, folder, scene, *arguments]
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=shim.environment(),
    )
    assert done.stdout.strip() == "sound", done.stderr


@pytest.mark.parametrize(("operation", "nth"), COMMIT)
def test_an_input_output_error_ends_writing(tmp_path: Path, operation: str, nth: int) -> None:
    run(tmp_path, "io_error", operation, nth, "EIO")


@pytest.mark.parametrize(("operation", "nth"), COMMIT)
def test_a_full_disk_does_not(tmp_path: Path, operation: str, nth: int) -> None:
    run(tmp_path, "full", operation, nth, "ENOSPC")


def test_a_writer_gets_in_on_a_full_disk(tmp_path: Path) -> None:
    run(tmp_path, "opening_full", "write", 1, "ENOSPC")


def test_searches_succeed_while_lmdb_is_reopened(tmp_path: Path) -> None:
    run(tmp_path, "others_read_on", "write", 2, "EIO")


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize(
    ("operation", "nth"),
    [("create", 1), ("write", 1), ("write", 3), ("fsync", 1), ("fsync", 2), ("rename", 2)],
)
def test_a_sealing_that_fails(tmp_path: Path, operation: str, nth: int, error: str) -> None:
    run(tmp_path, "sealing", operation, nth, error)


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize(("operation", "nth"), COMMIT)
def test_a_sealing_whose_record_fails(tmp_path: Path, operation: str, nth: int, error: str) -> None:
    run(tmp_path, "recording", operation, nth, error)
