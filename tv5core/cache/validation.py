"""What may be a kind, a key or a tag: refused at the door, so that every tier takes the rest.

Any character that UTF-8 can encode may be in them, NUL too: no two names are one in any tier.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from tv5core.arguments import as_list, check_callable, check_real, shown
from tv5core.cache.entry import Tier
from tv5core.errors import InvalidInputError

__all__ = [
    "MAX_NAME_BYTES",
    "MAX_TAGS",
    "check_entry_names",
    "check_keys",
    "check_name",
    "check_options",
    "check_tags",
    "check_ttl",
    "is_name",
]

MAX_NAME_BYTES = 16 << 10
"""The longest kind, key or tag, in UTF-8: invalidations carry them through every tier."""

MAX_TAGS = 1_000
"""Tags of one entry. Redis reads the floors of all of them at once, and takes some 8,000."""


def check_name(what: str, name: object) -> None:
    """Refuse a kind, key or tag that is not text, that UTF-8 cannot encode, or that is too long.

    Parameters
    ----------
    what : str
        What it is, for the message.
    name : object

    Raises
    ------
    InvalidInputError
    """
    if not isinstance(name, str):
        raise InvalidInputError(f"expected a {what} of type str, got {type(name).__name__}")
    try:
        size = len(name) if name.isascii() else len(name.encode())
    except UnicodeEncodeError as error:
        got = f"one with {name[error.start : error.start + 1]!r} at {error.start}"
        raise InvalidInputError(f"expected a {what} that UTF-8 can encode, got {got}") from None
    if size > MAX_NAME_BYTES:
        raise InvalidInputError(
            f"expected a {what} of up to {MAX_NAME_BYTES:,} bytes, got {size:,}"
        )


def is_name(name: object) -> bool:
    """Return whether something may be a kind, a key or a tag; see :func:`check_name`."""
    try:
        check_name("name", name)
    except InvalidInputError:
        return False
    return True


def check_keys(keys: str | Iterable[str]) -> tuple[str, ...]:
    """Return one key or several as a tuple.

    Raises
    ------
    InvalidInputError
        One of them is refused by :func:`check_name`, or ``keys`` is neither.
    """
    return _all("key", (keys,) if isinstance(keys, str) else keys)


def check_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags as a tuple.

    Raises
    ------
    InvalidInputError
        As for :func:`check_keys`; too many; or one text, whose characters nobody means.
    """
    if type(tags) is tuple and not tags:  # the common case
        return ()
    if isinstance(tags, str):
        raise InvalidInputError(f"expected several tags, got one text: {tags[:60]!r}")
    listed = _all("tag", tags)
    if len(listed) > MAX_TAGS:
        raise InvalidInputError(f"expected up to {MAX_TAGS:,} tags, got {len(listed):,}")
    return listed


def check_entry_names(kind: str, key: str, tags: Iterable[str] = ()) -> None:
    """Refuse what an entry cannot be named; raises as :func:`check_name` does."""
    check_name("kind", kind)
    check_name("key", key)
    if tags:
        check_tags(tags)


def check_ttl(ttl_s: object) -> None:
    """Refuse a TTL that is no number of seconds above 0.

    Raises
    ------
    InvalidInputError
    """
    number = isinstance(ttl_s, int | float) and not isinstance(ttl_s, bool)
    if not (number and 0 < ttl_s <= sys.float_info.max):  # type: ignore[operator]
        raise InvalidInputError(f"expected a TTL in seconds, got {shown(ttl_s)}")


def check_options(
    tiers: object, observer: object, clocks: Sequence[object], times: Sequence[object]
) -> tuple[Tier, ...]:
    """Check what a cache is made with, and return its lower tiers as a tuple.

    Parameters
    ----------
    tiers : sequence of Tier
    observer : Observer
    clocks : sequence
        Callables, or None.
    times : sequence
        Numbers of seconds above 0.

    Raises
    ------
    InvalidInputError
        Also where a tier or the observer lacks a method of its protocol.
    """
    listed = as_list("tiers", tiers)
    for tier in listed:
        if lacking := [name for name in _TIER_NAMES if not hasattr(tier, name)]:
            raise InvalidInputError(f"expected a tier with {lacking[0]}, got {shown(tier)}")
    for name in ("count", "time"):
        if not callable(getattr(observer, name, None)):
            raise InvalidInputError(f"expected an observer with {name}, got {shown(observer)}")
    for clock in clocks:
        check_callable("a clock", clock)
    for seconds in times:
        check_real("a time in seconds", seconds, sys.float_info.min, sys.float_info.max)
    return tuple(listed)


_TIER_NAMES = [name for name in vars(Tier) if not name.startswith("_")]


def _all(what: str, names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, bytes | bytearray):
        raise InvalidInputError(f"expected a {what} of type str, got {type(names).__name__}")
    try:
        listed = tuple(names)
    except TypeError:
        raise InvalidInputError(
            f"expected a {what} of type str, or several, got {type(names).__name__}"
        ) from None
    for name in listed:
        check_name(what, name)
    return listed
