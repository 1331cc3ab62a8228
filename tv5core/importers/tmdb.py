"""TMDB: details and list responses of its API, and the CSV files made from them.

A CSV row and a JSON body have the same keys; only how lists are written
differs, and :func:`tv5core.importers.values.split_list` takes them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tv5core.importers.base import Context, Item, Reject, Row, RowError, Source, excerpt
from tv5core.importers.jsonstream import (
    decode,
    peek,
    read_json_array,
    read_json_file,
    read_json_lines,
)
from tv5core.importers.lines import read_csv
from tv5core.importers.places import country, language
from tv5core.importers.values import (
    calendar_date,
    digits,
    imdb_id,
    integer,
    names,
    number,
    plain,
    rating,
    required_title,
    split_list,
    text,
    unique,
    whole,
)
from tv5core.importers.vocabulary import certification, genre_by_tmdb_number, genres, provider
from tv5core.types import Kind, Offer, Person, Title

__all__ = ["MAX_RUNTIME", "list_of_titles", "looks_like_title", "read_tmdb_csv", "read_tmdb_json"]

MAX_RUNTIME = 1_440
_MAX_SEASONS = 1_000
_LISTS = ("results", "movie_results", "tv_results", "parts", "items")
_FILM_KEYS = {"original_title", "release_date", "overview", "imdb_id", "vote_average"}
_SHOW_KEYS = {"first_air_date", "number_of_seasons", "episode_run_time", "origin_country"}
_WRITING = {"Writer", "Screenplay", "Story", "Author", "Creator", "Teleplay"}
_OFFER_KINDS = ("flatrate", "free", "ads", "rent", "buy")
_BOOLEANS = {"", "true", "false", "0", "1"}


def looks_like_title(record: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a film or a series as TMDB writes them."""
    keys = record.keys()
    if "id" not in keys or keys & {"season_number", "birthday", "known_for_department"}:
        return False
    if record.get("media_type") in ("movie", "tv"):
        return True
    if "title" in keys:
        return bool(keys & _FILM_KEYS)
    return "name" in keys and bool(keys & _SHOW_KEYS)


def list_of_titles(record: Mapping[str, Any]) -> list[Any] | None:
    """Return the titles in a page of results, a collection or a list; None for other bodies."""
    found: list[Any] = []
    for key in _LISTS:
        part = record.get(key)
        if isinstance(part, list) and any(
            isinstance(x, dict) and looks_like_title(x) for x in part
        ):
            found.extend(part)
    return found or None


def read_tmdb_csv(source: Source, context: Context) -> Iterator[Item]:
    """Read a CSV file with TMDB's column names."""
    for record in read_csv(source.path, context):
        if isinstance(record, Reject):
            yield record
        else:
            yield _item(record.line, record.fields, context)


def read_tmdb_json(source: Source, context: Context) -> Iterator[Item]:
    """Read details (one object a file, an array or one a line) or pages of results."""
    with source.path.open("rb") as file:
        shape, _ = peek(file.read(1 << 20))
    if shape == "object":
        yield from _items(1, read_json_file(source.path, context), context)
    elif shape == "array":
        for found in read_json_array(source.path, context):
            yield from [found] if isinstance(found, Reject) else _items(*found, context)
    else:
        yield from _json_lines(source.path, context)


def _json_lines(path: Path, context: Context) -> Iterator[Item]:
    for found in read_json_lines(path, context):
        if isinstance(found, Reject):
            yield found
            continue
        line, raw = found
        try:
            value = decode(raw)
        except ValueError as error:
            yield Reject(line, "malformed JSON", str(error), excerpt(raw))
            continue
        yield from _items(line, value, context)


def _items(line: int, value: object, context: Context) -> Iterator[Item]:
    if not isinstance(value, dict):
        kind = type(value).__name__
        yield Reject(line, "not an object", f"expected a JSON object, got {kind}")
        return
    inner = None if looks_like_title(value) else list_of_titles(value)
    for record in [value] if inner is None else inner:
        if isinstance(record, dict):
            yield _item(line, record, context)
        else:
            yield Reject(line, "not an object", "expected a JSON object in the list")


