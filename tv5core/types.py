"""The values that cross tv5core's public interface.

All are :class:`msgspec.Struct`. On disk they are msgpack maps behind a version
byte, with default values left out. Fields are append-only: a field is never
renamed, retyped or reused, so every version reads what any other has written
(unknown fields are skipped, missing ones take their default).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

__all__ = [
    "AlternativeTitle",
    "Collection",
    "ExtraType",
    "ExtraValue",
    "Hit",
    "Kind",
    "Offer",
    "Person",
    "Progress",
    "Title",
]

Kind = Literal["movie", "show"]

ExtraType = Literal["keyword", "keywords", "int", "float", "bool", "date", "text"]
"""Types of a catalogue's own fields; a date is text such as ``2010-07-16``, text is only stored."""

ExtraValue = str | int | float | bool | tuple[str, ...]
"""A value of a catalogue's own field."""

Progress = Callable[[int, int, str], None]
"""Called with what is done, what there is in all, and the name of the stage."""


class Person(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Someone in a title's cast.

    Attributes
    ----------
    name : str
        The person's name as credited.
    character : str
        Who they play; empty where unknown.
    """

    name: str
    character: str = ""


class AlternativeTitle(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Another name of a title.

    Attributes
    ----------
    title : str
        The name, in its own script.
    language : str
        ISO 639-1 code in lower case; empty where unknown.
    region : str
        ISO 3166-1 alpha-2 code of the country that uses it, in upper case; empty where unknown.
    """

    title: str
    language: str = ""
    region: str = ""


class Collection(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The series of films that a title belongs to.

    Attributes
    ----------
    id : str
        Stable identifier, such as ``tmdb:10194``.
    name : str
        Such as ``Toy Story Collection``.
    """

    id: str
    name: str = ""


class Offer(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One way to watch a title.

    Attributes
    ----------
    provider : str
        Service name in lower case, such as ``netflix``.
    region : str
        ISO 3166-1 alpha-2 country in upper case, such as ``US``.
    kind : str
        ``flatrate`` (subscription), ``free``, ``ads``, ``rent`` or ``buy``.
    price : float or None
        In ``currency``; None for subscriptions and where unknown.
    currency : str
        ISO 4217 code, such as ``USD``.
    url : str
        Deep link to the offer.
    quality : str
        ``sd``, ``hd`` or ``4k``; empty where unknown.
    checked_at : int
        Unix time, in seconds, when the offer was last seen; 0 where unknown.
    source : str
        Who says so, where that is asked again: ``tmdb`` or ``justwatch``. What one of them says
        later replaces what it said.
    """

    provider: str
    region: str = ""
    kind: str = "flatrate"
    price: float | None = None
    currency: str = ""
    url: str = ""
    quality: str = ""
    checked_at: int = 0
    source: str = ""


class Title(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A film or a series.

    Attributes
    ----------
    id : str
        Stable identifier, such as ``tmdb:movie:27205``; 1 to 256 bytes of UTF-8.
    kind : {"movie", "show"}
        Whether this is a film or a series.
    title : str
        Title in the catalogue's language.
    original_title : str
        Title in the language of origin.
    release_date : str
        ISO 8601 date (``YYYY-MM-DD``) or empty.
    year : int or None
        Year of release or first broadcast.
    overview, tagline : str
        Synopsis and advertising line.
    genres, keywords : tuple of str
        Genres as display names (``Science Fiction``), keywords in lower case.
    cast : tuple of Person
        In billing order.
    directors, creators : tuple of str
        Directors (films) and creators or writers.
    runtime : int or None
        Minutes; of one episode for series.
    languages, countries : tuple of str
        ISO 639-1 codes in lower case; ISO 3166-1 alpha-2 codes in upper case
        (a source's own words where no code is known).
    certification : str
        Age rating such as ``PG-13``.
    seasons : int or None
        Number of seasons, for series.
    rating : float or None
        Mean user rating, 0 to 10.
    votes : int
        How many users rated.
    popularity : float
        The source's popularity figure; comparable within one source only.
    external_ids : dict of str to str
        Ids elsewhere by ``imdb`` (``tt1375666``), ``tmdb`` (``27205``),
        ``justwatch`` (``tm92641``), ``wikipedia`` (page name).
    poster_path : str
        Path or URL of a poster.
    offers : tuple of Offer
        Where the title can be watched.
    source : str
        Where the scalar fields come from, such as ``tmdb``.
    updated_at : int
        Unix time, in seconds, of the last change known to the source; 0 where unknown.
    alternative_titles : tuple of AlternativeTitle
        Names in other languages and countries, beside ``title`` and ``original_title``.
    collection : Collection or None
        The series of films it belongs to.
    adult : bool
        Whether it is pornographic.
    extra : dict of str to ExtraValue
        The catalogue's own fields by name, as declared in ``Catalog.open``; those without a value
        are left out.
    """

    id: str
    kind: Kind
    title: str
    original_title: str = ""
    release_date: str = ""
    year: int | None = None
    overview: str = ""
    tagline: str = ""
    genres: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    cast: tuple[Person, ...] = ()
    directors: tuple[str, ...] = ()
    creators: tuple[str, ...] = ()
    runtime: int | None = None
    languages: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    certification: str = ""
    seasons: int | None = None
    rating: float | None = None
    votes: int = 0
    popularity: float = 0.0
    external_ids: dict[str, str] = {}
    poster_path: str = ""
    offers: tuple[Offer, ...] = ()
    source: str = ""
    updated_at: int = 0
    alternative_titles: tuple[AlternativeTitle, ...] = ()
    collection: Collection | None = None
    adult: bool = False
    extra: dict[str, ExtraValue] = {}


class Hit(msgspec.Struct, frozen=True, gc=False):
    """One answer of a search.

    Attributes
    ----------
    id : str
        The title's id.
    score : float
        What hits are ordered by, higher is better: a cosine where only vectors are compared (in
        catalogues of cosine), else a sum of evidence. It compares hits of one search.
    title : Title
        The decoded title.
    relevance : float
        0 to 1: how likely the title is what the query asks for. It compares hits of different
        searches of texts, too.
    parts : dict of str to float
        What the score is the sum of, where a search was asked to explain itself.
    folded : tuple of str
        Ids of lower hits that this one stands for, where hits are grouped.
    fragments : dict of str to str
        Matched words in their context, by field, where a search was asked to highlight them.
    """

    id: str
    score: float
    title: Title
    relevance: float = 0.0
    parts: dict[str, float] = {}
    folded: tuple[str, ...] = ()
    fragments: dict[str, str] = {}
