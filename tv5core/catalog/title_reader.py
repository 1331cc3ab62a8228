"""TitleReader: the titles a search found, as they are stored now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tv5core.catalog.index.recovery_log import RecoveryLog
from tv5core.errors import CorruptFileError, FormatVersionError
from tv5core.store import Store, lookup, titles
from tv5core.types import Hit, Title
from tv5core.vectors import Matches

__all__ = ["TitleReader"]

I64 = npt.NDArray[np.int64]

_NO_TITLE = -1, ""


class TitleReader:
    """Decode titles by row, in short transactions.

    Parameters
    ----------
    store : Store
    recovery : RecoveryLog
        Where damaged titles are noted.
    """

    def __init__(self, store: Store, recovery: RecoveryLog) -> None:
        self._store, self._recovery = store, recovery

    def rows(self, ids: Sequence[str]) -> I64:
        """Return the rows of ids, unknown ones left out: int64[n]."""
        with self._store.read() as txn:
            rows = [row for name in ids if (row := lookup.row_of(txn, name)) is not None]
        return np.asarray(rows, np.int64)

    def titles(self, rows: Iterable[int]) -> list[Title | None]:
        """Return the titles in some rows, None where there is none or it is damaged."""
        found: list[Title | None] = []
        pack, decode = titles.row_key, titles.decode
        with self._store.read() as txn:
            get, database = txn.raw.get, txn.dbs.titles
            for row in rows:
                data = get(pack(row), db=database)
                title = None
                if data is not None:
                    try:
                        title = decode(data)
                    except CorruptFileError as error:
                        self._leave_out(row, error)
                found.append(title)
        return found

    def hits(
        self,
        matches: Matches,
        k: int,
        search: Callable[[int], Matches],
        besides: tuple[int, str] = _NO_TITLE,
    ) -> list[Hit]:
        """Decode the k best titles besides one, given by row and id.

        Where some were deleted since the index was searched, look further, so that the answer is
        shorter only where there are no more.
        """
        hits, searched_k = self._decoded(matches, besides), k
        # A short answer, or one of fewer columns than asked for, holds all there is.
        while len(hits) < k and len(matches.keys) >= searched_k and matches.keys[-1] >= 0:
            searched_k += max(1, searched_k - len(hits))
            matches = search(searched_k)
            hits = self._decoded(matches, besides)
        return hits[:k]

    def _decoded(self, matches: Matches, besides: tuple[int, str]) -> list[Hit]:
        own_row, own_id = besides
        # -1 ends a short answer; a title may have been deleted since the search.
        pairs = [
            (key, score)
            for key, score in zip(matches.keys.tolist(), matches.scores.tolist(), strict=True)
            if key >= 0 and key != own_row
        ]
        found = self.titles(key for key, _ in pairs)
        return [
            Hit(title.id, score, title)
            for (_, score), title in zip(pairs, found, strict=True)
            if title is not None and title.id != own_id  # it may be in another row by now
        ]

    def _leave_out(self, row: int, error: CorruptFileError) -> None:
        """Answer without a damaged title, and say so; what a newer tv5core wrote is an error."""
        if isinstance(error, FormatVersionError):
            raise error
        self._recovery.leave_out_title(row)
