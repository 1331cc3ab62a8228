"""Any CSV file, with a mapping of fields to columns from the user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tv5core.arguments import check_type
from tv5core.errors import ImportFormatError, InvalidInputError
from tv5core.importers.base import Context, Format, Item, Reject, Row, Source, excerpt
from tv5core.importers.extra import EXTRA, TRUE_WORDS, extra_of_texts
from tv5core.importers.lines import CsvRow
from tv5core.importers.tables import columns_of, read_rows
from tv5core.names import normalise_name
from tv5core.sources.lists import names, people_names
from tv5core.sources.numbers import amount, count, digits, rating, runtime, seasons, year_of
from tv5core.sources.places import country, language
from tv5core.sources.tmdb import MAX_RUNTIME, MAX_SEASONS
from tv5core.sources.values import (
    RowError,
    imdb_id,
    plain,
    required_title,
    shortened,
    text,
    unique,
)
from tv5core.sources.vocabulary import certification, genres, provider
from tv5core.types import AlternativeTitle, Collection, Kind, Offer, Person, Title

__all__ = ["FORMAT", "MAPPED_FIELDS", "check_mapping", "read_mapped_csv"]

MAPPED_FIELDS = (
    "id", "kind", "title", "original_title", "release_date", "year", "overview", "tagline",
    "genres", "keywords", "cast", "directors", "creators", "runtime", "languages", "countries",
    "certification", "seasons", "rating", "votes", "popularity", "poster_path", "provider",
    "imdb", "tmdb", "justwatch", "wikipedia", "alternative_titles", "collection", "adult",
)  # fmt: skip
"""Fields a mapping may name, beside the catalogue's own fields as ``extra.NAME``."""

_SHOW_WORDS = {"show", "tv", "tv show", "tv series", "series", "tvseries", "tvminiseries"}
_FILM_WORDS = {
    "movie", "movies", "film", "films", "feature", "feature film", "short", "short film",
    "tvmovie", "tv movie", "tvshort", "tvspecial", "tv special", "video", "documentary",
}  # fmt: skip
_OTHER_WORDS = {
    "tvepisode",
    "tv episode",
    "episode",
    "videogame",
    "video game",
    "tvpilot",
    "person",
}
_MAX_ID = 256
_SEPARATORS = "|;,"


def check_mapping(mapping: Mapping[str, str], extra_fields: Mapping[str, str]) -> None:
    """Check a mapping of fields to columns, for a catalogue with fields of its own.

    Raises
    ------
    InvalidInputError
        It names an unknown field or has none for the title.
    """
    check_type("mapping", mapping, Mapping)
    for field, column in mapping.items():
        check_type("a field of the mapping", field, str)
        check_type("a column of the mapping", column, str)
    fields = (*MAPPED_FIELDS, *(EXTRA + name for name in extra_fields))
    unknown = sorted(mapping.keys() - set(fields))
    if unknown:
        expected = ", ".join(fields)
        raise InvalidInputError(f"expected fields among {expected}; got {', '.join(unknown)}")
    if "title" not in mapping:
        raise InvalidInputError(f"expected a column for title, got {', '.join(mapping) or 'none'}")


def read_mapped_csv(source: Source, context: Context) -> Iterator[Item]:
    """Read a CSV file by ``context.options.mapping``.

    Raises
    ------
    ImportFormatError
        There is no mapping, or it names a column that the file does not have.
    """
    mapping = context.options.mapping
    if not mapping:
        raise ImportFormatError(f"expected a mapping of columns for {source.name.name}, got none")
    columns = _columns(columns_of(source, context.options), source, mapping)
    day = columns.get("release_date", "")
    context.read_dates_of(
        lambda again: (
            record.fields.get(day)
            for record in read_rows(source, again, fold=False)
            if isinstance(record, CsvRow)
        )
    )
    for record in read_rows(source, context, fold=False):
        yield record if isinstance(record, Reject) else _item(record, columns, context)


def _columns(header: list[str], source: Source, mapping: Mapping[str, str]) -> dict[str, str]:
    """Return the mapping with column names as the file spells them."""
    spelled = {name.casefold(): name for name in reversed(header)}
    found: dict[str, str] = {}
    for field, column in mapping.items():
        name = column if column in header else spelled.get(column.strip().casefold())
        if name is None:
            have = ", ".join(header)[:300]
            raise ImportFormatError(
                f"expected a column {column!r} in {source.name.name}, got {have}"
            )
        found[field] = name
    return found


