"""A title from a TMDB record: a body of its API, or a row of a CSV file made from it.

A CSV row and a JSON body have the same keys; only the notation of lists differs, and
:func:`tv5core.sources.lists.split_list` reads each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tv5core.sources.dates import DateReader
from tv5core.sources.lists import names, split_list
from tv5core.sources.numbers import amount, count, digits, number, rating, runtime, seasons
from tv5core.sources.other_names import alternative_titles, collection
from tv5core.sources.places import country, language
from tv5core.sources.values import Notes, RowError, imdb_id, plain, required_title, text, unique
from tv5core.sources.vocabulary import certification, genre_by_tmdb_number, genres, provider
from tv5core.types import Kind, Offer, Person, Title

__all__ = [
    "MAX_RUNTIME",
    "MAX_SEASONS",
    "OFFER_KINDS",
    "SHOW_KEYS",
    "offers_of",
    "released",
    "title_of",
]

MAX_RUNTIME = 1_440
"""Longest plausible film, in minutes."""
MAX_SEASONS = 1_000
OFFER_KINDS = ("flatrate", "free", "ads", "rent", "buy")
SHOW_KEYS = {"first_air_date", "number_of_seasons", "episode_run_time", "origin_country"}
"""Keys that only series have."""
_WRITING = {"Writer", "Screenplay", "Story", "Author", "Creator", "Teleplay"}
_BOOLEANS = {"", "true", "false", "0", "1"}


def title_of(
    record: Mapping[str, Any], notes: Notes, region: str = "US", dates: DateReader | None = None
) -> Title:
    """Make a title of one CSV row or JSON object; its id is left empty.

    Parameters
    ----------
    record : mapping
        Keys as TMDB names them; ``media_type`` (``movie`` or ``tv``) decides the kind.
    notes : Notes
        Called with each value that was left out.
    region : str
        Country whose age rating is taken.
    dates : DateReader or None
        Knows the order of day and month in the record's file.

    Raises
    ------
    RowError
        There is no usable id or title, or the columns have shifted.
    """
    number_at_tmdb = _identity(record)
    kind = _kind(record)
    day, year = (dates or DateReader())(released(record), notes)
    name = record.get("title") or record.get("name")
    original = text(record.get("original_title") or record.get("original_name"))
    votes = count(record.get("vote_count"), "votes", notes)
    cast, directors, writers = _credits(record, notes)
    title = required_title(name or original)
    return Title(
        id="",
        kind=kind,
        title=title,
        original_title=original,
        release_date=day,
        year=year,
        overview=text(record.get("overview"), notes),
        tagline=text(record.get("tagline")),
        genres=_genres(record, notes),
        keywords=_keywords(record, notes),
        cast=cast,
        directors=directors,
        creators=unique((*names(record.get("created_by"), notes, what="creators"), *writers)),
        runtime=_runtime(record, notes),
        languages=_languages(record, notes),
        countries=_countries(record, notes),
        certification=_certification(record, region),
        seasons=seasons(record.get("number_of_seasons"), MAX_SEASONS, notes),
        rating=_rating(record, votes, notes),
        votes=votes,
        popularity=amount(record.get("popularity"), "popularity", notes) or 0.0,
        external_ids=_external_ids(record, number_at_tmdb, notes),
        poster_path=text(record.get("poster_path")),
        offers=offers_of(record.get("watch/providers")),
        source="tmdb",
        alternative_titles=alternative_titles(record, (title, original)),
        collection=collection(record.get("belongs_to_collection"), notes),
        adult=_is_adult(record),
    )


def released(record: Mapping[str, Any]) -> object:
    """Return a record's date of release or first broadcast as it is written."""
    return record.get("release_date") or record.get("first_air_date")


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


def _is_adult(record: Mapping[str, Any]) -> bool:
    adult = record.get("adult")
    return adult is True or plain(adult).casefold() in ("true", "1")


def _kind(record: Mapping[str, Any]) -> Kind:
    media = record.get("media_type")
    if media in ("movie", "tv"):
        return "movie" if media == "movie" else "show"
    if "title" in record and "name" not in record:
        return "movie"
    return (
        "show" if record.keys() & (SHOW_KEYS - {"origin_country"}) or "name" in record else "movie"
    )


def _part(record: Mapping[str, Any], *path: str) -> Any:
    """Return a nested value of a JSON object; None where a key on the way is missing."""
    value: Any = record
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _objects(value: object) -> list[dict[str, Any]]:
    return [x for x in value if isinstance(x, dict)] if isinstance(value, list) else []


