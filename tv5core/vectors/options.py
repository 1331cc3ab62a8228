"""SearchOptions: everything a search is asked for besides its queries and ``k``."""

from __future__ import annotations

import msgspec

from tv5core.vectors.filters import Filter
from tv5core.vectors.settings import SearchSettings

__all__ = ["SearchOptions"]


class SearchOptions(msgspec.Struct, frozen=True):
    """Options of one search, passed on as one value.

    Attributes
    ----------
    settings : SearchSettings
        How hard to look.
    exact : bool
        Score every allowed row instead of walking or scanning codes.
    filter : Filter or None
        Rows that may be returned; None for all.
    threads : int
        Threads to split the queries over; 0 for all cores.
    """

    settings: SearchSettings
    exact: bool = False
    filter: Filter | None = None
    threads: int = 1
