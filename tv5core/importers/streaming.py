"""Catalogues of one service as CSV with ``show_id`` and ``listed_in``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tv5core.importers.base import Context, Format, Item, Reject, Row, Source, excerpt, folded
from tv5core.importers.lines import CsvRow
from tv5core.importers.tables import read_rows
from tv5core.sources.lists import names, people_names
from tv5core.sources.numbers import runtime, seasons, year_of
from tv5core.sources.places import country
from tv5core.sources.tmdb import MAX_RUNTIME, MAX_SEASONS
from tv5core.sources.values import RowError, plain, required_title, shortened, text, unique
from tv5core.sources.vocabulary import certification, genres, provider, provider_of_file
from tv5core.types import Kind, Offer, Person, Title

__all__ = ["FORMAT", "read_streaming"]

_KINDS: dict[str, Kind] = {"movie": "movie", "tv show": "show", "tv series": "show"}
_LENGTH = re.compile(r"\d[\d .:hms]*(?:min|mins|minutes|hours?|seasons?)\.?", re.IGNORECASE)
# The encoding or dubbing of a copy is not part of the film's name.
_EDITION = re.compile(
    r"\s*[\[(](4k uhd|ultra hd|uhd|hd|english subtitled|subtitled|subbed|dubbed"
    r"|english dub(?:bed)?|[a-z]+ version)[\])]\s*$",
    re.IGNORECASE,
)
_ARTS = "Arts, Entertainment, and Culture"


def read_streaming(source: Source, context: Context) -> Iterator[Item]:
    """Read a service's catalogue; every title gets one subscription offer of it."""
    named = context.options.provider
    service = provider(named) if named else provider_of_file(source.name)
    for record in read_rows(source, context):
        yield record if isinstance(record, Reject) else _item(record, service, context)


def _item(record: CsvRow, service: str, context: Context) -> Item:
    try:
        title = _title(record.fields, service, context)
    except RowError as error:
        shown = excerpt(",".join(record.fields.values()))
        return Reject(record.line, error.reason, error.detail, shown)
    show_id = shortened(plain(record.fields.get("show_id")), 60)
    return Row(record.line, title, f"{service.replace(' ', '-')}:{show_id}" if show_id else "")


def _title(fields: dict[str, str], service: str, context: Context) -> Title:
    kind = _KINDS.get(fields.get("type", "").strip().casefold())
    if kind is None:
        got = fields.get("type", "")[:60]
        raise RowError("malformed type", f"expected Movie or TV Show, got {got!r}")
    name, quality = _without_edition(required_title(fields.get("title")))
    age, length = _rating_and_length(fields)
    minutes, count = _lengths(length, context)
    listed = fields.get("listed_in", "").replace(_ARTS, "Arts & Culture")
    return Title(
        id="",
        kind=kind,
        title=name,
        year=year_of(fields.get("release_year"), context),
        overview=text(fields.get("description"), context),
        genres=genres(names(listed, context, what="genres")),
        cast=tuple(Person(person) for person in people_names(fields.get("cast"), context, "cast")),
        directors=people_names(fields.get("director"), context, "directors"),
        runtime=minutes,
        seasons=count,
        countries=unique(
            country(word) for word in names(fields.get("country"), context, what="countries")
        ),
        certification=certification(age, context),
        offers=(Offer(service, context.options.region, quality=quality),) if service else (),
        source="streaming",
    )


def _without_edition(name: str) -> tuple[str, str]:
    """Split off a remark such as ``(4K UHD)``; return the name and the picture quality."""
    found = _EDITION.search(name)
    if not found or found.start() == 0:
        return name, ""
    remark = found.group(1).casefold()
    quality = "4k" if remark in ("4k uhd", "ultra hd", "uhd") else "hd" if remark == "hd" else ""
    return name[: found.start()], quality


def _rating_and_length(fields: dict[str, str]) -> tuple[str, str]:
    """Age rating and length; some rows have the length in the rating's column."""
    age, length = text(fields.get("rating")), text(fields.get("duration"))
    if _LENGTH.fullmatch(age):
        return "", length or age
    return age, length


def _lengths(length: str, context: Context) -> tuple[int | None, int | None]:
    """Minutes and seasons out of ``90 min`` or ``2 Seasons``."""
    if "season" in length.casefold():
        return None, seasons(length, MAX_SEASONS, context)
    return runtime(length, MAX_RUNTIME, context), None


def _matching_columns(header: Sequence[str]) -> Sequence[str]:
    found = {"show_id", "type", "title", "listed_in"} <= folded(header)
    return ["show_id", "type", "listed_in"] if found else []


FORMAT = Format(
    "streaming",
    "catalogue of one service, CSV with listed_in",
    read_streaming,
    _matching_columns,
)
