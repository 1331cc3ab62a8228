"""The titles that a sync fetches, in order: the most popular first."""

from __future__ import annotations

import asyncio
import hashlib
from array import array
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tv5core.errors import ImportFormatError, MalformedResponseError
from tv5core.upstream.tmdb.client import Tmdb
from tv5core.upstream.tmdb.exports import ExportedId, MalformedLine, read_export_file
from tv5core.upstream.tmdb.types import END_OF_IDS

__all__ = ["Plan", "PlanBuilder", "plan_from_files", "plan_from_ids", "plan_from_tmdb"]

_MEDIA = ("movie", "tv")


class Plan:
    """Ids in the order they are fetched.

    Attributes
    ----------
    digest : bytes
        Of all ids in order, whatever the limit; a checkpoint belongs to one digest.
    adult, malformed : int
        Lines of the exports that were skipped.
    omitted : int
        Unusable values in lines that were not.
    """

    def __init__(
        self,
        media: npt.NDArray[np.int8],
        ids: npt.NDArray[np.int64],
        popularity: npt.NDArray[np.float64],
        *,
        adult: int = 0,
        malformed: int = 0,
        omitted: int = 0,
    ) -> None:
        self._media, self._ids, self._popularity = media, ids, popularity
        self.adult, self.malformed, self.omitted = adult, malformed, omitted
        self.digest = hashlib.blake2b(
            media.tobytes() + ids.astype("<i8").tobytes(), digest_size=16
        ).digest()

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, position: int) -> str:
        return f"tmdb:{_MEDIA[self._media[position]]}:{self._ids[position]}"

    def end(self, limit: int | None, min_popularity: float) -> int:
        """Return the end of the positions within a limit and a minimum popularity."""
        # Popularity descends, so those with enough of it are a prefix.
        popular = int(np.searchsorted(-self._popularity, -min_popularity, side="right"))
        return popular if limit is None else min(limit, popular)


class PlanBuilder:
    """Collects the lines of exports, and sorts them into a plan.

    Parameters
    ----------
    media : collection of str
        ``movie``, ``tv`` or both; lines of the other are ignored.
    """

    def __init__(self, media: Collection[str]) -> None:
        self._included = frozenset(media)
        self._media, self._ids, self._popularity = array("b"), array("q"), array("d")
        self._adult = self._malformed = self._omitted = 0

    def add(self, line: ExportedId | MalformedLine, media: str = "") -> None:
        """Add a line; ``media`` is its kind where the line does not have one."""
        if isinstance(line, MalformedLine) or not 0 < line.id < END_OF_IDS:
            self._malformed += 1
            return
        self._omitted += line.omitted
        kind = line.media or media
        if kind not in self._included:
            self._malformed += not kind
        elif line.adult:
            self._adult += 1
        else:
            self._media.append(_MEDIA.index(kind))
            self._ids.append(line.id)
            self._popularity.append(line.popularity)

    def plan(self) -> Plan:
        """Return the plan: by popularity, then by id, without duplicates."""
        media = np.array(self._media, np.int8)
        ids = np.array(self._ids, np.int64)
        popularity = np.nan_to_num(np.array(self._popularity, np.float64))
        order = np.lexsort((ids, media, -popularity))
        media, ids, popularity = media[order], ids[order], popularity[order]
        _, first = np.unique(np.stack([media.astype(np.int64), ids]), axis=1, return_index=True)
        kept = np.sort(first)
        return Plan(
            media[kept],
            ids[kept],
            popularity[kept],
            adult=self._adult,
            malformed=self._malformed,
            omitted=self._omitted,
        )


async def plan_from_tmdb(client: Tmdb, media: Sequence[str], day: date) -> Plan:
    """Stream the exports of a day; raises as :meth:`Tmdb.export` does.

    Raises
    ------
    MalformedResponseError
        Besides, an export of which no line is usable, such as a web page.
    """
    builder = PlanBuilder(media)
    for kind in media:
        lines = _Lines(f"tmdb: the export of {day} ({kind})")
        async for line in client.export("movie" if kind == "movie" else "tv", day):
            builder.add(lines.seen(line), kind)
        lines.check()
    return await asyncio.to_thread(builder.plan)


class _Lines:
    """Counts the lines of one export, to notice that it is something else."""

    def __init__(self, name: str) -> None:
        self._name, self._usable, self._malformed = name, 0, 0

    def seen(self, line: ExportedId | MalformedLine) -> ExportedId | MalformedLine:
        """Count a line, and return it."""
        self._malformed += isinstance(line, MalformedLine)
        self._usable += isinstance(line, ExportedId)
        return line

    def check(self) -> None:
        """Raise a MalformedResponseError where there are lines, and all are malformed."""
        if self._malformed and not self._usable:
            raise MalformedResponseError(
                f"{self._name}: expected lines with ids, got {self._malformed:,} malformed lines"
            )


async def plan_from_files(paths: Iterable[Path], media: Sequence[str]) -> Plan:
    """Read downloaded exports.

    Raises
    ------
    ImportFormatError
        A file is damaged, or no line of it is usable.
    OSError
        A file cannot be read.
    """
    return await asyncio.to_thread(_read_files, list(paths), media)


def _read_files(paths: Sequence[Path], media: Sequence[str]) -> Plan:
    builder = PlanBuilder(media)
    for path in paths:
        media_of_file = _media_of_file(path.name)
        lines = _Lines(path.name)
        for line in read_export_file(path):
            builder.add(lines.seen(line), media_of_file)
        try:
            lines.check()
        except MalformedResponseError as error:
            raise ImportFormatError(str(error)) from None
    return builder.plan()


def _media_of_file(name: str) -> str:
    if name.startswith("tv_"):
        return "tv"
    return "movie" if "movie" in name else ""


def plan_from_ids(ids: Iterable[tuple[str, int]]) -> Plan:
    """Return a plan of kinds and ids, sorted by both."""
    pairs = sorted(ids)
    media = np.array([_MEDIA.index(kind) for kind, _ in pairs], np.int8)
    numbers = np.array([number for _, number in pairs], np.int64)
    return Plan(media, numbers, np.zeros(len(pairs)))
