"""SearchSettings: how hard a search looks; calibrated, and stored with an index."""

from __future__ import annotations

import math

import msgspec

from tv5core.arguments import check_int, check_real

__all__ = ["MAX_ROWS", "WIDEST_POOL", "SearchSettings"]

MAX_ROWS = 2**31 - 1
"""Rows that an index may have."""
WIDEST_POOL = 1 << 20
"""A walk with such a pool would read more than a scan of all codes, so the scan is used instead."""


class SearchSettings(msgspec.Struct, frozen=True):
    """How hard a search looks.

    Attributes
    ----------
    expansion_search : int
        Size of the walk's pool (``ef`` of HNSW). Recall and time both grow with it.
    oversampling : float
        Candidates rescored exactly for each answer, at most. More find what the one-bit estimate
        ranks too low; each costs a read of a stored row.
    recall : float or None
        Recall measured when these settings were calibrated, against the vectors given as far as is
        known; None where they were not.
    error_margin : float or None
        A row whose estimate is more standard deviations of the estimate's error behind the
        estimate of the last answer is neither expanded nor rescored. A small margin ends easy
        queries early; a large one finds more. None: expand all of the pool, rescore all candidates.
    min_k : int
        A search for fewer answers looks as far as a search for ``min_k`` and keeps the best: the
        estimate of the first answer alone says little about how far to look. Calibration sets it
        to its ``k``.
    exact_rows : int
        Where no more rows of a segment may be answers, all of them are scored exactly. Calibration
        sets it where that is cheaper than any walk or scan of codes that finds enough.
    stored_recall : float or None
        What exact search over the stored rows found of the true neighbours when these settings were
        calibrated: no settings find more. ``recall`` includes it. None where it was not measured.
    target : float or None
        The recall that was asked for when these settings were calibrated.

    Notes
    -----
    Stored files name ``error_margin`` and ``min_k`` ``reach`` and ``answers``.
    """

    expansion_search: int = 512
    oversampling: float = 32.0
    recall: float | None = None
    error_margin: float | None = msgspec.field(default=None, name="reach")
    min_k: int = msgspec.field(default=10, name="answers")
    exact_rows: int = 0
    stored_recall: float | None = None
    target: float | None = None

    def __post_init__(self) -> None:
        if self._is_plain():
            return
        pool = check_int("expansion_search", self.expansion_search, 1, WIDEST_POOL)
        self._put("expansion_search", pool)
        self._put("oversampling", check_real("oversampling", self.oversampling, 1, 10_000))
        self._put("min_k", check_int("min_k", self.min_k, 1, MAX_ROWS))
        if self.error_margin is not None:
            self._put("error_margin", check_real("error_margin", self.error_margin, 0, 1_000))
        self._put("exact_rows", check_int("exact_rows", self.exact_rows, 0, MAX_ROWS))
        for name in ("recall", "stored_recall", "target"):
            share = getattr(self, name)
            if share is not None:
                self._put(name, check_real(name, share, 0, 1))

    def _is_plain(self) -> bool:
        """Tell whether this is the common case, what one call asks for, and nothing is wrong."""
        margin = self.error_margin
        return (
            self.recall is self.stored_recall is self.target is None
            and type(self.exact_rows) is int
            and self.exact_rows == 0
            and (margin is None or (type(margin) is float and 0 <= margin <= 1_000))
            and type(self.expansion_search) is int
            and type(self.oversampling) is float
            and type(self.min_k) is int
            and 1 <= self.expansion_search <= WIDEST_POOL
            and 1 <= self.oversampling <= 10_000
            and 1 <= self.min_k <= MAX_ROWS
        )

    def _put(self, name: str, checked: float) -> None:
        """Turn a number of NumPy, which cannot be stored, into Python's."""
        if checked is not getattr(self, name):
            msgspec.structs.force_setattr(self, name, checked)

    @property
    def scan_margin(self) -> float | None:
        """Error margin of a scan of all codes, where these settings are of one."""
        return self.error_margin if self.expansion_search >= WIDEST_POOL else None

    def effective_k(self, k: int) -> int:
        """Return the number of answers that a search for ``k`` looks for."""
        return max(k, self.min_k)

    def candidates(self, k: int) -> int:
        """Return the number of rows that a search for ``k`` answers rescores, at most."""
        return math.ceil(self.oversampling * max(k, self.min_k))

    def override(
        self,
        k: int,
        *,
        expansion_search: int | None = None,
        oversampling: float | None = None,
        error_margin: float | None = None,
        min_k: int | None = None,
    ) -> SearchSettings:
        """Replace what a call gives itself.

        Calibrated values belong together. So once one of them is given, ``error_margin`` and
        ``min_k`` are taken from the call only: no margin and ``k`` where they are left out.
        """
        if expansion_search is oversampling is error_margin is min_k is None:
            return self
        pool = self.expansion_search if expansion_search is None else expansion_search
        min_k = k if min_k is None else min_k
        if oversampling is None:
            oversampling = self.oversampling
            if expansion_search is not None:  # no more than the given pool can hold
                pool = check_int("expansion_search", pool, 1, WIDEST_POOL)
                answers = max(check_int("k", k, 1), check_int("min_k", min_k, 1))
                oversampling = min(oversampling, max(1.0, pool / answers))
        oversampling = check_real("oversampling", oversampling, 1, 10_000)  # 32 is common
        return SearchSettings(pool, oversampling, error_margin=error_margin, min_k=min_k)
