"""One writer at a time in a folder."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from tv5core import errors
from tv5core.files.locking import SharedLock, WriterLock, try_lock


def test_a_second_writer_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first = WriterLock(tmp_path)
    with pytest.raises(errors.CatalogLockedError, match=f"process {os.getpid()} on"):
        WriterLock(tmp_path)
    first.release()
    WriterLock(tmp_path).release()


def test_a_lock_knows_whether_it_still_guards_its_folder(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path)
    lock.check_held()
    lock.release()
    with pytest.raises(errors.CatalogError, match="expected to be its writer"):
        lock.check_held()
    folder = tmp_path / "folder"
    folder.mkdir()
    moved = WriterLock(folder)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(errors.CatalogError, match="expected to be its writer"):
        moved.check_held()
    folder.mkdir()
    replacing = WriterLock(folder)
    with pytest.raises(errors.CatalogError, match="a folder that was replaced"):
        moved.check_held()
    replacing.check_held()


def test_a_file_system_without_locks_is_not_taken_for_a_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(errors.CatalogError, match="No locks available") as raised:
        WriterLock(tmp_path)
    assert not isinstance(raised.value, errors.CatalogLockedError)


@pytest.mark.parametrize("at", ["flock", "ftruncate", "pwrite"])
def test_an_interrupted_lock_is_free_while_its_exception_is_handled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    module = fcntl if at == "flock" else os
    done = getattr(module, at)

    def interrupted(*args: object) -> None:
        monkeypatch.setattr(module, at, done)
        done(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, at, interrupted)
    try:
        WriterLock(tmp_path)
    except KeyboardInterrupt:  # its traceback keeps the lock object
        WriterLock(tmp_path).release()
    else:
        pytest.fail("expected an interrupt")


@pytest.mark.parametrize("lock", [WriterLock, SharedLock])
def test_a_lock_whose_making_was_interrupted_at_once_ends_without_an_error(
    lock: type[WriterLock | SharedLock],
) -> None:
    lock.__new__(lock).release()


def test_a_file_is_locked_by_one_at_a_time(tmp_path: Path) -> None:
    held = try_lock(tmp_path / "lock")
    assert held is not None
    assert try_lock(tmp_path / "lock") is None
    os.close(held)
    again = try_lock(tmp_path / "lock")
    assert again is not None
    os.close(again)
