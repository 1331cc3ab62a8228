"""What JustWatch's GraphQL answers, as structs; what is left out or null takes its default."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "Connection",
    "Content",
    "Edge",
    "Envelope",
    "GraphqlError",
    "JustWatchId",
    "JustWatchOffer",
    "JustWatchTitle",
    "Package",
    "PageInfo",
    "Popular",
    "Scoring",
]


class Struct(msgspec.Struct, frozen=True, rename="camel"):
    """Base of all: immutable, with names as GraphQL writes them."""


class GraphqlError(Struct, frozen=True):
    """Something that could not be answered, and where in the answer it is missing."""

    message: str = ""
    path: tuple[str | int, ...] = ()


class Envelope(Struct, frozen=True):
    """Every answer: data, errors, or some of both."""

    data: dict[str, Any] | None = None
    errors: tuple[GraphqlError, ...] = ()


class Package(Struct, frozen=True):
    """A service."""

    clear_name: str = ""
    technical_name: str = ""
    package_id: int = 0


class JustWatchOffer(Struct, frozen=True):
    """One way to watch a title in one country."""

    monetization_type: str = ""
    presentation_type: str = ""
    retail_price_value: float | None = None
    currency: str = ""
    standard_web_url: str = msgspec.field(default="", name="standardWebURL")
    package: Package | None = None


class JustWatchId(Struct, frozen=True):
    """Ids elsewhere."""

    imdb_id: str = ""
    tmdb_id: str = ""


class Scoring(Struct, frozen=True):
    """Ratings elsewhere."""

    imdb_score: float | None = None
    imdb_votes: float = 0
    tmdb_popularity: float = 0.0


class GenreCode(Struct, frozen=True):
    """A genre by its three letters."""

    short_name: str = ""


class Content(Struct, frozen=True):
    """What a title is, in one country and language."""

    title: str = ""
    original_title: str = ""
    full_path: str = ""
    original_release_year: int | None = None
    original_release_date: str = ""
    runtime: int = 0
    short_description: str = ""
    age_certification: str = ""
    poster_url: str = ""
    genres: tuple[GenreCode, ...] = ()
    external_ids: JustWatchId | None = None
    scoring: Scoring | None = None


class JustWatchTitle(Struct, frozen=True):
    """A film (``tm...``) or a series (``ts...``)."""

    id: str
    object_type: str = ""
    content: Content | None = None
    offers: tuple[JustWatchOffer, ...] = ()
    watch_now_offer: JustWatchOffer | None = None


class Edge(Struct, frozen=True):
    """A title in a list."""

    node: JustWatchTitle
    cursor: str = ""


class PageInfo(Struct, frozen=True):
    """Where a page ends."""

    end_cursor: str = ""
    has_next_page: bool = False


class Connection(Struct, frozen=True):
    """A page of a list."""

    edges: tuple[Edge, ...] = ()
    page_info: PageInfo = PageInfo()
    total_count: int = 0


class Popular(Struct, frozen=True):
    """The data of searches and of lists of popular titles."""

    popular_titles: Connection
