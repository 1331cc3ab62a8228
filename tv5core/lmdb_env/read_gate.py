"""A shared and exclusive lock whose shared side takes no lock."""

from __future__ import annotations

import itertools
import threading
import time
from types import FrameType

from tv5core.errors import CatalogError
from tv5core.lmdb_env.calls import Call, is_running, this_call

__all__ = ["ReadGate"]

_SHORT_S, _LONG_S = 50e-6, 5e-3
"""Pauses between looks at who still holds it: the first, and the longest."""

_CLOSED_S = 0.05
"""How long others may be kept out while the last holders are waited for."""

_SWEEP_FROM = 64  # holders from which to look for some that ended without releasing


class ReadGate:
    """Many hold it shared, or one holds it exclusively; a thread that waits to do so goes first.

    Shared holders take no lock: under one, busy readers starve a writer for seconds. The
    order of two steps takes its place. A shared holder registers, then checks whether the gate
    is closed; an exclusive one closes the gate, then checks who is registered.

    Every holder is known by its call (see ``lmdb_env.calls``). Where that has ended, it holds
    nothing any more, however it ended: an exception may be raised on the way into a release.

    Attributes
    ----------
    tickets : iterator of int
    closed : bool
    register, forget : callable
        ``register(ticket, call)`` and then :meth:`check` do what :meth:`acquire_shared` does;
        ``forget(ticket, None)`` gives it back.
    """

    def __init__(self) -> None:
        self.tickets = itertools.count()
        self._holders: dict[int, Call] = {}
        self._sweep_from = _SWEEP_FROM
        self._owner: tuple[int, FrameType | None] | None = None  # holds it, or waits to
        self.closed = False
        self._claiming = threading.Lock()
        # For the hot path, which registers and releases without a call of a Python function.
        self.register = self._holders.__setitem__
        self.forget = self._holders.pop

    # -- shared ---------------------------------------------------------------------------

    def acquire_shared(self, call: Call) -> int:
        """Wait while the gate is closed, then hold it; return a ticket for ``forget``.

        A thread that holds it already never waits: others may be waiting for it.

        Raises
        ------
        CatalogError
            This thread holds the gate exclusively (a signal handler came between).
        """
        ticket = next(self.tickets)
        self._holders[ticket] = call
        self.check(ticket, call)
        return ticket

    def check(self, ticket: int, call: Call) -> None:
        """Wait while the gate is closed; second half of :meth:`acquire_shared`."""
        if self.closed:
            self._await_opening(ticket, call)
        elif len(self._holders) > self._sweep_from:
            self.sweep()

    def shared(self) -> _Shared:
        """Hold the gate shared, as a context manager."""
        return _Shared(self)

    def is_inside(self) -> bool:
        """Return whether this thread holds the gate shared."""
        return bool(self._holders) and self._holds(threading.get_ident())

    def sweep_others(self) -> None:
        """Forget holders whose calls have ended, for one who holds it."""
        if len(self._holders) > 1:
            self.sweep()

    def sweep(self) -> None:
        """Forget holders whose calls have ended."""
        for ticket, call in list(self._holders.items()):
            if not is_running(call):
                self._holders.pop(ticket, None)
        self._sweep_from = max(_SWEEP_FROM, 2 * len(self._holders))

    def _holds(self, thread: int, besides: int = -1) -> bool:
        return any(
            call[0] == thread and ticket != besides and is_running(call)
            for ticket, call in list(self._holders.items())
        )

    def _await_opening(self, ticket: int, call: Call) -> None:
        if self._holds(call[0], ticket):
            return
        pause = _Pause()
        while self.closed:
            self.forget(ticket, None)
            if self._is_owner(call[0]):
                raise CatalogError(
                    "expected no use of a catalogue from a signal handler while its map changes, "
                    "got one"
                )
            pause()
            self._drop_ended_owner()
            self._holders[ticket] = call

    # -- exclusive ------------------------------------------------------------------------

    def acquire_exclusive(
        self, call: tuple[int, FrameType | None], timeout_s: float | None = None
    ) -> bool:
        """Close the gate, and return once nobody holds it shared.

        Present holders are waited for while others may still acquire it, because some of them
        take long (a check of everything, an export). Only then is the gate closed, briefly.

        Parameters
        ----------
        call : Call
            Whoever holds it until :meth:`release_exclusive`; without a frame, until then however
            that call ends.
        timeout_s : float, optional
            How long to try.

        Returns
        -------
        bool
            False where others held it for all that time.

        Raises
        ------
        CatalogError
            This thread holds the gate, and would wait for itself.
        """
        self._drop_ended_owner()
        if self._holds(call[0]) or self._is_owner(call[0]):
            raise CatalogError(
                "expected no change to a catalogue from within a report of progress on it, got one "
                "that needs more room: make it from another thread, or afterwards"
            )
        pause = _Pause(timeout_s)
        while not self._claim(call):
            if not pause():
                return False
        try:
            if self._wait_for_holders(pause):
                return True
        except BaseException:
            self.release_exclusive()
            raise
        self.release_exclusive()
        return False

    def release_exclusive(self) -> None:
        """Open the gate again."""
        self.closed = False
        self._owner = None

    def exclusive(self) -> _Exclusive:
        """Hold the gate exclusively, as a context manager."""
        return _Exclusive(self)

    def _is_owner(self, thread: int) -> bool:
        owner = self._owner
        return owner is not None and owner[0] == thread

    def _claim(self, call: tuple[int, FrameType | None]) -> bool:
        """Become the one who closes the gate, unless somebody is."""
        self._drop_ended_owner()
        with self._claiming:
            if self._owner is not None:
                return False
            self._owner = call
            return True

    def _drop_ended_owner(self) -> None:
        """Open the gate where the call that closed it has ended without doing so."""
        with self._claiming:
            owner = self._owner
            if owner is not None and owner[1] is not None and not is_running((owner[0], owner[1])):
                self.closed = False
                self._owner = None

    def _wait_for_holders(self, pause: _Pause) -> bool:
        while True:
            early = set(self._holders)
            while not early.isdisjoint(self._holders):
                self.sweep()
                if not pause():
                    return False
            self.closed = True
            closed = _Pause(_CLOSED_S)
            while self._holders and closed():
                self.sweep()
            if not self._holders:
                return True
            self.closed = False
            if not pause():
                return False


class _Pause:
    """Sleep a little longer each time, until a time is over."""

    def __init__(self, timeout_s: float | None = None) -> None:
        self._pause_s = _SHORT_S
        self._end = None if timeout_s is None else time.monotonic() + timeout_s

    def __call__(self) -> bool:
        """Sleep; return False, at once, where the time is over."""
        if self._end is not None and time.monotonic() >= self._end:
            return False
        time.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONG_S)
        return True


class _Shared:
    def __init__(self, gate: ReadGate) -> None:
        self._gate = gate

    def __enter__(self) -> None:
        self._ticket = self._gate.acquire_shared(this_call(1))

    def __exit__(self, *_: object) -> None:
        self._gate.forget(self._ticket, None)


class _Exclusive:
    def __init__(self, gate: ReadGate) -> None:
        self._gate = gate

    def __enter__(self) -> None:
        self._gate.acquire_exclusive(this_call(1))

    def __exit__(self, *_: object) -> None:
        self._gate.release_exclusive()
