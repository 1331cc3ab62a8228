"""SearchOptions: everything a search is asked for besides its queries and ``k``."""

from __future__ import annotations

from functools import partial

import msgspec

from tv5core.arguments import check_flag, check_int, check_real, check_type
from tv5core.vectors.filters import Filter
from tv5core.vectors.settings import SearchSettings

__all__ = ["SearchOptions"]

MAX_THREADS = 1_024
_NO_OR_FILTER = (type(None), Filter)


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
    scan_margin : float or None
        Standard deviations of the estimate's error within which a scan of allowed rows rescores;
        None: as many as suit the settings' recall.
    """

    settings: SearchSettings
    exact: bool = False
    filter: Filter | None = None
    threads: int = 1
    scan_margin: float | None = None

    def __post_init__(self) -> None:
        if self._is_plain():
            return
        check_type("settings", self.settings, SearchSettings)
        check_type("filter", self.filter, _NO_OR_FILTER)
        put = partial(msgspec.structs.force_setattr, self)  # NumPy's become Python's
        put("exact", check_flag("exact", self.exact))
        put("threads", check_int("threads", self.threads, 0, MAX_THREADS))
        if self.scan_margin is not None:
            put("scan_margin", check_real("scan_margin", self.scan_margin, 0, 1_000))

    def _is_plain(self) -> bool:
        """Tell whether this is the common case, and nothing is wrong."""
        margin = self.scan_margin
        return (
            type(self.settings) is SearchSettings
            and type(self.filter) in _NO_OR_FILTER
            and type(self.exact) is bool
            and type(self.threads) is int
            and self.threads == 1
            and (margin is None or (type(margin) is float and 0 <= margin <= 1_000))
        )
