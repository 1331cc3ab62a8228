"""Shared and exclusive passage, with nothing to wait for in the shared case."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tv5core.errors import CatalogError

__all__ = ["Gate"]


class Gate:
    """Many pass at a time, or one alone; whoever waits to be alone goes first.

    Passing takes no lock, since under one, busy readers starve a writer for seconds. It
    relies on the order of two steps instead: who enters first signs in, then looks whether
    the gate is shut; who shuts it first shuts, then looks who is in.
    """

    def __init__(self) -> None:
        self._tickets = itertools.count()
        self._inside: dict[int, int] = {}  # ticket -> thread
        self._awaited = self._shut = False
        self._changed = threading.Condition()
        self._one = threading.Lock()

    def enter(self) -> int:
        """Pass, after waiting where the gate is shut; return the ticket to leave with."""
        ticket, thread = next(self._tickets), threading.get_ident()
        self._inside[ticket] = thread
        while self._shut:
            self.leave(ticket)
            with self._changed:
                while self._shut:
                    self._changed.wait()
            self._inside[ticket] = thread
        return ticket

    def leave(self, ticket: int) -> None:
        """Say that one who passed is done."""
        del self._inside[ticket]
        if self._awaited:
            with self._changed:
                self._changed.notify_all()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Enter, and leave at the end."""
        ticket = self.enter()
        try:
            yield
        finally:
            self.leave(ticket)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Shut the gate, and open it at the end."""
        self.shut()
        try:
            yield
        finally:
            self.open()

    def shut(self) -> None:
        """Let nobody more pass, and return once all who did are done.

        Those inside at first are waited for while others still pass, because some of them may
        take long (a check of everything, a backup); only then is the gate shut, briefly.

        Raises
        ------
        CatalogError
            This thread is inside itself, and would wait for ever.
        """
        if threading.get_ident() in list(self._inside.values()):
            raise CatalogError(
                "expected no change to a catalogue from within a report of progress on it, got one "
                "that needs more room: make it from another thread, or afterwards"
            )
        self._one.acquire()
        self._awaited = True
        with self._changed:
            early = list(self._inside)
            while any(ticket in self._inside for ticket in early):
                self._changed.wait()
            self._shut = True
            while self._inside:
                self._changed.wait()

    def open(self) -> None:
        """End what :meth:`shut` began."""
        self._awaited = self._shut = False
        self._one.release()
        with self._changed:
            self._changed.notify_all()
