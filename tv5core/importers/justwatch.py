"""JustWatch-style catalogues: ``X_titles.csv`` and ``X_credits.csv``, joined on the title's id.

The credits are held in memory while their titles are read, about 200 bytes a
credit.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tv5core.errors import ImportFormatError
from tv5core.importers.base import Context, Format, Item, Reject, Row, Source, Used, excerpt, folded
from tv5core.importers.lines import CsvRow
from tv5core.importers.tables import read_rows
from tv5core.sources.lists import names
from tv5core.sources.numbers import amount, count, rating, runtime, seasons, year_of
from tv5core.sources.places import country
from tv5core.sources.tmdb import MAX_RUNTIME, MAX_SEASONS
from tv5core.sources.values import RowError, imdb_id, required_title, text, unique
from tv5core.sources.vocabulary import certification, genres, provider, provider_of_file
from tv5core.types import Kind, Offer, Person, Title

__all__ = ["CREDITS_FORMAT", "FORMAT", "read_justwatch"]

_KINDS: dict[str, Kind] = {"MOVIE": "movie", "SHOW": "show"}
_COLUMNS = {"age_certification", "imdb_id", "tmdb_popularity", "production_countries"}


class _Crew:
    """Credits of one title as read: names and characters, and the line of the first."""

    __slots__ = ("cast", "count", "directors", "line")

    def __init__(self, line: int) -> None:
        self.line = line
        self.count = 0
        self.cast: list[tuple[str, str]] = []
        self.directors: list[str] = []


def read_justwatch(source: Source, context: Context) -> Iterator[Item]:
    """Read a titles file and, where ``source.partner`` is set, its credits."""
    crews: dict[str, _Crew] = {}
    if source.partner is not None:
        try:
            yield from _read_credits(source.partner, context, crews)
        except (OSError, ImportFormatError) as error:
            # The titles are worth having without their credits.
            yield Reject(0, "unreadable file", str(error), path=source.partner.label)
    named = context.options.provider
    service = provider(named) if named else provider_of_file(source.name)
    used = 0
    for record in read_rows(source, context):
        if isinstance(record, Reject):
            yield record
            continue
        item, crew = _item(record, service, crews, context)
        used += crew.count
        yield item
    if source.partner is not None:
        yield Used(source.partner.label, used)
        yield from _orphans(crews, source, source.partner)


def _read_credits(partner: Source, context: Context, crews: dict[str, _Crew]) -> Iterator[Reject]:
    for record in read_rows(partner, context):
        if isinstance(record, Reject):
            yield _in_partner(record, partner.label)
            continue
        fields = record.fields
        key, name = fields.get("id", "").strip(), text(fields.get("name"))
        if not key or not name:
            shown = excerpt(",".join(fields.values()))
            detail = "expected an id and a name"
            yield Reject(record.line, "incomplete credit", detail, shown, partner.label)
            continue
        _add_credit(crews.setdefault(key, _Crew(record.line)), name, fields)


def _in_partner(found: Reject, path: Path) -> Reject:
    return Reject(found.line, found.reason, found.detail, found.excerpt, path)


def _add_credit(crew: _Crew, name: str, fields: dict[str, str]) -> None:
    crew.count += 1
    name = sys.intern(name)
    if fields.get("role", "").strip().upper() == "DIRECTOR":
        crew.directors.append(name)
    else:
        crew.cast.append((name, text(fields.get("character"))))


def _orphans(crews: dict[str, _Crew], source: Source, partner: Source) -> Iterator[Reject]:
    """One reject for each title that has credits but is not in the titles file."""
    for key, crew in crews.items():
        detail = f"expected {key} in {source.name.name}, got no usable row"
        yield Reject(
            crew.line, "credits without a title", detail, key, partner.label, count=crew.count
        )


def _item(
    record: CsvRow, service: str, crews: dict[str, _Crew], context: Context
) -> tuple[Item, _Crew]:
    try:
        title = _title(record.fields, service, context)
    except RowError as error:
        shown = excerpt(",".join(record.fields.values()))
        return Reject(record.line, error.reason, error.detail, shown), _Crew(0)
    crew = crews.pop(title.external_ids["justwatch"], None) or _Crew(0)
    cast: dict[str, Person] = {}
    for name, character in crew.cast:
        cast.setdefault(name.casefold(), Person(name, character))
    directors = unique(crew.directors)
    return Row(record.line, _with_people(title, tuple(cast.values()), directors)), crew


def _with_people(title: Title, cast: tuple[Person, ...], directors: tuple[str, ...]) -> Title:
    if not cast and not directors:
        return title
    fields = {name: getattr(title, name) for name in title.__struct_fields__}
    return Title(**{**fields, "cast": cast, "directors": directors})


def _title(fields: dict[str, str], service: str, context: Context) -> Title:
    key, kind = _identity(fields)
    score, votes = _score_and_votes(fields, context)
    imdb = imdb_id(fields.get("imdb_id"), context)
    made_in = names(fields.get("production_countries"), context, what="countries")
    return Title(
        id="",
        kind=kind,
        title=required_title(fields.get("title")),
        year=year_of(fields.get("release_year"), context),
        overview=text(fields.get("description"), context),
        genres=genres(names(fields.get("genres"), context, what="genres")),
        runtime=runtime(fields.get("runtime"), MAX_RUNTIME, context),
        countries=unique(country(word) for word in made_in),
        certification=certification(text(fields.get("age_certification")), context),
        seasons=seasons(fields.get("seasons"), MAX_SEASONS, context),
        rating=score,
        votes=votes,
        popularity=amount(fields.get("tmdb_popularity"), "popularity", context) or 0.0,
        external_ids={"justwatch": key, **({"imdb": imdb} if imdb else {})},
        offers=(Offer(service, context.options.region),) if service else (),
        source="justwatch",
    )


def _identity(fields: dict[str, str]) -> tuple[str, Kind]:
    key = fields.get("id", "").strip()
    kind = _KINDS.get(fields.get("type", "").strip().upper())
    if kind is None:
        got = fields.get("type", "")[:60]
        raise RowError("malformed type", f"expected MOVIE or SHOW, got {got!r}")
    if not key.startswith(("tm", "ts")) or not key[2:].isdigit():
        raise RowError("malformed id", f"expected a JustWatch id such as tm82169, got {key[:60]!r}")
    return key, kind


def _score_and_votes(fields: dict[str, str], context: Context) -> tuple[float | None, int]:
    votes = count(fields.get("imdb_votes"), "votes", context)
    score = rating(fields.get("imdb_score"), context)
    if score is None or not votes:
        # Without IMDb's votes TMDB's score says more than a mean of an unknown number.
        return score or rating(fields.get("tmdb_score"), context), 0
    return score, votes


def _matching_columns(header: Sequence[str]) -> Sequence[str]:
    columns = folded(header)
    found = {"id", "title", "type", "release_year"} <= columns and columns & _COLUMNS
    return ["id", "type", "release_year"] if found else []


def _matching_credits(header: Sequence[str]) -> Sequence[str]:
    names = ["person_id", "id", "name", "role"]
    return names if set(names) <= folded(header) else []


def _read_credits_alone(source: Source, context: Context) -> Iterator[Item]:
    del context
    raise ImportFormatError(f"expected credits beside their titles, got {source.name.name} alone")


FORMAT = Format(
    "justwatch",
    "JustWatch-style titles CSV, with its credits",
    read_justwatch,
    _matching_columns,
    generality=1,
)
CREDITS_FORMAT = Format(
    "justwatch-credits", "JustWatch-style credits CSV", _read_credits_alone, _matching_credits
)