def _item(line: int, record: Mapping[str, Any], context: Context) -> Item:
    try:
        return Row(line, title_of(record, context))
    except RowError as error:
        shown = ", ".join(f"{key}={plain(value)[:40]}" for key, value in list(record.items())[:12])
        return Reject(line, error.reason, error.detail, excerpt(shown))


def title_of(record: Mapping[str, Any], context: Context) -> Title:
    """Make a title of one CSV row or JSON object.

    Raises
    ------
    RowError
        There is no usable id or title, or the columns have shifted.
    """
    number_at_tmdb = _identity(record)
    kind = _kind(record)
    released = record.get("release_date") or record.get("first_air_date")
    day, year = calendar_date(released, context)
    name = record.get("title") or record.get("name")
    original = text(record.get("original_title") or record.get("original_name"))
    votes = whole(record.get("vote_count"))
    cast, directors, writers = _credits(record, context)
    return Title(
        id="",
        kind=kind,
        title=required_title(name or original),
        original_title=original,
        release_date=day,
        year=year,
        overview=text(record.get("overview"), context),
        tagline=text(record.get("tagline")),
        genres=_genres(record, context),
        keywords=_keywords(record, context),
        cast=cast,
        directors=directors,
        creators=unique((*names(record.get("created_by"), context), *writers)),
        runtime=_runtime(record, context),
        languages=_languages(record, context),
        countries=_countries(record, context),
        certification=_certification(record, context.options.region),
        seasons=integer(record.get("number_of_seasons"), 1, _MAX_SEASONS, "seasons", context),
        rating=rating(record.get("vote_average"), context) if votes else None,
        votes=votes,
        popularity=max(0.0, number(record.get("popularity")) or 0.0),
        external_ids=_external_ids(record, number_at_tmdb, context),
        poster_path=text(record.get("poster_path")),
        offers=_offers(record),
        source="tmdb",
    )


def _identity(record: Mapping[str, Any]) -> str:
    given = record.get("id") or record.get("movie_id")
    found = digits(given)
    if not found:
        raise RowError("malformed id", f"expected a TMDB number, got {plain(given)[:60]!r}")
    if plain(record.get("media_type")) == "person":
        raise RowError("not a title", "expected a film or a series, got a person")
    adult = record.get("adult", "")
    if not isinstance(adult, bool) and plain(adult).casefold() not in _BOOLEANS:
        raise RowError(
            "shifted columns", f"adult: expected True or False, got {plain(adult)[:60]!r}"
        )
    return found


def _kind(record: Mapping[str, Any]) -> Kind:
    media = record.get("media_type")
    if media in ("movie", "tv"):
        return "movie" if media == "movie" else "show"
    if "title" in record and "name" not in record:
        return "movie"
    return (
        "show" if record.keys() & (_SHOW_KEYS - {"origin_country"}) or "name" in record else "movie"
    )


def _part(record: Mapping[str, Any], *path: str) -> Any:
    """Return a value deep inside a JSON object; None where any step is missing."""
    value: Any = record
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _objects(value: object) -> list[dict[str, Any]]:
    return [x for x in value if isinstance(x, dict)] if isinstance(value, list) else []


def _genres(record: Mapping[str, Any], context: Context) -> tuple[str, ...]:
    by_name = names(record.get("genres") or record.get("genre"), context)
    numbered = record.get("genre_ids")
    by_number = map(genre_by_tmdb_number, numbered if isinstance(numbered, list) else ())
    return genres([*by_name, *by_number])


def _keywords(record: Mapping[str, Any], context: Context) -> tuple[str, ...]:
    given = record.get("keywords")
    if isinstance(given, dict):
        given = given.get("keywords") or given.get("results")
    return unique(word.lower() for word in names(given, context))


