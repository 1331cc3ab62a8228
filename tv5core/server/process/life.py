"""What a child owes its supervisor: a stop on SIGTERM, a sign of life, an end without its parent.

A child writes lines to a pipe: ``ready`` once, ``beat`` every second while its event loop turns,
``error`` and a message where it cannot start. Where nobody reads the pipe any more, the supervisor
is gone, and the child stops by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from tv5core.cores import usable_cores
from tv5core.errors import Tv5Error
from tv5core.server.logs import log

__all__ = [
    "BEAT_S",
    "CANNOT_START",
    "Life",
    "favour_the_loop",
    "keep_what_is_open",
    "run_child",
]

BEAT_S = 1.0
CANNOT_START = 3
"""The exit code of a child that failed before it was ready."""

_SWITCH_S = 0.0005
"""How long a thread may hold the interpreter while another waits. Python's own 5 ms are what the
event loop waits for each thread that searches."""

_IGNORED = (signal.SIGINT, signal.SIGHUP)
"""What they mean is up to the supervisor."""


class Life:
    """A child's view of its life.

    Parameters
    ----------
    status : int
        The pipe to write to.

    Attributes
    ----------
    stop : asyncio.Event
        Set when it is time to drain.
    """

    def __init__(self, status: int) -> None:
        self._status, self._is_ready = status, False
        self.stop = asyncio.Event()

    def ready(self) -> None:
        """Tell that requests are answered from now on."""
        self._is_ready = True
        self.tell("ready")

    @property
    def was_ready(self) -> bool:
        """Whether it ever was."""
        return self._is_ready

    def tell(self, line: str) -> None:
        """Write a line; stop where nobody reads."""
        try:
            os.write(self._status, " ".join(line.split()).encode()[:4_000] + b"\n")
        except BlockingIOError:
            pass  # the supervisor is slow; what it has yet to read says that we live
        except OSError:
            self.stop.set()

    async def beat(self) -> None:
        """Beat until cancelled."""
        while True:
            self.tell("beat")
            await asyncio.sleep(BEAT_S)


def run_child(main: Callable[[Life], Awaitable[None]], status: int) -> int:
    """Run a child's coroutine to its end; return the exit code.

    Parameters
    ----------
    main : callable
        Takes a :class:`Life`; returns after ``life.stop`` was set.
    status : int
        The pipe to the supervisor.
    """
    gc.freeze()  # what was loaded before the fork stays shared with the other processes
    os.set_blocking(status, False)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        favour_the_loop(runner.get_loop())
        return runner.run(_lived(main, status))


def favour_the_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Have the event loop get the interpreter soon from threads that search.

    They are one more than there are cores (Python's own number is four more): each that wants the
    interpreter is one that the loop may lose it to.
    """
    sys.setswitchinterval(_SWITCH_S)
    loop.set_default_executor(ThreadPoolExecutor(usable_cores() + 1, "tv5-work"))


def keep_what_is_open() -> None:
    """Leave what there is to the end of the process: collecting garbage looks at it no more.

    A full collection looks at every object and stops all threads; over what a worker holds open
    it takes 100 ms.
    """
    gc.collect()
    gc.freeze()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop


async def _lived(main: Callable[[Life], Awaitable[None]], status: int) -> int:
    life, loop = Life(status), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, life.stop.set)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    beat = asyncio.create_task(life.beat())
    try:
        await main(life)
    except (Tv5Error, OSError) as error:
        life.tell(f"error {error}")
        log.error("%s: %s", type(error).__name__, error)
        return 1 if life.was_ready else CANNOT_START
    finally:
        beat.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beat
    return 0
