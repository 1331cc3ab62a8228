"""A shared and exclusive lock whose shared side takes no lock."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tv5core.errors import CatalogError

__all__ = ["ReadGate"]


class ReadGate:
    """Many hold it shared, or one holds it exclusively; a thread that waits to do so goes first.

    Shared holders take no lock: under one, busy readers starve a writer for seconds. The
    order of two steps takes its place. A shared holder registers, then checks whether the gate
    is closed; an exclusive one closes the gate, then checks who is registered.
    """

    def __init__(self) -> None:
        self._tickets = itertools.count()
        self._holders: dict[int, int] = {}  # ticket -> thread
        self._awaited = self._closed = False
        self._changed = threading.Condition()
        self._exclusive = threading.Lock()

    # -- shared ---------------------------------------------------------------------------

    def acquire_shared(self) -> int:
        """Wait while the gate is closed, then hold it; return the ticket to release."""
        ticket, thread = next(self._tickets), threading.get_ident()
        self._holders[ticket] = thread
        while self._closed:
            self.release_shared(ticket)
            with self._changed:
                while self._closed:
                    self._changed.wait()
            self._holders[ticket] = thread
        return ticket

    def release_shared(self, ticket: int) -> None:
        """Give back what :meth:`acquire_shared` returned."""
        del self._holders[ticket]
        if self._awaited:
            with self._changed:
                self._changed.notify_all()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the gate shared."""
        ticket = self.acquire_shared()
        try:
            yield
        finally:
            self.release_shared(ticket)

    # -- exclusive ------------------------------------------------------------------------

    def acquire_exclusive(self) -> None:
        """Close the gate, and return once nobody holds it shared.

        Present holders are waited for while others may still acquire it, because some of them
        take long (a check of everything, a backup). Only then is the gate closed, briefly.

        Raises
        ------
        CatalogError
            This thread holds the gate shared, and would wait for itself.
        """
        if threading.get_ident() in list(self._holders.values()):
            raise CatalogError(
                "expected no change to a catalogue from within a report of progress on it, got one "
                "that needs more room: make it from another thread, or afterwards"
            )
        self._exclusive.acquire()
        self._awaited = True
        with self._changed:
            early = list(self._holders)
            while any(ticket in self._holders for ticket in early):
                self._changed.wait()
            self._closed = True
            while self._holders:
                self._changed.wait()

    def release_exclusive(self) -> None:
        """Open the gate again."""
        self._awaited = self._closed = False
        self._exclusive.release()
        with self._changed:
            self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the gate exclusively."""
        self.acquire_exclusive()
        try:
            yield
        finally:
            self.release_exclusive()
