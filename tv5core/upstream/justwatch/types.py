"""The responses of JustWatch's GraphQL as structs.

Missing, null and unusable fields get their defaults.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from tv5core.upstream.fetching.lenient import EXACT, Finite

__all__ = [
    "Connection",
    "Content",
    "Edge",
    "GraphqlError",
    "GraphqlResponse",
    "JustWatchId",
    "JustWatchOffer",
    "JustWatchTitle",
    "Package",
    "PageInfo",
    "Popular",
    "Scoring",
]


class Struct(msgspec.Struct, frozen=True, rename="camel"):
    """Base of all: immutable, with names in camel case as in GraphQL."""


class GraphqlError(Struct, frozen=True):
    """An error, and the path of the field it leaves without a value."""

    message: str = ""
    path: tuple[str | int, ...] = ()


class GraphqlResponse(Struct, frozen=True):
    """Every response: data, errors, or both."""

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
    retail_price_value: Finite | None = None
    currency: str = ""
    standard_web_url: str = msgspec.field(default="", name="standardWebURL")
    package: Package | None = None


class JustWatchId(Struct, frozen=True):
    """Ids at other sources."""

    imdb_id: str = ""
    tmdb_id: str = ""


class Scoring(Struct, frozen=True):
    """Ratings at other sources."""

    imdb_score: Finite | None = None
    imdb_votes: Finite = 0
    tmdb_popularity: Finite = 0.0


class GenreCode(Struct, frozen=True):
    """A genre by its three-letter code."""

    short_name: str = ""


class Content(Struct, frozen=True):
    """The description of a title in one country and language."""

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
    """The end of a page."""

    # Their defaults would lose the other pages.
    end_cursor: Annotated[str, EXACT] = ""
    has_next_page: Annotated[bool, EXACT] = False


class Connection(Struct, frozen=True):
    """A page of a list."""

    edges: tuple[Edge, ...] = ()
    page_info: Annotated[PageInfo, EXACT] = PageInfo()
    total_count: int = 0


class Popular(Struct, frozen=True):
    """The data of searches and of lists of popular titles."""

    popular_titles: Connection
