"""The other end of a worker's pipe."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.machine import processor

__all__ = ["Client", "WorkerError"]

_ROOT = Path(__file__).parents[2]
_QUIT_S = 20.0


class WorkerError(RuntimeError):
    """A worker said no, died or took too long."""


class Client:
    """Start a worker for a peer and ask it things.

    Parameters
    ----------
    peer, dataset, folder
        What to load first.
    log
        Where its standard error goes.
    cores
        Which cores it may use.
    threads
        Threads of OpenMP and BLAS; pools whose size is fixed get one a core.
    timeout_s
        For one answer, unless a question says otherwise.
    """

    def __init__(
        self,
        peer: str,
        dataset: Path,
        folder: Path,
        log: Path,
        cores: list[int],
        threads: int = 1,
        timeout_s: float = 3_600.0,
    ) -> None:
        self._timeout_s, self._log, self._unread = timeout_s, log, b""
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        variables = processor.environment(threads, len(cores)) | {"PYTHONPATH": path}
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.process.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=os.environ | variables,
                preexec_fn=lambda: os.sched_setaffinity(0, cores),  # noqa: PLW1509
            )
        try:
            self.ask("load", peer=peer, dataset=str(dataset), folder=str(folder))
        except BaseException:
            self.kill()
            raise

    def ask(self, op: str, *, timeout_s: float | None = None, **arguments: Any) -> Any:
        """Ask and wait.

        Raises
        ------
        WorkerError
            With the worker's own words, or the last line of its log where it died.
        """
        request = json.dumps({"op": op} | arguments).encode() + b"\n"
        try:
            self._pipe("stdin").write(request)
            self._pipe("stdin").flush()
        except BrokenPipeError:
            raise self._died(op) from None
        answer = json.loads(self._line(op, timeout_s or self._timeout_s))
        if "error" in answer:
            raise WorkerError(f"{op}: {answer['error']}")
        return answer["result"]

    def close(self) -> None:
        """Let it end by itself, or end it."""
        if self._process.poll() is None:
            try:
                self.ask("close", timeout_s=_QUIT_S)
                self._pipe("stdin").close()
                self._process.wait(_QUIT_S)
            except (WorkerError, subprocess.TimeoutExpired, OSError):
                pass
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # a request that it never read
                continue

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.kill()

    def _line(self, op: str, timeout_s: float) -> bytes:
        end = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as ready:
            ready.register(self._pipe("stdout"), selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not ready.select(max(0.0, end - time.monotonic())):
                    self.kill()
                    raise WorkerError(f"{op}: no answer within {timeout_s:,.0f} s")
                got = os.read(self._pipe("stdout").fileno(), 1 << 16)
                if not got:
                    raise self._died(op)
                self._unread += got
        line, self._unread = self._unread.split(b"\n", 1)
        return line

    def _died(self, op: str) -> WorkerError:
        status = self._process.wait()
        ending = f"signal {-status}" if status < 0 else f"status {status}"
        said = self._log.read_text(errors="replace").strip().splitlines()[-1:]
        return WorkerError(
            f"{op}: the process ended with {ending}" + "".join(f": {s}" for s in said)
        )

    def _pipe(self, name: str) -> Any:
        return getattr(self._process, name)
