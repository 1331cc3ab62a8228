"""One child process: forked, watched by what it writes to its pipe, ended."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tv5core.server.process.life import CANNOT_START

__all__ = ["Child", "start"]

_READ_BYTES = 65_536


@dataclass(eq=False)
class Child:
    """A child as its supervisor sees it.

    Attributes
    ----------
    name : str
    pid : int
    status : int
        The pipe it writes to.
    started_s, beat_s : float
        When it was started and last gave a sign of life, on the supervisor's clock.
    ready : bool
    error : str
        Why it could not start.
    stopping_s : float or None
        When it was told to stop.
    """

    name: str
    pid: int
    status: int
    started_s: float
    beat_s: float
    ready: bool = False
    error: str = ""
    stopping_s: float | None = None
    _rest: bytes = field(default=b"", repr=False)

    def read(self, now: float) -> None:
        """Take in what it wrote."""
        try:
            data = os.read(self.status, _READ_BYTES)
        except BlockingIOError:
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.beat_s = now
            word, _, rest = line.decode(errors="replace").partition(" ")
            self.ready = self.ready or word == "ready"
            self.error = rest if word == "error" else self.error

    def stop(self, now: float) -> None:
        """Tell it to drain, once."""
        if self.stopping_s is None:
            self.stopping_s = now
            self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; it was not waited for yet, so its pid is its own."""
        os.kill(self.pid, number)

    def reaped(self) -> int | None:
        """Return its exit code where it ended (negative: the signal), and let it go."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return None
        self.read(self.beat_s)
        os.close(self.status)
        return os.waitstatus_to_exitcode(status)


def start(name: str, main: Callable[[int], int], now: float, foreign: Iterable[int]) -> Child:
    """Fork a child.

    Parameters
    ----------
    name : str
    main : callable
        Runs in the child with its pipe; returns the exit code.
    now : float
    foreign : iterable of int
        File descriptors that are no business of the child; it closes them.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _live(main, writing, [reading, *foreign])
    os.close(writing)
    os.set_blocking(reading, False)
    return Child(name, pid, reading, now, now)


def _live(main: Callable[[int], int], status: int, foreign: list[int]) -> None:
    """Be the child; never returns."""
    code = CANNOT_START
    try:
        os.setpgid(0, 0)  # signals of a terminal or a group are for the supervisor alone
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        for descriptor in foreign:
            os.close(descriptor)
        code = main(status)
    except BaseException:  # noqa: BLE001 - nothing may run the parent's code
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
