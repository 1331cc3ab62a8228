"""The details of one film or series, with the parts that may be appended to them."""

from __future__ import annotations

import msgspec

from tv5core.upstream.tmdb.types import (
    Country,
    Genre,
    Language,
    MovieResult,
    Named,
    Page,
    Result,
    Service,
    Struct,
    TvResult,
)

__all__ = [
    "AlternativeName",
    "AlternativeTitles",
    "CastMember",
    "ContentRating",
    "ContentRatings",
    "CountryReleases",
    "Credits",
    "CrewMember",
    "ExternalIds",
    "Job",
    "Keywords",
    "MovieDetails",
    "NamedCollection",
    "RegionOffers",
    "ReleaseDate",
    "ReleaseDates",
    "Role",
    "TranslatedText",
    "Translation",
    "Translations",
    "TvDetails",
    "WatchProviders",
]


class Role(Struct, frozen=True):
    """A character, in credits over all seasons."""

    character: str = ""
    episode_count: int = 0


class Job(Struct, frozen=True):
    """A job, in credits over all seasons."""

    job: str = ""
    episode_count: int = 0


class CastMember(Struct, frozen=True):
    """A member of the cast."""

    id: int = 0
    name: str = ""
    character: str = ""
    order: int = 0
    roles: tuple[Role, ...] = ()


class CrewMember(Struct, frozen=True):
    """A member of the crew."""

    id: int = 0
    name: str = ""
    department: str = ""
    job: str = ""
    jobs: tuple[Job, ...] = ()


class Credits(Struct, frozen=True):
    """Cast and crew."""

    cast: tuple[CastMember, ...] = ()
    crew: tuple[CrewMember, ...] = ()


class Keywords(Struct, frozen=True):
    """Keywords; TMDB calls them ``keywords`` for films and ``results`` for series."""

    keywords: tuple[Named, ...] = ()
    results: tuple[Named, ...] = ()


class ExternalIds(Struct, frozen=True):
    """Ids at other sources."""

    imdb_id: str = ""
    wikidata_id: str = ""
    tvdb_id: int = 0


class ReleaseDate(Struct, frozen=True):
    """One release of a film in a country."""

    certification: str = ""
    release_date: str = ""
    type: int = 0


class CountryReleases(Struct, frozen=True):
    """The releases of a film in a country."""

    iso_3166_1: str = ""
    release_dates: tuple[ReleaseDate, ...] = ()


class ReleaseDates(Struct, frozen=True):
    """The releases of a film, with its age ratings."""

    results: tuple[CountryReleases, ...] = ()


class ContentRating(Struct, frozen=True):
    """The age rating of a series in a country."""

    iso_3166_1: str = ""
    rating: str = ""


class ContentRatings(Struct, frozen=True):
    """The age ratings of a series."""

    results: tuple[ContentRating, ...] = ()


class RegionOffers(Struct, frozen=True):
    """Where to watch a title in one country; ``link`` is TMDB's page about that."""

    link: str = ""
    flatrate: tuple[Service, ...] = ()
    free: tuple[Service, ...] = ()
    ads: tuple[Service, ...] = ()
    rent: tuple[Service, ...] = ()
    buy: tuple[Service, ...] = ()


class WatchProviders(Struct, frozen=True):
    """Where to watch a title, by country; the data is JustWatch's and must be attributed to it."""

    results: dict[str, RegionOffers] = msgspec.field(default_factory=dict)


class NamedCollection(Struct, frozen=True):
    """The collection a film belongs to."""

    id: int = 0
    name: str = ""


class AlternativeName(Struct, frozen=True):
    """Another name of a title, in a country."""

    title: str = ""
    iso_3166_1: str = ""


class AlternativeTitles(Struct, frozen=True):
    """Other names; TMDB calls them ``titles`` for films and ``results`` for series."""

    titles: tuple[AlternativeName, ...] = ()
    results: tuple[AlternativeName, ...] = ()


class TranslatedText(Struct, frozen=True):
    """What a translation calls a title: ``title`` of a film, ``name`` of a series."""

    title: str = ""
    name: str = ""


class Translation(Struct, frozen=True):
    """A title in one language; its other texts are not read."""

    iso_639_1: str = ""
    iso_3166_1: str = ""
    data: TranslatedText | None = None


class Translations(Struct, frozen=True):
    """A title in other languages."""

    translations: tuple[Translation, ...] = ()


class _Details(Result, frozen=True, kw_only=True):
    """The common fields of the details of films and series."""

    genres: tuple[Genre, ...] = ()
    homepage: str = ""
    production_companies: tuple[Named, ...] = ()
    production_countries: tuple[Country, ...] = ()
    spoken_languages: tuple[Language, ...] = ()
    status: str = ""
    tagline: str = ""
    credits: Credits | None = None
    keywords: Keywords | None = None
    external_ids: ExternalIds | None = None
    alternative_titles: AlternativeTitles | None = None
    translations: Translations | None = None
    watch_providers: WatchProviders | None = msgspec.field(default=None, name="watch/providers")


class MovieDetails(_Details, frozen=True, kw_only=True):
    """``movie/ID``, with its appended parts."""

    title: str = ""
    original_title: str = ""
    release_date: str = ""
    runtime: int = 0
    budget: int = 0
    revenue: int = 0
    imdb_id: str = ""
    belongs_to_collection: NamedCollection | None = None
    release_dates: ReleaseDates | None = None
    similar: Page[MovieResult] | None = None

    def __post_init__(self) -> None:
        if not self.title and not self.original_title:
            raise ValueError("expected a title, got a film without one")


class TvDetails(_Details, frozen=True, kw_only=True):
    """``tv/ID``, with its appended parts."""

    name: str = ""
    original_name: str = ""
    first_air_date: str = ""
    last_air_date: str = ""
    created_by: tuple[Named, ...] = ()
    episode_run_time: tuple[int, ...] = ()
    languages: tuple[str, ...] = ()
    networks: tuple[Named, ...] = ()
    number_of_episodes: int = 0
    number_of_seasons: int = 0
    in_production: bool = False
    aggregate_credits: Credits | None = None
    content_ratings: ContentRatings | None = None
    similar: Page[TvResult] | None = None

    def __post_init__(self) -> None:
        if not self.name and not self.original_name:
            raise ValueError("expected a name, got a series without one")
