"""IMDb's ``title.basics.tsv``: films and series with year, length and genres, no plots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tv5core.errors import ImportFormatError
from tv5core.importers.base import (
    Context,
    Format,
    Item,
    Reject,
    Row,
    Source,
    excerpt,
    folded,
    shortened,
)
from tv5core.importers.lines import CsvRow
from tv5core.importers.tables import read_rows
from tv5core.sources.lists import names
from tv5core.sources.numbers import runtime, year_of
from tv5core.sources.tmdb import MAX_RUNTIME
from tv5core.sources.values import RowError, imdb_id, required_title, text
from tv5core.sources.vocabulary import genres
from tv5core.types import Kind, Title

__all__ = ["FORMAT", "read_imdb"]

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("movie", "short", "tvmovie", "tvshort", "tvspecial", "video"), "movie"),
    **dict.fromkeys(("tvseries", "tvminiseries"), "show"),
}


def read_imdb(source: Source, context: Context) -> Iterator[Item]:
    """Read titles; episodes, games and pilots are rejects, since they are no titles here."""
    for record in read_rows(source, context):
        yield record if isinstance(record, Reject) else _item(record, context)


def _item(record: CsvRow, context: Context) -> Item:
    try:
        return Row(record.line, _title(record.fields, context))
    except RowError as error:
        shown = excerpt("\t".join(record.fields.values()))
        return Reject(record.line, error.reason, error.detail, shown)


def _title(fields: dict[str, str], context: Context) -> Title:
    given = fields.get("titletype", "").strip()
    kind = _KINDS.get(given.casefold())
    if kind is None:
        raise RowError("not a film or a series", f"expected movie or tvSeries, got {given[:60]!r}")
    imdb = imdb_id(fields.get("tconst"))
    if not imdb:
        got = fields.get("tconst", "")[:60]
        raise RowError("malformed id", f"expected an IMDb id such as tt0114709, got {got!r}")
    return Title(
        id="",
        kind=kind,
        title=required_title(fields.get("primarytitle")),
        original_title=text(fields.get("originaltitle")),
        year=year_of(fields.get("startyear"), context),
        genres=genres(names(fields.get("genres"), context, what="genres")),
        runtime=runtime(fields.get("runtimeminutes"), MAX_RUNTIME, context),
        external_ids={"imdb": imdb},
        source="imdb",
    )


def _matching_columns(header: Sequence[str]) -> Sequence[str]:
    columns = folded(header)
    if {"tconst", "titletype", "primarytitle"} <= columns:
        return ["tconst", "titleType", "primaryTitle"]
    if columns & {"tconst", "nconst"} or {"titleid", "ordering"} <= columns:
        raise ImportFormatError(f"IMDb data without titles of films: {shortened(header)}")
    return []


FORMAT = Format("imdb", "IMDb's title.basics.tsv", read_imdb, _matching_columns)
