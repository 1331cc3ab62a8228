"""JSON arrays of films made from Wikipedia: title, year, cast, genres, page and extract."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from tv5core.importers.base import Context, Format, Item, Reject, Row, Source, excerpt
from tv5core.importers.jsonstream import read_json_array
from tv5core.sources.lists import names
from tv5core.sources.numbers import year_of
from tv5core.sources.values import RowError, plain, required_title, text, unique
from tv5core.sources.vocabulary import genres
from tv5core.types import Person, Title

__all__ = ["FORMAT", "read_wikipedia"]

# Remarks of list tables that are not names: "(voices)", "(narrated by)", "Dir.: ...".
_NO_NAME = re.compile(r"^\(.*\)$|^(dir\.|director|narrat|voices?\b)|^[\W\d_]+$", re.IGNORECASE)
# A role behind the name, as in "Alois Havrilla (narrator)".
_REMARK = re.compile(r"(?<=\S)\s*\([^()]*\)$")
_KEYS = {"extract", "href", "cast"}
_MAX_PAGE = 240


def read_wikipedia(source: Source, context: Context) -> Iterator[Item]:
    """Read an array of films object by object."""
    for found in read_json_array(source, context):
        yield found if isinstance(found, Reject) else _item(*found, context)


def _item(line: int, record: dict[str, Any], context: Context) -> Item:
    try:
        return Row(line, _title(record, context))
    except RowError as error:
        shown = ", ".join(f"{key}={plain(value)[:40]}" for key, value in list(record.items())[:8])
        return Reject(line, error.reason, error.detail, excerpt(shown))


def _title(record: dict[str, Any], context: Context) -> Title:
    page = _page(record.get("href"))
    listed = (_REMARK.sub("", name) for name in names(record.get("cast"), context, what="cast"))
    cast = unique(name for name in listed if name and not _NO_NAME.match(name))
    return Title(
        id="",
        kind="movie",
        title=required_title(record.get("title")),
        year=year_of(record.get("year"), context),
        overview=text(record.get("extract"), context),
        genres=genres(names(record.get("genres"), context, what="genres")),
        cast=tuple(Person(name) for name in cast),
        external_ids={"wikipedia": page} if page else {},
        poster_path=text(record.get("thumbnail")),
        source="wikipedia",
    )


def _page(href: object) -> str:
    """Page name out of a link; a link to a section names no page of its own."""
    page = unquote(text(href).removeprefix("/wiki/")).replace(" ", "_")
    return page if "#" not in page and len(page.encode("utf-8", "replace")) <= _MAX_PAGE else ""


def _matches(shape: str, sample: Mapping[str, Any]) -> str:
    found = shape == "array" and "title" in sample and sample.keys() & _KEYS
    return "array of objects with title, year and cast or extract" if found else ""


FORMAT = Format(
    "wikipedia", "JSON array of films made from Wikipedia", read_wikipedia, match_json=_matches
)
