"""Which titles a sync fetches, and in which order: the most popular first."""

from __future__ import annotations

import asyncio
import hashlib
from array import array
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tv5core.upstream.tmdb.exports import BadLine, ExportedId, read_export_file

if TYPE_CHECKING:
    from tv5core.upstream.tmdb.client import Tmdb

__all__ = ["Plan", "PlanBuilder", "plan_from_files", "plan_from_ids", "plan_from_tmdb"]

_MEDIA = ("movie", "tv")


class Plan:
    """Ids in the order in which they are fetched.

    Attributes
    ----------
    digest : bytes
        Of all ids in their order, whatever is cut off: a checkpoint belongs to one digest.
    adult, malformed : int
        Lines of the exports that are left out.
    """

    def __init__(
        self,
        media: npt.NDArray[np.int8],
        ids: npt.NDArray[np.int64],
        popularity: npt.NDArray[np.float64],
        *,
        adult: int = 0,
        malformed: int = 0,
    ) -> None:
        self._media, self._ids, self._popularity = media, ids, popularity
        self.adult, self.malformed = adult, malformed
        self.digest = hashlib.blake2b(
            media.tobytes() + ids.astype("<i8").tobytes(), digest_size=16
        ).digest()

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, place: int) -> str:
        return f"tmdb:{_MEDIA[self._media[place]]}:{self._ids[place]}"

    def reach(self, limit: int | None, min_popularity: float) -> int:
        """Count the places that a limit and a least popularity leave: the first so many."""
        # Popularity falls, so this is where it goes below.
        popular = int(np.searchsorted(-self._popularity, -min_popularity, side="right"))
        return popular if limit is None else min(limit, popular)


class PlanBuilder:
    """Takes the lines of exports and puts them in order.

    Parameters
    ----------
    media : collection of str
        ``movie``, ``tv`` or both; lines of others are passed over.
    """

    def __init__(self, media: Collection[str]) -> None:
        self._wanted = frozenset(media)
        self._media, self._ids, self._popularity = array("b"), array("q"), array("d")
        self._adult = self._malformed = 0

    def add(self, line: ExportedId | BadLine, media: str = "") -> None:
        """Take one line; ``media`` tells the kind where the line does not."""
        if isinstance(line, BadLine) or not 0 < line.id < 10**12:
            self._malformed += 1
            return
        kind = line.media or media
        if kind not in self._wanted:
            self._malformed += not kind
        elif line.adult:
            self._adult += 1
        else:
            self._media.append(_MEDIA.index(kind))
            self._ids.append(line.id)
            self._popularity.append(line.popularity)

    def plan(self) -> Plan:
        """Order what was taken: by popularity, then by number; each title once."""
        media = np.array(self._media, np.int8)
        ids = np.array(self._ids, np.int64)
        popularity = np.nan_to_num(np.array(self._popularity, np.float64))
        order = np.lexsort((ids, media, -popularity))
        media, ids, popularity = media[order], ids[order], popularity[order]
        _, first = np.unique(np.stack([media.astype(np.int64), ids]), axis=1, return_index=True)
        kept = np.sort(first)
        return Plan(
            media[kept], ids[kept], popularity[kept], adult=self._adult, malformed=self._malformed
        )


async def plan_from_tmdb(client: Tmdb, media: Sequence[str], day: date) -> Plan:
    """Read the exports of a day as they come; see ``Tmdb.export`` for what it raises."""
    builder = PlanBuilder(media)
    for kind in media:
        async for line in client.export("movie" if kind == "movie" else "tv", day):
            builder.add(line, kind)
    return builder.plan()


async def plan_from_files(paths: Iterable[Path], media: Sequence[str]) -> Plan:
    """Read exports that were downloaded before.

    Raises
    ------
    ImportFormatError
        A file is damaged.
    OSError
    """
    return await asyncio.to_thread(_read_files, list(paths), media)


def _read_files(paths: Sequence[Path], media: Sequence[str]) -> Plan:
    builder = PlanBuilder(media)
    for path in paths:
        named = "tv" if path.name.startswith("tv_") else "movie" if "movie" in path.name else ""
        for line in read_export_file(path):
            builder.add(line, named)
    return builder.plan()


def plan_from_ids(ids: Iterable[tuple[str, int]]) -> Plan:
    """Make a plan of kinds and numbers, in the order of their numbers."""
    some = sorted(ids)
    media = np.array([_MEDIA.index(kind) for kind, _ in some], np.int8)
    numbers = np.array([number for _, number in some], np.int64)
    return Plan(media, numbers, np.zeros(len(some)))
