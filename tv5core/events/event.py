"""Event: which titles changed elsewhere, and in what."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from tv5core.errors import InvalidInputError

__all__ = ["MISSED", "Event", "decode_event"]

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
