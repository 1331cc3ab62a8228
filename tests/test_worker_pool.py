"""Work shared with other processes: the answers of this one, whatever becomes of those."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tv5core import worker_pool
from tv5core.worker_pool import LEAST_TITLES, WorkerPool, processes_for

TASKS = """
import os, sys

def shout(setup):
    print("this is no answer", flush=True)
    return lambda part: setup + part.upper()

def fail(setup):
    def work(part):
        if part == setup:
            sys.stderr = open(os.devnull, "w")
            raise ValueError("there")
        return part
    return work
"""


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pool_tasks.py").write_text(TASKS)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture
def pool(tasks: None) -> Iterator[WorkerPool]:
    with WorkerPool("pool_tasks:shout", b">", lambda part: b"here " + part, 2) as made:
        yield made


def pids(pool: WorkerPool) -> list[int]:
    return [worker.process.pid for worker in pool._workers()]


def has_ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_answers_come_in_order_with_what_the_parts_came_with(pool: WorkerPool) -> None:
    parts = [(number, b"ab" * number) for number in range(40)]
    assert list(pool.map(parts)) == [(n, b">" + b"AB" * n) for n in range(40)]
    begun = pids(pool)
    assert len(begun) == 2
    large = b"x" * 3_000_000  # far more than a pipe holds
    assert list(pool.map([(0, large), (1, b"")])) == [(0, b">" + large.upper()), (1, b">")]
    assert pids(pool) == begun


def test_parts_are_taken_a_few_ahead_only(pool: WorkerPool) -> None:
    taken = []

    def parts() -> Iterator[tuple[None, bytes]]:
        for number in range(100):
            taken.append(number)
            yield None, b"x"

    for place, _ in enumerate(pool.map(parts())):
        assert len(taken) <= place + 1 + worker_pool._AHEAD * 2


@pytest.mark.parametrize("victims", [1, 2])
def test_what_a_killed_process_was_at_is_done_here(
    pool: WorkerPool, victims: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert dict(pool.map([(0, b"a"), (1, b"b")])) == {0: b">A", 1: b">B"}
    for pid in pids(pool)[:victims]:
        os.kill(pid, signal.SIGKILL)
    found = dict(pool.map([(number, b"a") for number in range(20)]))
    assert sorted(set(found.values())) == [b">A", b"here a"]
    assert list(found.values()).count(b"here a") == victims
    assert "ended (status -9)" in caplog.text
    assert len(pids(pool)) == 2  # others took their places


def test_where_no_process_can_be_begun_all_is_done_here(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    assert dict(pool.map([(0, b"a"), (1, b"b")])) == {0: b"here a", 1: b"here b"}


def test_a_part_that_fails_fails_here(tasks: None) -> None:
    def here(part: bytes) -> bytes:
        raise ValueError(f"here: {part!r}")

    with WorkerPool("pool_tasks:fail", b"bad", here, 1) as pool:
        with pytest.raises(ValueError, match="here: b'bad'"):
            list(pool.map([(None, b"good"), (None, b"bad")]))
        assert pids(pool) == []


def test_an_error_of_the_parts_or_of_who_takes_answers_ends_the_processes(pool: WorkerPool) -> None:
    def parts() -> Iterator[tuple[None, bytes]]:
        yield None, b"a"
        yield None, b"b"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(pool.map(parts()))
    assert pids(pool) == []
    answers = pool.map((None, b"a") for _ in range(9))
    next(answers)
    begun = pids(pool)
    assert len(begun) == 2
    answers.close()  # type: ignore[attr-defined]
    assert pids(pool) == []
    assert all(map(has_ended, begun))


def test_an_interrupt_from_the_keyboard_is_not_for_them(pool: WorkerPool) -> None:
    next(iter(pool.map([(None, b"a")])))
    for pid in pids(pool):
        assert os.getpgid(pid) == pid
        os.kill(pid, signal.SIGINT)
    assert {answer for _, answer in pool.map([(n, b"a") for n in range(6)])} == {b">A"}


def test_a_forked_child_leaves_its_parents_processes_alone(pool: WorkerPool) -> None:
    list(pool.map([(None, b"a")]))
    begun = pids(pool)
    child = os.fork()
    if not child:
        pool.close()
        os._exit(len(pids(pool)))
    assert os.waitpid(child, 0)[1] == 0
    assert list(pool.map([(None, b"a")])) == [(None, b">A")]
    assert pids(pool) == begun


def test_they_end_with_their_parent_even_where_a_fork_of_it_holds_their_pipes(tasks: None) -> None:
    reading, writing = os.pipe()
    parent = os.fork()
    if not parent:
        pool = WorkerPool("pool_tasks:shout", b"", lambda part: part, 1)
        list(pool.map([(None, b"a")]))
        if holder := os.fork():
            os.write(writing, b"%d %d\n" % (pids(pool)[0], holder))
            os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as told:
        worker, holder = map(int, told.read(100).split())
    os.waitpid(parent, 0)
    deadline = time.monotonic() + 60
    while not has_ended(worker):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(holder, signal.SIGKILL)


@pytest.mark.parametrize(
    ("cores", "titles", "ahead", "behind"),
    [
        (1, LEAST_TITLES, 0, 1),
        (2, LEAST_TITLES - 1, 0, 0),
        (2, LEAST_TITLES, 2, 1),
        (8, 10**6, 8, 7),
        (96, 10**6, worker_pool.MAX_PROCESSES, worker_pool.MAX_PROCESSES - 1),
    ],
)
def test_how_many_processes(
    cores: int, titles: int, ahead: int, behind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_pool, "usable_cores", lambda: cores)
    assert processes_for(titles, behind=False) == ahead
    assert processes_for(titles, behind=True) == behind