def _runtime(record: Mapping[str, Any], context: Context) -> int | None:
    given = record.get("runtime")
    episodes = record.get("episode_run_time")
    if given is None and isinstance(episodes, list) and episodes:
        given = episodes[0]
    return integer(given, 1, MAX_RUNTIME, "runtime", context)


def _languages(record: Mapping[str, Any], context: Context) -> tuple[str, ...]:
    spoken = names(record.get("spoken_languages"), context, key="iso_639_1")
    found = (language(word) for word in [text(record.get("original_language")), *spoken])
    return unique(code for code in found if code)


def _countries(record: Mapping[str, Any], context: Context) -> tuple[str, ...]:
    made_in = names(record.get("production_countries"), context, key="iso_3166_1")
    origin = names(record.get("origin_country"), context)
    return unique(country(word) for word in [*made_in, *origin])


def _external_ids(record: Mapping[str, Any], tmdb: str, context: Context) -> dict[str, str]:
    found = {"tmdb": tmdb}
    imdb = imdb_id(record.get("imdb_id") or _part(record, "external_ids", "imdb_id"), context)
    if imdb:
        found["imdb"] = imdb
    return found


def _credits(
    record: Mapping[str, Any], context: Context
) -> tuple[tuple[Person, ...], tuple[str, ...], tuple[str, ...]]:
    """Cast in billing order, directors and writers."""
    cast = _crowd(record, "cast", context)
    crew = _crowd(record, "crew", context)
    ordered = sorted(cast, key=lambda p: number(p.get("order")) or 0.0)
    return _people(ordered), _with_job(crew, {"Director"}), _with_job(crew, _WRITING)


def _crowd(record: Mapping[str, Any], key: str, context: Context) -> list[dict[str, Any]]:
    # Series: the aggregate over all seasons is fuller than the latest season's credits.
    for part in ("aggregate_credits", "credits"):
        if found := _objects(_part(record, part, key)):
            return found
    given = record.get(key)
    return _objects(split_list(given, context) if isinstance(given, str) and given else given)


def _people(members: Iterable[Mapping[str, Any]]) -> tuple[Person, ...]:
    found: dict[str, Person] = {}
    for member in members:
        name = text(member.get("name"))
        roles = _objects(member.get("roles"))
        character = text(member.get("character") or (roles[0].get("character") if roles else ""))
        if name:
            found.setdefault(name.casefold(), Person(name, character))
    return tuple(found.values())


def _with_job(crew: Iterable[Mapping[str, Any]], jobs: set[str]) -> tuple[str, ...]:
    found: list[str] = []
    for member in crew:
        held = {member.get("job"), *(job.get("job") for job in _objects(member.get("jobs")))}
        if held & jobs:
            found.append(text(member.get("name")))
    return unique(name for name in found if name)


def _certification(record: Mapping[str, Any], region: str) -> str:
    found: list[object] = []
    for entry in _objects(_part(record, "release_dates", "results")):
        if entry.get("iso_3166_1") == region:
            found += [d.get("certification") for d in _objects(entry.get("release_dates"))]
    for entry in _objects(_part(record, "content_ratings", "results")):
        found += [entry.get("rating")] if entry.get("iso_3166_1") == region else []
    for entry in _objects(_part(record, "releases", "countries")):
        found += [entry.get("certification")] if entry.get("iso_3166_1") == region else []
    return next((certification(text(word)) for word in found if text(word)), "")


def _offers(record: Mapping[str, Any]) -> tuple[Offer, ...]:
    regions = _part(record, "watch/providers", "results")
    found: dict[tuple[str, str, str], Offer] = {}
    for region, entry in regions.items() if isinstance(regions, dict) else ():
        for kind in _OFFER_KINDS:
            for service in _objects(_part(entry, kind)):
                name = provider(text(service.get("provider_name")))
                if name:
                    offer = Offer(name, country(region), kind, url=text(entry.get("link")))
                    found.setdefault((name, offer.region, kind), offer)
    return tuple(found.values())
