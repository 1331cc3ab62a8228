"""Shared and exclusive passage, with nothing to wait for in the shared case."""

from __future__ import annotations

import itertools
import threading

__all__ = ["Gate"]


class Gate:
    """Many pass at a time, or one alone; whoever waits to be alone goes first.

    Passing takes no lock, since under one, busy readers starve a writer for seconds. It
    relies on the order of two steps instead: who enters first signs in, then looks whether
    the gate is shut; who shuts it first shuts, then looks who is in.
    """

    def __init__(self) -> None:
        self._tickets = itertools.count()
        self._inside: dict[int, None] = {}
        self._shut = False
        self._changed = threading.Condition()
        self._one = threading.Lock()

    def enter(self) -> int:
        """Pass, after waiting where the gate is shut; return the ticket to leave with."""
        ticket = next(self._tickets)
        self._inside[ticket] = None
        while self._shut:
            self.leave(ticket)
            with self._changed:
                while self._shut:
                    self._changed.wait()
            self._inside[ticket] = None
        return ticket

    def leave(self, ticket: int) -> None:
        """Say that one who passed is done."""
        del self._inside[ticket]
        if self._shut:
            with self._changed:
                self._changed.notify_all()

    def shut(self) -> None:
        """Let nobody more pass, and return once all who did are done."""
        self._one.acquire()
        self._shut = True
        with self._changed:
            while self._inside:
                self._changed.wait()

    def open(self) -> None:
        """End what :meth:`shut` began."""
        self._shut = False
        self._one.release()
        with self._changed:
            self._changed.notify_all()
