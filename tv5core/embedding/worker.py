"""Embed texts in other processes, so that all cores work and nobody waits for Python's lock.

A worker reads frames (length, uint32, and a msgpack list of texts) and answers each with a frame
of float32 rows. It ends when its input does, so none outlives its parent.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import IO

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.cores import usable_cores
from tv5core.errors import EmbedderError

__all__ = ["MAX_WORKERS", "Workers", "main", "serve"]

F32 = npt.NDArray[np.float32]

_LENGTH = struct.Struct("<I")
_COMMAND = "from tv5core.embedding.worker import main; main()"
_AT_ONCE = 32
MAX_WORKERS = 8
"""Each holds the model: 160 MB."""


class Workers:
    """Processes that embed, begun when first used.

    Parameters
    ----------
    dim : int
        Width of the vectors.
    count : int
        0 for as many as there are cores, up to ``MAX_WORKERS``.
    """

    def __init__(self, dim: int, count: int = 0) -> None:
        self._dim = dim
        self._count = count or min(usable_cores(), MAX_WORKERS)
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self._all: list[subprocess.Popen[bytes]] = []
        self._process = os.getpid()

    def embed(self, texts: Sequence[str]) -> F32:
        """Embed texts: float32[n, dim].

        Raises
        ------
        EmbedderError
            A worker ended.
        """
        if self._process != os.getpid():  # the parent's are its own
            self._idle, self._all, self._process = SimpleQueue(), [], os.getpid()
        while len(self._all) < self._count:
            self._begin()
        parts = [texts[start : start + _AT_ONCE] for start in range(0, len(texts), _AT_ONCE)]
        with ThreadPoolExecutor(self._count, "tv5-embed") as pool:
            made = list(pool.map(self._ask, parts))
        return np.concatenate([np.empty((0, self._dim), np.float32), *made])

    def _begin(self) -> None:
        paths = os.pathsep.join(filter(None, sys.path))
        env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": paths}
        worker = subprocess.Popen(  # noqa: S603 - this interpreter and this module
            [sys.executable, "-c", _COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
        )
        self._all.append(worker)
        self._idle.put(worker)

    def _ask(self, texts: Sequence[str]) -> F32:
        worker = self._idle.get()
        try:
            answer = _asked(worker, msgspec.msgpack.encode(list(texts)))
            return np.frombuffer(answer or b"", "<f4").reshape(len(texts), self._dim)
        except (OSError, ValueError) as error:
            raise EmbedderError(
                f"expected a process that embeds titles to answer, got {error}, exit status "
                f"{worker.poll()}"
            ) from error
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """End the processes; the next call begins others."""
        workers, self._all, self._idle = self._all, [], SimpleQueue()
        if self._process != os.getpid():
            return
        for worker in workers:
            with suppress(OSError):
                if worker.stdin is not None:
                    worker.stdin.close()
        for worker in workers:
            if worker.stdout is not None:
                worker.stdout.close()
            worker.wait()

    def __del__(self) -> None:
        self.close()


def _asked(worker: subprocess.Popen[bytes], data: bytes) -> bytes | None:
    """Send a frame; return the answer, None where there is none."""
    if worker.stdin is None or worker.stdout is None:
        return None
    _write(worker.stdin, data)
    return _read(worker.stdout)


def _write(to: IO[bytes], data: bytes) -> None:
    to.write(_LENGTH.pack(len(data)) + data)
    to.flush()


def _read(source: IO[bytes]) -> bytes | None:
    """Return the next frame; None at the end."""
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    return source.read(_LENGTH.unpack(head)[0])


def serve(source: IO[bytes], to: IO[bytes], encode: Callable[[list[str]], F32]) -> None:
    """Answer frames until there are no more."""
    while (data := _read(source)) is not None:
        texts = msgspec.msgpack.decode(data, type=list[str])
        _write(to, np.ascontiguousarray(encode(texts), "<f4").tobytes())


def main() -> None:
    """Embed what comes in with the multilingual model."""
    from tv5core.embedding.sentence_encoder import load

    os.nice(5)
    with suppress(BrokenPipeError, KeyboardInterrupt):
        serve(sys.stdin.buffer, sys.stdout.buffer, load())
