"""WorkerPool: processes that do parts of one piece of work, so that all cores work at it.

Python runs one thread at a time, and what takes long in making vectors and documents is Python. A
worker is another interpreter, not a fork: threads, locks and open files of this process are none of
its business, least of all LMDB's. It reads frames of bytes from its input and answers each on its
output. It writes nothing else anywhere, so it may be killed at any moment; and it ends when its
input does, or its parent.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import IO, Self, TypeVar

from tv5core.cores import usable_cores

__all__ = ["LEAST_TITLES", "Task", "WorkerPool", "main", "processes_for"]

log = logging.getLogger("tv5core")

Task = Callable[[bytes], bytes]
C = TypeVar("C")

LEAST_TITLES = 4_000
"""Titles from which processes are worth it: a second or two of work, where starting takes half."""
MAX_PROCESSES = 16
"""The process that reads titles and stores results keeps no more of them busy."""
_AHEAD = 2
"""Parts a process that were begun and not taken yet: more would only take memory."""
_SPARE = 2
"""Processes begun in place of lost ones, besides one for each there was."""
_BEHIND_NICENESS = 5
_COMMAND = "from tv5core.worker_pool import main; main()"
_LENGTH = struct.Struct("<Q")
_ORPHAN_S = 1.0
"""Seconds between looks whether the parent is gone, where a fork of it keeps the pipe open."""
_ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1"
)


def processes_for(titles: int, *, behind: bool) -> int:
    """Return how many processes to begin for many titles; 0 where this one does it as fast.

    Parameters
    ----------
    titles : int
    behind : bool
        Whether it goes on behind other work: then a core is left to that, and one process is
        better than a thread here, for others do not wait for Python's lock.
    """
    if titles < LEAST_TITLES:
        return 0
    cores = min(usable_cores(), MAX_PROCESSES)
    if behind:
        return max(1, cores - 1)
    return cores if cores > 1 else 0


class WorkerPool:
    """Processes that answer parts of one piece of work; for one thread at a time.

    Where a process is lost (killed for memory, say), its part is done here, and so is what no
    process is left for: the answers are the same.

    Parameters
    ----------
    task : str
        ``"module:function"``: called with ``setup`` in each process, it returns what is called
        with each part there.
    setup : bytes
    here : callable
        The same, for this process.
    count : int
        Processes, from 1.
    behind : bool
        Whether they give way to other processes.
    """

    def __init__(
        self, task: str, setup: bytes, here: Task, count: int, *, behind: bool = False
    ) -> None:
        self._task, self._setup, self._here, self._count = task, setup, here, count
        self._niceness = _BEHIND_NICENESS if behind else 0
        self._left = 2 * count + _SPARE  # processes that may be begun
        self._idle: list[_Worker] = []
        self._busy: dict[int, tuple[_Worker, int, bytes]] = {}  # by the answers' descriptor
        self._process = os.getpid()

    # -- working --------------------------------------------------------------------------

    def map(self, parts: Iterable[tuple[C, bytes]]) -> Iterator[tuple[C, bytes]]:
        """Answer parts, in their order, each with what it came with.

        Parts are taken when there is a process for them, a few ahead of the answers. An
        exception, of the parts too, ends the processes.
        """
        done: dict[int, bytes] = {}
        waiting: list[C] = []
        source, taken, over = iter(parts), 0, False
        try:
            while True:
                while not over and len(waiting) < _AHEAD * self._count and self._has_room():
                    try:
                        context, part = next(source)
                    except StopIteration:
                        over = True
                        break
                    waiting.append(context)
                    self._begin(taken, part, done)
                    taken += 1
                following = taken - len(waiting)
                if following in done:
                    yield waiting.pop(0), done.pop(following)
                elif waiting:
                    self._collect(done)
                else:
                    return
        except BaseException:
            self.close()
            raise

    def _has_room(self) -> bool:
        return len(self._busy) < self._count

    def _begin(self, number: int, part: bytes, done: dict[int, bytes]) -> None:
        """Give a part to a process; without one, do it here."""
        worker = self._worker()
        if worker is not None and worker.send(part):
            self._busy[worker.answers.fileno()] = worker, number, part
            return
        if worker is not None:
            self._lost(worker)
        done[number] = self._here(part)

    def _worker(self) -> _Worker | None:
        self._forget_after_fork()
        # All at once: each takes half a second before it reads.
        while self._left and len(self._idle) + len(self._busy) < self._count:
            self._left -= 1
            with suppress(OSError):
                worker = _Worker(self._task, self._niceness)
                self._idle.append(worker)
                worker.send(self._setup)
        return self._idle.pop() if self._idle else None

    def _collect(self, done: dict[int, bytes]) -> None:
        """Wait for an answer, and take those that are there."""
        poll = select.poll()
        for descriptor in self._busy:
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll():
            worker, number, part = self._busy[descriptor]
            answer = worker.receive()
            del self._busy[descriptor]
            if answer is None:
                self._lost(worker)
                answer = self._here(part)
            else:
                self._idle.append(worker)
            done[number] = answer

    def _lost(self, worker: _Worker) -> None:
        log.warning(
            "a process that shares work ended (status %s): its part is done here", worker.end()
        )

    # -- ending ---------------------------------------------------------------------------

    def _forget_after_fork(self) -> None:
        """Forget the processes of the parent, in the child of a fork."""
        if self._process == os.getpid():
            return
        for worker in self._workers():
            worker.process.returncode = 0  # as far as this process is concerned
        self._idle, self._busy, self._process = [], {}, os.getpid()
        self._left = 2 * self._count + _SPARE

    def _workers(self) -> list[_Worker]:
        return [*self._idle, *(worker for worker, _, _ in self._busy.values())]

    def close(self) -> None:
        """End the processes; the next part begins others."""
        self._forget_after_fork()
        workers = self._workers()
        self._idle, self._busy = [], {}
        self._left = 2 * self._count + _SPARE
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


class _Worker:
    """One process, and the pipes to and from it."""

    def __init__(self, task: str, niceness: int) -> None:
        paths = os.pathsep.join(filter(None, sys.path))
        arguments = [task, str(niceness), str(os.getpid())]
        self.process = subprocess.Popen(  # noqa: S603 - this interpreter and this module
            [sys.executable, "-P", "-c", _COMMAND, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": paths},
            process_group=0,  # an interrupt from the keyboard is for the parent
        )

    @property
    def answers(self) -> IO[bytes]:
        """Where answers come from."""
        return self.process.stdout  # type: ignore[return-value]  # a pipe, as asked for

    def send(self, data: bytes) -> bool:
        """Send a frame; return whether it was taken."""
        try:
            _write(self.process.stdin, data)  # type: ignore[arg-type]
        except OSError:
            return False
        return True

    def receive(self) -> bytes | None:
        """Return the next frame; None where the process ended."""
        return _read(self.answers)

    def end(self) -> int:
        """Kill the process, where it is alive; return its exit status."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        return self.process.wait()