def _genres(record: Mapping[str, Any], notes: Notes) -> tuple[str, ...]:
    by_name = names(record.get("genres") or record.get("genre"), notes, what="genres")
    numbered = split_list(record.get("genre_ids"), notes, what="genres")
    by_number = [genre_by_tmdb_number(_whole(each)) for each in numbered]
    if "" in by_number:
        notes.note("genre number unknown", plain(numbered[by_number.index("")]))
    return genres([*by_name, *by_number])


def _rating(record: Mapping[str, Any], votes: int, notes: Notes) -> float | None:
    """Return the mean rating, but not one of a title for which nobody voted.

    An API leaves out a count of 0; a CSV file may have no such column, or one that is unreadable.
    """
    given = record.get("vote_average")
    found = rating(given, notes)
    if found is None or votes:
        return found
    if isinstance(given, str) and number(record.get("vote_count")) != 0:
        return found
    notes.note("rating without votes", plain(given))
    return None


def _whole(value: object) -> int:
    return int(digits(value) or 0)


def _keywords(record: Mapping[str, Any], notes: Notes) -> tuple[str, ...]:
    given = record.get("keywords")
    if isinstance(given, dict):
        given = given.get("keywords") or given.get("results")
    return unique(word.lower() for word in names(given, notes, what="keywords"))


def _runtime(record: Mapping[str, Any], notes: Notes) -> int | None:
    given = record.get("runtime")
    episodes = record.get("episode_run_time")
    if given is None and isinstance(episodes, list) and episodes:
        given = episodes[0]
    return runtime(given, MAX_RUNTIME, notes)


def _languages(record: Mapping[str, Any], notes: Notes) -> tuple[str, ...]:
    spoken = names(record.get("spoken_languages"), notes, "iso_639_1", what="languages")
    found = (language(word) for word in [text(record.get("original_language")), *spoken])
    return unique(code for code in found if code)


def _countries(record: Mapping[str, Any], notes: Notes) -> tuple[str, ...]:
    made_in = names(record.get("production_countries"), notes, "iso_3166_1", what="countries")
    origin = names(record.get("origin_country"), notes, what="countries")
    return unique(country(word) for word in [*made_in, *origin])


def _external_ids(record: Mapping[str, Any], tmdb: str, notes: Notes) -> dict[str, str]:
    found = {"tmdb": tmdb}
    imdb = imdb_id(record.get("imdb_id") or _part(record, "external_ids", "imdb_id"), notes)
    if imdb:
        found["imdb"] = imdb
    return found


def _credits(
    record: Mapping[str, Any], notes: Notes
) -> tuple[tuple[Person, ...], tuple[str, ...], tuple[str, ...]]:
    """Cast in billing order, directors and writers."""
    cast = _crowd(record, "cast", notes)
    crew = _crowd(record, "crew", notes)
    ordered = sorted(cast, key=lambda p: number(p.get("order")) or 0.0)
    return _people(ordered), _with_job(crew, {"Director"}), _with_job(crew, _WRITING)


def _crowd(record: Mapping[str, Any], key: str, notes: Notes) -> list[dict[str, Any]]:
    # Series: the aggregate over all seasons is fuller than the latest season's credits.
    for part in ("aggregate_credits", "credits"):
        if found := _objects(_part(record, part, key)):
            return found
    given = record.get(key)
    return _members(split_list(given, notes, what=key) if isinstance(given, str) else given)


def _members(given: object) -> list[dict[str, Any]]:
    """Return people as objects, also those that a file lists by name only."""
    listed = given if isinstance(given, list) else []
    people = ({"name": member} if isinstance(member, str) else member for member in listed)
    return _objects(list(people))


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
        held = [member.get("job"), *(job.get("job") for job in _objects(member.get("jobs")))]
        if any(isinstance(job, str) and job in jobs for job in held):
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


def offers_of(providers: object) -> tuple[Offer, ...]:
    """Return the offers in a title's ``watch/providers``, by country."""
    regions = providers.get("results") if isinstance(providers, Mapping) else None
    found: dict[tuple[str, str, str], Offer] = {}
    for region, entry in regions.items() if isinstance(regions, dict) else ():
        for kind in OFFER_KINDS:
            for service in _objects(_part(entry, kind)):
                name = provider(text(service.get("provider_name")))
                if name:
                    link = text(entry.get("link"))
                    offer = Offer(name, country(region), kind, url=link, source="tmdb")
                    found.setdefault((name, offer.region, kind), offer)
    return tuple(found.values())
