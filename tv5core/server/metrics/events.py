"""EventLog: the latest things an operator should know, of all processes.

Processes that share metrics share the log, too: a file in their folder, to which each appends a
line at a time.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from pathlib import Path
from typing import Any

import msgspec

from tv5core.server.metrics.figures import Event

__all__ = ["EventLog"]

_KEPT = 50
_READ_BYTES = 16_384
_LARGEST_BYTES = 1 << 20

_decode = msgspec.json.Decoder(Event).decode


class EventLog:
    """Notes events and returns the latest.

    Parameters
    ----------
    folder : Path or None
        Where processes share them; None keeps them in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / "events.jsonl"
        self._events: deque[Event] = deque(maxlen=_KEPT)

    def note(self, severity: Any, text: str) -> None:
        """Note an event of now; raises nothing."""
        event = Event(time.time(), severity, text)
        if self._path is None:
            self._events.append(event)
            return
        with contextlib.suppress(OSError):
            if self._path.exists() and self._path.stat().st_size > _LARGEST_BYTES:
                self._path.unlink()
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            descriptor = os.open(self._path, flags, 0o600)
            try:
                os.write(descriptor, msgspec.json.encode(event) + b"\n")
            finally:
                os.close(descriptor)

    def latest(self, count: int = 20) -> tuple[Event, ...]:
        """Return the latest events, the newest first."""
        found = list(self._events) if self._path is None else self._read(self._path)
        return tuple(sorted(found, key=lambda event: -event.time)[:count])

    @staticmethod
    def _read(path: Path) -> list[Event]:
        found = []
        with contextlib.suppress(OSError), path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _READ_BYTES))
            for line in file.read().splitlines():
                with contextlib.suppress(msgspec.MsgspecError):
                    found.append(_decode(line))
        return found
