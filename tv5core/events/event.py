"""Event: which titles changed elsewhere, and in what."""

from __future__ import annotations

import logging
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from tv5core.errors import InvalidInputError
from tv5core.observing import Observer

__all__ = ["MISSED", "Event", "decode_event", "received_event"]

log = logging.getLogger("tv5core")

_Id = Annotated[str, Meta(min_length=1, max_length=256)]

MISSED: Final = "missed"
"""What :class:`Event` calls a gap: some events may be lost, nobody knows which."""


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What has changed.

    Attributes
    ----------
    ids : tuple of str
        Of titles, the catalogue's or external ones; none of an event ``missed``.
    event : str
        ``availability.changed``, which touches offers alone, ``title.changed``, or ``missed``.
    """

    ids: tuple[str, ...]
    event: Literal["availability.changed", "title.changed", "missed"] = "availability.changed"


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ids: Annotated[tuple[_Id, ...], Meta(min_length=1, max_length=1_000)]
    event: Literal["availability.changed", "title.changed"] = "availability.changed"


_decoder = msgspec.json.Decoder(_Written)


def decode_event(data: bytes) -> Event:
    """Decode an event, written as the body of ``POST /api/hooks/availability``.

    Raises
    ------
    InvalidInputError
        It is none.
    """
    try:
        written = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInputError(
            'expected an event such as {"ids": ["tmdb:movie:603"], "event": "title.changed"}, '
            f"got another: {error}"
        ) from None
    return Event(written.ids, written.event)


def received_event(data: bytes, source: str, observer: Observer) -> Event | None:
    """Return an event that came from a source; None for what never will be one.

    Parameters
    ----------
    data : bytes
    source : str
        Named in the log and in the count ``events.malformed``.
    observer : Observer
    """
    try:
        return decode_event(data)
    except InvalidInputError as error:
        observer.count("events.malformed", 1, source=source)
        log.warning("events: %s: %s", source, error)
        return None