def _write(to: IO[bytes], data: bytes) -> None:
    to.write(_LENGTH.pack(len(data)))
    to.write(data)
    to.flush()


def _read(source: IO[bytes]) -> bytes | None:
    """Return the next frame; None at the end."""
    head = _exactly(source, _LENGTH.size)
    return None if head is None else _exactly(source, _LENGTH.unpack(head)[0])


def _exactly(source: IO[bytes], count: int) -> bytes | None:
    """Read so many bytes, of a file that may give fewer at a time; None where there are not."""
    parts = []
    while count:
        part = source.read(count)
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


# -- in the process -----------------------------------------------------------------------


def main() -> None:
    """Answer what comes in, until there is no more; the arguments are task, niceness, parent."""
    task, niceness, parent = sys.argv[1:4]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(int(niceness))
    # Without a buffer: what is there to be read is in the pipe, where it can be waited for.
    source, to = os.fdopen(os.dup(0), "rb", buffering=0), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything prints is no answer
    with suppress(BrokenPipeError):
        _serve(source, to, task, int(parent))
    os._exit(0)  # buffers of a broken pipe would be flushed once more


def _serve(source: IO[bytes], to: IO[bytes], task: str, parent: int) -> None:
    work: Task | None = None
    while _has_more(source, parent) and (data := _read(source)) is not None:
        if work is None:
            module, _, name = task.partition(":")
            work = getattr(import_module(module), name)(data)
        else:
            _write(to, work(data))


def _has_more(source: IO[bytes], parent: int) -> bool:
    """Wait for input; return False where the parent is gone."""
    while not select.select([source], [], [], _ORPHAN_S)[0]:
        if os.getppid() != parent:
            return False
    return True
