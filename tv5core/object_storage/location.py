"""URLs of object storage, taken apart and checked; none is shown with a secret in it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from tv5core.errors import InvalidInputError

__all__ = ["Location", "check_no_url", "is_url", "parse_location"]

_MOST_CHARACTERS = 1_024


class Location(NamedTuple):
    """Where something is.

    Attributes
    ----------
    protocol : str
        ``file``, ``s3`` and so on.
    path : str
        The folder, or the bucket and a prefix; without a slash at its end.
    url : str
        Both, as they are shown.
    """

    protocol: str
    path: str
    url: str


def is_url(given: object) -> bool:
    """Return whether this is meant as a URL, not as a path."""
    return isinstance(given, str) and "://" in given


def check_no_url(what: str, **given: object) -> None:
    """Raise InvalidInputError where something is given that means nothing without a URL."""
    for name, value in given.items():
        if value is not None and value is not False:
            raise InvalidInputError(
                f"expected {name} with a URL only, such as s3://bucket/films, got it for {what} of "
                "a folder"
            )


def parse_location(url: str) -> Location:
    """Take a URL apart.

    Parameters
    ----------
    url : str
        ``file:///absolute/folder`` or ``s3://bucket/prefix``.

    Raises
    ------
    InvalidInputError
        It is no such URL, or has credentials in it: those belong into the environment. The message
        does not repeat them.
    """
    if len(url) > _MOST_CHARACTERS or not url.isprintable():
        raise InvalidInputError(
            f"expected a URL of at most {_MOST_CHARACTERS} printable characters, got {len(url)}"
        )
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidInputError(f"expected a URL such as s3://bucket/films, got {error}") from None
    if "@" in parts.netloc:
        raise InvalidInputError(
            f"expected {parts.scheme}://bucket/prefix, got one with credentials in it: give them "
            "in the environment, such as AWS_ACCESS_KEY_ID, or as storage_options"
        )
    if parts.query or parts.fragment:
        raise InvalidInputError(
            f"expected a URL without ? and #, got one for {parts.scheme}://{parts.netloc}"
        )
    return _folder(parts) if parts.scheme == "file" else _bucket(parts)


def _folder(parts: SplitResult) -> Location:
    path = Path(unquote(parts.path))
    if parts.netloc or not path.is_absolute() or "\0" in str(path):
        raise InvalidInputError(
            f"expected file:///absolute/folder, got file://{parts.netloc}{parts.path}"
        )
    return Location("file", str(path), f"file://{path}")


def _bucket(parts: SplitResult) -> Location:
    names = [parts.netloc, *(name for name in parts.path.split("/") if name)]
    shown = f"{parts.scheme}://{'/'.join(names)}"
    if not parts.scheme or not parts.netloc or {".", ".."} & set(names):
        raise InvalidInputError(f"expected a URL such as s3://bucket/films, got {shown}")
    return Location(parts.scheme, "/".join(names), shown)
