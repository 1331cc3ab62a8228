"""What workers and the writer say to each other, as MessagePack."""

from __future__ import annotations

import builtins

import msgspec

from tv5core import errors
from tv5core.errors import InvalidInputError, Tv5Error
from tv5core.types import Title

__all__ = ["Add", "Delete", "Failure", "Reply", "Request", "decode_reply", "decode_request"]
__all__ += ["encode", "error_of", "failure_of"]


class Add(msgspec.Struct, frozen=True, tag="add"):
    """Store titles.

    Attributes
    ----------
    number : int
        Names the request on its connection.
    titles : tuple of Title
    """

    number: int
    titles: tuple[Title, ...]


class Delete(msgspec.Struct, frozen=True, tag="delete"):
    """Delete titles by id."""

    number: int
    ids: tuple[str, ...]


class Failure(msgspec.Struct, frozen=True):
    """An error of the library: the name of its class, and its message."""

    kind: str
    message: str


class Reply(msgspec.Struct, frozen=True):
    """The reply to a request: what was changed, on disk by now; or why nothing was.

    Attributes
    ----------
    number : int
        That of the request.
    changed : int
        Titles stored or deleted.
    failure : Failure or None
    """

    number: int
    changed: int = 0
    failure: Failure | None = None


Request = Add | Delete

_ENCODER = msgspec.msgpack.Encoder()
_REQUESTS = msgspec.msgpack.Decoder(Add | Delete)
_REPLIES = msgspec.msgpack.Decoder(Reply)


def encode(message: Request | Reply) -> bytes:
    """Return a message as bytes."""
    return _ENCODER.encode(message)


def decode_request(body: bytes) -> Request:
    """Return the request in a body.

    Raises
    ------
    InvalidInputError
        There is none in it.
    """
    try:
        return _REQUESTS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"expected a request to the writer, got {error}") from error


def decode_reply(body: bytes) -> Reply:
    """Return the reply in a body; as :func:`decode_request`."""
    try:
        return _REPLIES.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"expected a reply of the writer, got {error}") from error


def failure_of(error: Exception) -> Failure:
    """Return what may be told of an error in another process."""
    if isinstance(error, Tv5Error):
        return Failure(type(error).__name__, str(error))
    return Failure("Tv5Error", f"the writer failed: {type(error).__name__}: {error}")


def error_of(failure: Failure) -> Exception:
    """Return the library's error that a failure tells of."""
    kind = getattr(errors, failure.kind, None)
    if not (isinstance(kind, builtins.type) and issubclass(kind, Tv5Error)):
        return Tv5Error(failure.message)
    try:
        return kind(failure.message)
    except TypeError:  # it takes more than a message
        return Tv5Error(failure.message)
