"""Searches and lists: as current as can be, else the last that was, else static."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tv5core.cache.answer import Answer
from tv5core.errors import (
    CatalogError,
    ClosedError,
    CorruptFileError,
    TimedOutError,
    UnavailableError,
)
from tv5core.server.degradation.found import Found, found_of

__all__ = ["FAILURES", "answered"]

T = TypeVar("T")

FAILURES = (UnavailableError, TimedOutError, CatalogError, CorruptFileError, ClosedError)
"""What says that a catalogue cannot answer, whatever it was asked."""

log = logging.getLogger("tv5core.server")


async def answered(
    ask: Awaitable[Answer[T]], static: Callable[[], T | None] = lambda: None
) -> Found[T]:
    """Await an answer; where there is none, give the static one, unless there is none either.

    Parameters
    ----------
    ask : awaitable of Answer
    static : callable
        Returns None, or something empty, where the static set has no answer.

    Raises
    ------
    UnavailableError
        And what else says that the catalogue cannot answer, where nothing static does.
    """
    try:
        return found_of(await ask)
    except FAILURES as error:
        instead = static()
        if not instead:
            raise
        log.warning("answered from the static set: %s: %s", type(error).__name__, error)
        return Found(instead, "static")
