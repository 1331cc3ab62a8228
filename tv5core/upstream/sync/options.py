"""What callers may say about how a sync goes about it."""

from __future__ import annotations

from typing import TypedDict

from tv5core.errors import InvalidInputError
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.sync.report import SyncProgress
from tv5core.upstream.sync.run import Invalidate, Options

__all__ = ["SyncOptions", "options_from"]


class SyncOptions(TypedDict, total=False):
    """How a sync goes about it.

    Attributes
    ----------
    priority : Priority
        Class of the requests; BULK by default.
    concurrency : int
        Titles on their way at a time; 32 by default.
    patience_s : float
        How long the provider may be out of reach before the sync gives up; 300 s by default.
    progress : callable
        Told of every title, on the event loop.
    invalidate : callable
        Told, on the storing thread and after each batch, which ids of the catalogue were stored
        anew; after a crash it may be told some again. An error it raises ends the sync.
    """

    priority: Priority
    concurrency: int
    patience_s: float
    progress: SyncProgress | None
    invalidate: Invalidate | None


def options_from(given: SyncOptions) -> Options:
    """Check options and give the rest their defaults.

    Raises
    ------
    InvalidInputError
    """
    options = Options(**given)
    if options.concurrency < 1:
        raise InvalidInputError(f"expected 1 or more at a time, got {options.concurrency}")
    if not options.patience_s >= 0:
        raise InvalidInputError(f"expected a patience of 0 s or more, got {options.patience_s}")
    return options