def _item(record: CsvRow, columns: dict[str, str], context: Context) -> Item:
    values = {field: record.fields[column] for field, column in columns.items()}
    try:
        title = _title(values, context)
    except RowError as error:
        shown = excerpt(",".join(record.fields.values()))
        return Reject(record.line, error.reason, error.detail, shown)
    dated = title.release_date or text(values.get("release_date"))
    # Where not even the year is known, the date as it is written distinguishes two works of one
    # name.
    name = shortened(normalise_name(title.title), 120)
    fallback = f"{title.kind}:{name}:{shortened(dated, 60)}" if dated else ""
    return Row(record.line, title, fallback, dated)


def _title(values: Mapping[str, str], context: Context) -> Title:
    def listed(field: str) -> list[str]:
        given = values.get(field, "")
        mark = next((m for m in _SEPARATORS if m in given), ",")
        return names(given, context, separators=mark, what=field)

    day, year = context.dates(values.get("release_date"), context)
    return Title(
        id=_own_id(values),
        kind=_kind(values.get("kind", ""), context),
        title=required_title(values.get("title")),
        original_title=text(values.get("original_title")),
        release_date=day,
        year=year or year_of(values.get("year"), context),
        overview=text(values.get("overview"), context),
        tagline=text(values.get("tagline")),
        genres=genres(listed("genres")),
        keywords=unique(word.lower() for word in listed("keywords")),
        cast=tuple(Person(name) for name in people_names(listed("cast"), context, "cast")),
        directors=people_names(listed("directors"), context),
        creators=people_names(listed("creators"), context),
        runtime=runtime(values.get("runtime"), MAX_RUNTIME, context),
        languages=unique(filter(None, map(language, listed("languages")))),
        countries=unique(map(country, listed("countries"))),
        certification=certification(text(values.get("certification")), context),
        seasons=seasons(values.get("seasons"), MAX_SEASONS, context),
        rating=rating(values.get("rating"), context),
        votes=count(values.get("votes"), "votes", context),
        popularity=amount(values.get("popularity"), "popularity", context) or 0.0,
        external_ids=_external_ids(values, context),
        poster_path=text(values.get("poster_path")),
        offers=_offers(listed("provider"), context),
        source="csv",
        alternative_titles=_alternative_titles(listed("alternative_titles"), values),
        collection=_collection(text(values.get("collection"))),
        adult=text(values.get("adult")).casefold() in TRUE_WORDS,
        extra=extra_of_texts(values, context),
    )


def _alternative_titles(
    listed: list[str], values: Mapping[str, str]
) -> tuple[AlternativeTitle, ...]:
    known = {text(values.get(field)).casefold() for field in ("title", "original_title")}
    return tuple(AlternativeTitle(n) for n in unique(listed) if n.casefold() not in known)


def _collection(name: str) -> Collection | None:
    """Return a collection with an id made of its name, as such files have no ids."""
    return Collection(f"name:{normalise_name(name) or name}", name) if name else None


def _own_id(values: Mapping[str, str]) -> str:
    given = plain(values.get("id"))
    if len(given.encode("utf-8", "replace")) > _MAX_ID:
        raise RowError("malformed id", "expected at most 256 bytes")
    return given


def _kind(value: str, context: Context) -> Kind:
    """Return what a word says a title is; a word that is not known is noted, and means a film."""
    word = text(value).casefold()
    if word in _OTHER_WORDS:
        raise RowError("not a film or a series", f"expected movie or show, got {word!r}")
    if word in _SHOW_WORDS:
        return "show"
    if word and word not in _FILM_WORDS:
        context.note("kind unknown, taken for a film", word)
    return "movie"


def _external_ids(values: Mapping[str, str], context: Context) -> dict[str, str]:
    found = {
        "imdb": imdb_id(values.get("imdb"), context),
        "tmdb": _tmdb(values.get("tmdb"), context),
        "justwatch": _short_enough("justwatch", text(values.get("justwatch")), 60, context),
        "wikipedia": _short_enough(
            "wikipedia", text(values.get("wikipedia")).rpartition("/wiki/")[2], 240, context
        ),
    }
    return {scheme: value for scheme, value in found.items() if value}


def _short_enough(scheme: str, value: str, limit: int, context: Context) -> str:
    """Return an id elsewhere; a longer one is no id, and a part of it would be another's."""
    if len(value.encode("utf-8", "replace")) <= limit:
        return value
    context.note(f"{scheme} id of more than {limit} bytes", value)
    return ""


def _tmdb(given: str | None, context: Context) -> str:
    found = digits(given)
    if not found and text(given):
        context.note("tmdb number malformed", text(given))
    return found


def _offers(listed: list[str], context: Context) -> tuple[Offer, ...]:
    named = [context.options.provider] if context.options.provider else listed
    services = unique(provider(name) for name in named)
    return tuple(Offer(service, context.options.region) for service in services if service)


FORMAT = Format("csv", "any CSV, with a mapping of columns", read_mapped_csv)
