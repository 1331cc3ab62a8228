"""Jobs: one at a time, and what a disk that refuses costs them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tv5core.cache.warming.warm import WarmReport
from tv5core.server.errors import ConflictError
from tv5core.server.jobs import JobBoard
from tv5core.types import Progress

REQUEST = {"strategy": "popular", "limit": 3}


async def ended(board: JobBoard) -> str:
    while board._task is not None:
        await asyncio.sleep(0)
    job = board.current()
    assert job is not None
    return job.state


async def loads(progress: Progress) -> WarmReport:
    progress(1, 3, "titles")
    await asyncio.sleep(0)
    return WarmReport()


@pytest.mark.parametrize("is_shared", [False, True])
async def test_one_job_at_a_time(tmp_path: Path, *, is_shared: bool) -> None:
    board = JobBoard(tmp_path if is_shared else None)
    job, is_new = board.start(REQUEST, loads)
    assert (job.state, is_new) == ("running", True)
    assert board.start(REQUEST, loads)[1] is False, "asked for again, it is the same"
    with pytest.raises(ConflictError):
        board.start({"preset": "demo"}, loads)
    assert await ended(board) == "done"
    assert board.start({"preset": "demo"}, loads)[1], "then there is room for another"
    await board.close()


async def test_a_full_disk_ends_no_job_and_keeps_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    board = JobBoard(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", full)
    monkeypatch.setattr("tv5core.server.jobs._EVERY_S", -1.0)
    board.start(REQUEST, loads)
    while board._task is not None:
        await asyncio.sleep(0)
    assert board._job is not None
    assert board._job.state == "done"
    monkeypatch.undo()
    assert board.start(REQUEST, loads)[1], "the lock is free"
    assert await ended(board) == "done"
