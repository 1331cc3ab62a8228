"""MovieLens links: which IMDb id and which TMDB id are the same film."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tv5core.errors import ImportFormatError
from tv5core.importers.base import (
    Context,
    Format,
    Item,
    Link,
    Reject,
    Source,
    excerpt,
    folded,
    shortened,
)
from tv5core.importers.lines import CsvRow
from tv5core.importers.tables import read_rows
from tv5core.sources.numbers import digits
from tv5core.sources.values import imdb_id

__all__ = ["FORMAT", "read_links"]


def read_links(source: Source, context: Context) -> Iterator[Item]:
    """Read ``movieId,imdbId,tmdbId``: no titles, but ids to match titles by."""
    for record in read_rows(source, context):
        yield record if isinstance(record, Reject) else _link(record)


def _link(record: CsvRow) -> Item:
    fields = record.fields
    given = fields.get("imdbid", "").strip()
    imdb = imdb_id(given.removeprefix("tt").zfill(7))
    tmdb = digits(fields.get("tmdbid"))
    shown = excerpt(",".join(fields.values()))
    if not tmdb and imdb:
        return Reject(record.line, "no TMDB id", "expected a number in tmdbId, got none", shown)
    if not tmdb or not imdb:
        return Reject(record.line, "malformed id", "expected imdbId and tmdbId as numbers", shown)
    return Link(record.line, imdb, tmdb)


def _matching_columns(header: Sequence[str]) -> Sequence[str]:
    columns = folded(header)
    if {"movieid", "imdbid", "tmdbid"} <= columns and "title" not in columns:
        return ["movieId", "imdbId", "tmdbId"]
    if "movieid" in columns:
        raise ImportFormatError(f"MovieLens data without titles to search: {shortened(header)}")
    return []


FORMAT = Format(
    "links", "MovieLens links: ids only, to match titles by", read_links, _matching_columns
)
