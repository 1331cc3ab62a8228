"""The responses of TMDB's API, version 3, as structs.

Only ids and names that identify a thing are required. Every other field has a default for where
TMDB omits it, sends null or sends what cannot be used, and fields not listed here are ignored.
"""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

import msgspec

from tv5core.upstream.fetching.lenient import EXACT, Finite

__all__ = [
    "END_OF_IDS",
    "Change",
    "ChangeItem",
    "ChangedId",
    "Configuration",
    "Country",
    "ErrorBody",
    "FindResults",
    "Genre",
    "Genres",
    "Images",
    "Language",
    "Media",
    "MovieResult",
    "MultiResult",
    "Named",
    "Page",
    "Region",
    "Result",
    "Service",
    "ServiceListing",
    "Services",
    "Struct",
    "TitleChanges",
    "TvResult",
]

END_OF_IDS = 10**12
"""All ids are positive and below this."""

Media = Literal["movie", "tv"]
"""TMDB's two kinds of titles: films and series."""

T_co = TypeVar("T_co", covariant=True)


class Struct(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of all: immutable, and encoded without fields that have their defaults."""


class Named(Struct, frozen=True):
    """Something with an id and a name: a genre, a keyword, a company."""

    name: str = ""
    id: int = 0


Genre = Named


class Genres(Struct, frozen=True):
    """``genre/movie/list`` and ``genre/tv/list``."""

    genres: tuple[Genre, ...]


class Language(Struct, frozen=True):
    """A language by its ISO 639-1 code."""

    iso_639_1: str = ""
    english_name: str = ""
    name: str = ""


class Country(Struct, frozen=True):
    """A country by its ISO 3166-1 code."""

    iso_3166_1: str = ""
    english_name: str = ""
    name: str = ""


class Region(Struct, frozen=True):
    """A country for which TMDB has watch services."""

    iso_3166_1: str
    english_name: str = ""
    native_name: str = ""


# -- lists ------------------------------------------------------------------------------------


class Result(Struct, frozen=True, kw_only=True):
    """The common fields of films and series in lists."""

    id: Annotated[int, msgspec.Meta(gt=0, lt=END_OF_IDS)]
    media_type: str = ""
    overview: str = ""
    original_language: str = ""
    genre_ids: tuple[int, ...] = ()
    origin_country: tuple[str, ...] = ()
    popularity: Finite = 0.0
    vote_average: Finite = 0.0
    vote_count: int = 0
    poster_path: str = ""
    backdrop_path: str = ""
    adult: bool = False


class MovieResult(Result, frozen=True, kw_only=True):
    """A film in a list."""

    title: str = ""
    original_title: str = ""
    release_date: str = ""
    video: bool = False

    def __post_init__(self) -> None:
        if not self.title and not self.original_title:
            raise ValueError("expected a title, got a film without one")


class TvResult(Result, frozen=True, kw_only=True):
    """A series in a list."""

    name: str = ""
    original_name: str = ""
    first_air_date: str = ""

    def __post_init__(self) -> None:
        if not self.name and not self.original_name:
            raise ValueError("expected a name, got a series without one")


class MultiResult(Result, frozen=True, kw_only=True):
    """A film, a series, a person or a collection, as ``media_type`` says."""

    title: str = ""
    original_title: str = ""
    name: str = ""
    original_name: str = ""
    release_date: str = ""
    first_air_date: str = ""
    known_for_department: str = ""

    def __post_init__(self) -> None:
        if not (self.title or self.original_title or self.name or self.original_name):
            raise ValueError("expected a title or name, got an entry without one")


class Page(Struct, Generic[T_co], frozen=True):
    """A page of a list: 20 results, at most 500 pages.

    Attributes
    ----------
    page : int
        From 1.
    results : tuple
        Without entries that cannot be used, such as films without a title.
    total_pages, total_results : int
        Of the whole list, as TMDB counts; pages after the 500th are not served.
    """

    results: tuple[T_co, ...]
    page: int = 1
    # Its default would lose the other pages.
    total_pages: Annotated[int, EXACT] = 1
    total_results: int = 0


class FindResults(Struct, frozen=True):
    """``find/ID``: the titles with an external id."""

    movie_results: tuple[MovieResult, ...] = ()
    tv_results: tuple[TvResult, ...] = ()


# -- reference data, changes, errors ----------------------------------------------------------


class Images(Struct, frozen=True):
    """Addresses and sizes of images."""

    secure_base_url: str = ""
    base_url: str = ""
    poster_sizes: tuple[str, ...] = ()
    backdrop_sizes: tuple[str, ...] = ()


class Configuration(Struct, frozen=True):
    """``configuration``."""

    images: Images
    change_keys: tuple[str, ...] = ()


class Service(Struct, frozen=True):
    """A service on which a title can be watched."""

    provider_name: str = ""
    provider_id: int = 0
    display_priority: int = 0
    logo_path: str = ""


class ServiceListing(Service, frozen=True):
    """A service in the list of all, with its rank in each country's list."""

    display_priorities: dict[str, int] = {}


class Services(Struct, Generic[T_co], frozen=True):
    """``watch/providers/movie``, ``tv`` and ``regions``."""

    results: tuple[T_co, ...]


class ChangedId(Struct, frozen=True):
    """A title that changed; TMDB sometimes lists one without an id."""

    id: int = 0
    adult: bool = False


class ChangeItem(Struct, frozen=True):
    """One change: the action and its time."""

    id: str = ""
    action: str = ""
    time: str = ""
    iso_639_1: str = ""


class Change(Struct, frozen=True):
    """The changes of one field."""

    key: str = ""
    items: tuple[ChangeItem, ...] = ()


class TitleChanges(Struct, frozen=True):
    """``movie/ID/changes`` and ``tv/ID/changes``."""

    changes: tuple[Change, ...] = ()


class ErrorBody(Struct, frozen=True):
    """The body of an error; older endpoints send ``errors`` instead."""

    status_code: int = 0
    status_message: str = ""
    errors: tuple[str, ...] = ()
