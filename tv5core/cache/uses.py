"""What an answer was made of: the values that were read from the cache on the way to it.

Whoever keeps something made of cached values, such as a page, records what it reads and asks later
whether all of it is still what the cache has::

    with recording() as uses:
        page = await make_page()
    ...
    if cache.holds(uses):
        ...  # making the page again would give the same
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from tv5core.cache.answer import Loader

__all__ = ["Use", "recorder", "recording"]


class Use(NamedTuple):
    """One value that was read, and how it is asked for.

    The value itself is not kept, so that memory may evict it: when it was stored and its identity
    tell it from any other.
    """

    kind: str
    key: str
    loader: Loader
    tags: Iterable[str]
    ttl_s: float | None
    stored_at: float
    identity: int


_USES: ContextVar[list[Use] | None] = ContextVar("tv5core_uses", default=None)


@contextmanager
def recording() -> Iterator[list[Use]]:
    """Record what the block, and the tasks it starts, read from any cache."""
    uses: list[Use] = []
    token = _USES.set(uses)
    try:
        yield uses
    finally:
        _USES.reset(token)


def recorder() -> list[Use] | None:
    """Return where to note what is read; None where nobody records."""
    return _USES.get()
