"""Durable writes, and failing and full disks."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.files.small import write_small
from tv5core import files
from tv5core.errors import (
    DiskFailureError,
    DiskFullError,
    Tv5Error,
)
from tv5core.files import SectionFile, write_durably


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="expected room to write"):
        write_small(tmp_path / "f")
    with pytest.raises(DiskFullError):
        files.write_durably(tmp_path / "g", b"x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS])
def test_a_failing_disk_is_reported_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    syncs = []

    def broken(*_: object) -> None:
        syncs.append(1)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(DiskFailureError, match=os.strerror(code)):
        write_small(tmp_path / "f")
    assert len(syncs) == 1  # a second one would report success wrongly
    with pytest.raises(DiskFailureError):
        write_durably(tmp_path / "g", b"x")
    assert list(tmp_path.iterdir()) == []


def test_other_os_errors_pass_through_and_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="not permitted") as caught:
        write_small(tmp_path / "f")
    assert not isinstance(caught.value, Tv5Error)
    assert list(tmp_path.iterdir()) == []


def test_write_and_replace_durably(tmp_path: Path) -> None:
    path = tmp_path / "f"
    files.write_durably(path, b"one")
    files.write_durably(path, b"two")
    assert path.read_bytes() == b"two"
    record = write_small(tmp_path / "temp")
    files.replace_durably(tmp_path / "temp", path)
    assert SectionFile.open(path, "TEST", 3).checksum == record.checksum
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    files.fsync_folder(tmp_path)
