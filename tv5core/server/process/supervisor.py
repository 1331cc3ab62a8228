"""The supervisor: which processes should run, and what happens when one ends.

A place holds one process; while the gateway is reloaded, the next one beside it, and those that
drain. What ends unasked is started again: at once where it had lived for a while, after a growing
delay otherwise. What gives no sign of life is killed. Everything is done by one loop over signals
and pipes; there are no threads and no event loop, so that forking is safe at any time.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tv5core.errors import Tv5Error
from tv5core.server.logs import log
from tv5core.server.process.children import Child, start

__all__ = ["Place", "Supervisor"]

_LOOK_S = 0.2
_SHORTEST_DELAY_S, _LONGEST_DELAY_S = 0.1, 5.0
_STEADY_S = 10.0
"""A process that lived for so long is started again at once."""
_START_S = 300.0
"""How long a process may take to be ready; opening may rebuild an index."""
_PATIENCE_S = 10.0
"""How long clients of a process that is started again wait before they are told to come back."""
_BEAT_S = 30.0
"""How long the event loop of a process may stand still."""
_KILL_S = 5.0
"""How long after the end of draining a process is killed."""

_STOP = (signal.SIGTERM, signal.SIGINT)
_SIGNALS = (*_STOP, signal.SIGHUP, signal.SIGCHLD)


@dataclass(eq=False)
class Place:
    """A place for one process.

    Attributes
    ----------
    name : str
    main : callable
        Runs in the child with its pipe; returns the exit code.
    alone : bool
        Whether the one before has to end before the next may start, as of the writer.
    current, next : Child or None
    draining : list of Child
    silent_s : float or None
        For how long the process that starts may leave clients waiting before it tells them so;
        None where another answers them.
    """

    name: str
    main: Callable[[int], int]
    alone: bool = False
    current: Child | None = None
    next: Child | None = None
    draining: list[Child] = field(default_factory=list)
    failures: int = 0
    start_at_s: float = 0.0
    silent_s: float | None = None

    def children(self) -> Iterator[Child]:
        """Iterate over the processes of the place."""
        yield from (child for child in (self.current, self.next) if child is not None)
        yield from self.draining

    def forget(self, child: Child) -> None:
        """Take an ended process out."""
        if child is self.current:
            self.current = None
        elif child is self.next:
            self.next = None
        else:
            self.draining.remove(child)


class Supervisor:
    """Runs processes until it is told to stop.

    Parameters
    ----------
    places : sequence of Place
        In the order of starting; each is ready before the next starts for the first time.
    drain_s : float
        What a process has for its last requests.
    on_ready : callable
        Called once, when all are ready.
    on_stop : callable
        Called once, when it begins to stop, such as to stop listening.
    on_reload : callable
        Called on SIGHUP, before new processes start; where it raises an error of the library,
        everything stays as it is.
    on_end : callable
        Called with the pid of each process that ended.
    beat_timeout_s : float
        How long a process may give no sign of life.
    """

    def __init__(
        self,
        places: Sequence[Place],
        *,
        drain_s: float,
        on_ready: Callable[[], None] = lambda: None,
        on_stop: Callable[[], None] = lambda: None,
        on_reload: Callable[[], None] = lambda: None,
        on_end: Callable[[int], None] = lambda _: None,
        beat_timeout_s: float = _BEAT_S,
    ) -> None:
        self.places, self._drain_s, self._beat_timeout_s = places, drain_s, beat_timeout_s
        self._on_ready, self._on_stop, self._on_end = on_ready, on_stop, on_end
        self._on_reload = on_reload
        self._stopping = self._was_ready = self._reloading = False
        self._error = ""
        self._signals: list[int] = []
        self._looked_s = time.monotonic()

    # -- the loop -----------------------------------------------------------------------------

    def run(self) -> int:
        """Run until a signal says to stop, or until a process cannot start; return the exit code.

        Raises
        ------
        Tv5Error
            A process could not start for the first time.
        """
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        self._wakeup = (ours, theirs)
        before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        old = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            while not (self._stopping and not any(self._children())):
                self._turn()
        finally:
            signal.set_wakeup_fd(old)
            for number, handler in before.items():
                signal.signal(number, handler)
            for end in self._wakeup:
                end.close()
        if self._error:
            raise Tv5Error(self._error)
        return 0

    def _note(self, number: int, _: object) -> None:
        self._signals.append(number)

    def _turn(self) -> None:
        self._wait()
        now = time.monotonic()
        self._forgive(now)
        for child in self._children():
            child.read(now)
        for place in self.places:
            self._reap(place, now)
        while self._signals:
            self._obey(self._signals.pop(0), now)
        self._watch(now)
        if not self._stopping:
            self._fill(now)
            self._advance(now)

    def _wait(self) -> None:
        """Wait for a signal, for a child to write, or for a moment."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._wakeup[0], selectors.EVENT_READ)
            for child in self._children():
                selector.register(child.status, selectors.EVENT_READ)
            selector.select(_LOOK_S)
        with contextlib.suppress(BlockingIOError):
            self._wakeup[0].recv(4_096)

    def _forgive(self, now: float) -> None:
        """Do not blame children where it is the supervisor that stood still."""
        if now - self._looked_s > self._beat_timeout_s / 2:
            for child in self._children():
                child.beat_s = now
        self._looked_s = now

    def _children(self) -> Iterator[Child]:
        for place in self.places:
            yield from place.children()

    # -- what ended ---------------------------------------------------------------------------

    def _reap(self, place: Place, now: float) -> None:
        for child in list(place.children()):
            code = child.reaped()
            if code is None:
                continue
            is_next = child is place.next
            place.forget(child)
            self._on_end(child.pid)
            if child.stopping_s is not None or self._stopping:
                log.info("%s ended", child.name, extra={"child": child.pid, "code": code})
            elif is_next:
                self._give_up_reload(f"{child.name} could not start: {child.error or code}", now)
            else:
                self._restart(place, child, code, now)

    def _restart(self, place: Place, child: Child, code: int, now: float) -> None:
        why = child.error or (f"signal {-code}" if code < 0 else f"exit code {code}")
        if not self._was_ready:
            self._error = f"{child.name}: {why}"
            self._stop(now)
            return
        steady = child.ready and now - child.started_s >= _STEADY_S
        place.failures = 0 if steady else place.failures + 1
        delay = min(_LONGEST_DELAY_S, _SHORTEST_DELAY_S * 2 ** (place.failures - 1))
        place.start_at_s = now + (0.0 if place.failures <= 1 else delay)
        log.error("%s died", child.name, extra={"child": child.pid, "why": why})

    # -- signals ------------------------------------------------------------------------------

    def _obey(self, number: int, now: float) -> None:
        if number in _STOP:
            self._stop(now)
        elif number == signal.SIGHUP and self._was_ready and not self._stopping:
            self._begin_reload(now)

    def _stop(self, now: float) -> None:
        """Drain the workers first; the writer while any of them may still need it."""
        if self._stopping:
            return
        self._stopping = True
        log.info("stopping")
        self._on_stop()
        for place in self.places:
            if not place.alone:
                for child in place.children():
                    child.stop(now)

    def _watch(self, now: float) -> None:
        """End what is in the way: what is due to stop, hangs, or does not stop in time."""
        if self._stopping and not any(any(p.children()) for p in self.places if not p.alone):
            for child in self._children():
                child.stop(now)
        for child in self._children():
            limit = self._beat_timeout_s if child.ready else _START_S
            if child.stopping_s is not None and now - child.stopping_s > self._drain_s + _KILL_S:
                self._kill(child, "it did not stop in time")
            elif now - child.beat_s > limit:
                self._kill(child, f"no sign of life for {limit:.0f} s")

    @staticmethod
    def _kill(child: Child, why: str) -> None:
        log.error("killing %s", child.name, extra={"child": child.pid, "why": why})
        child.signal(signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    # -- what should run ----------------------------------------------------------------------

    def _fill(self, now: float) -> None:
        """Start what is missing; for the first time one after the other."""
        for place in self.places:
            is_free = place.current is None and place.next is None
            if is_free and now >= place.start_at_s and not (place.alone and place.draining):
                place.current = self._start(place, now)
            if not self._was_ready and not (place.current and place.current.ready):
                return
        if not self._was_ready:
            self._was_ready = True
            self._on_ready()

    def _start(self, place: Place, now: float) -> Child:
        foreign = [end.fileno() for end in self._wakeup]
        foreign += [child.status for child in self._children()]
        place.silent_s = None
        if place.current is None:
            place.silent_s = _PATIENCE_S if self._was_ready else 0.0
        child = start(place.name, place.main, now, foreign)
        log.info("%s started", place.name, extra={"child": child.pid})
        return child

    # -- reloading ----------------------------------------------------------------------------

    def _begin_reload(self, now: float) -> None:
        """Start the next workers beside those that answer."""
        if self._reloading:
            log.warning("a reload is under way already")
            return
        try:
            self._on_reload()
        except Tv5Error as error:
            log.error("not reloaded: %s", error)
            return
        log.info("reloading")
        self._reloading = True
        for place in self.places:
            if not place.alone:
                place.next = self._start(place, now)

    def _give_up_reload(self, why: str, now: float) -> None:
        log.error("not reloaded: %s", why)
        self._reloading = False
        for place in self.places:
            if place.next is not None:
                place.next.stop(now)
                place.draining.append(place.next)
                place.next = None

    def _advance(self, now: float) -> None:
        """Once all the next workers are ready, drain those before them; then renew the writer."""
        if not self._reloading:
            return
        workers = [place for place in self.places if not place.alone]
        if not all(place.next is not None and place.next.ready for place in workers):
            return
        for place in self.places:
            if place.current is not None:
                place.current.stop(now)
                place.draining.append(place.current)
            place.current, place.next = place.next, None
        self._reloading = False
        log.info("reloaded")
