"""The options of a sync, as callers give them and with their defaults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

import msgspec

from tv5core.errors import InvalidInputError
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.sync.report import SyncProgress

__all__ = ["Invalidate", "SyncOptions", "SyncSettings", "settings_from", "validated_media"]

Invalidate = Callable[[Sequence[str]], None]
"""Takes the ids of stored titles, on the storing thread."""


class SyncOptions(TypedDict, total=False):
    """Options of a sync.

    Attributes
    ----------
    priority : Priority
        Class of the requests; BULK by default.
    concurrency : int
        Titles that are fetched at a time; 32 by default.
    max_outage_s : float
        Seconds that the provider may be unavailable before the sync fails; 300 by default.
    progress : callable
        Takes the report after every title, on the event loop.
    invalidate : callable
        Takes the ids under which the catalogue stored titles, on the storing thread and after
        each batch; after a crash it may get some again. An error it raises ends the sync.
    """

    priority: Priority
    concurrency: int
    max_outage_s: float
    progress: SyncProgress | None
    invalidate: Invalidate | None


class SyncSettings(msgspec.Struct, frozen=True):
    """The options of a sync, with defaults; see :class:`SyncOptions`."""

    priority: Priority = Priority.BULK
    concurrency: int = 32
    max_outage_s: float = 300.0
    progress: SyncProgress | None = None
    invalidate: Invalidate | None = None


def settings_from(options: SyncOptions) -> SyncSettings:
    """Validate options, and add defaults.

    Raises
    ------
    InvalidInputError
        A value is out of range.
    """
    settings = SyncSettings(**options)
    if settings.concurrency < 1:
        raise InvalidInputError(f"expected a concurrency from 1, got {settings.concurrency}")
    if not settings.max_outage_s >= 0:
        raise InvalidInputError(f"expected max_outage_s from 0, got {settings.max_outage_s}")
    return settings


def validated_media(media: Sequence[str]) -> list[str]:
    """Return ``movie``, ``tv`` or both, sorted and without duplicates.

    Raises
    ------
    InvalidInputError
        There is none, or another one.
    """
    unique = list(dict.fromkeys(media))
    if not unique or not {*unique} <= {"movie", "tv"}:
        raise InvalidInputError(f"expected movie, tv or both, got {', '.join(media) or 'none'}")
    return sorted(unique)
