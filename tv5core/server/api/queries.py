"""Types of parameters; their bounds are checked, and ``/openapi.json`` is made of them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "AvailabilityQuery",
    "BrowseQuery",
    "NoQuery",
    "ProfileQuery",
    "SearchQuery",
    "SimilarQuery",
    "SuggestQuery",
    "TitleQuery",
    "TrendingQuery",
]

_Text = Annotated[str, Meta(max_length=1_000)]
_Name = Annotated[str, Meta(max_length=100)]
K = Annotated[int, Meta(ge=1, le=100, description="How many answers.")]
Where = Annotated[
    str,
    Meta(max_length=4_000, description="A filter.", examples=["genre:Drama year:1990..1999"]),
]
Region = Annotated[
    str, Meta(pattern="^[A-Z]{2}$", description="A country, ISO 3166-1.", examples=["US"])
]

FacetNames = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...],
    Meta(max_length=20, description="Fields to count values of.", examples=[["genre"]]),
]
Cursor = Annotated[str, Meta(max_length=4_000, description="Of the page before, to continue.")]


class NoQuery(msgspec.Struct, frozen=True):
    """No parameters."""


class SearchQuery(msgspec.Struct, frozen=True):
    """Parameters of a search."""

    q: Annotated[_Text, Meta(description="Names, people, a plot.", examples=["heist in Paris"])] = (
        ""
    )
    k: K = 10
    mode: Annotated[
        Literal["hybrid", "keyword", "semantic"], Meta(description="Which evidence counts.")
    ] = "hybrid"
    where: Where = ""
    sort: Annotated[
        str,
        Meta(
            pattern="^(relevance(:desc)?|(popularity|rating|votes|date|title)(:(asc|desc))?)$",
            description="An order.",
            examples=["rating:desc"],
        ),
    ] = "relevance"
    facets: FacetNames = ()
    group: Annotated[
        Literal["collection", "title"] | None, Meta(description="One hit for several titles.")
    ] = None
    cursor: Cursor = ""
    understand: Annotated[bool, Meta(description="Read words as filters.")] = True
    explain: Annotated[bool, Meta(description="Say what scores are sums of.")] = False
    highlight: Annotated[bool, Meta(description="Give matched words in context.")] = False


class SuggestQuery(msgspec.Struct, frozen=True):
    """Parameters of suggestions."""

    q: Annotated[
        str, Meta(max_length=200, description="What was typed so far.", examples=["incep"])
    ]
    k: Annotated[int, Meta(ge=1, le=50, description="How many suggestions.")] = 8


class BrowseQuery(msgspec.Struct, frozen=True):
    """Parameters of a list."""

    genre: Annotated[_Name, Meta(description="Only this genre.", examples=["Drama"])] = ""
    sort: Annotated[
        str,
        Meta(
            pattern="^(popularity|rating|votes|date|title)(:(asc|desc))?$",
            description="An order.",
            examples=["date"],
        ),
    ] = "popularity"
    where: Where = ""
    k: K = 20
    offset: Annotated[int, Meta(ge=0, le=10_000, description="Titles to skip.")] = 0
    cursor: Cursor = ""
    facets: FacetNames = ()
    explain: Annotated[bool, Meta(description="Say what the filter leaves.")] = False


class TrendingQuery(msgspec.Struct, frozen=True):
    """Parameters of what is popular now."""

    genre: Annotated[_Name, Meta(description="Only this genre.", examples=["Drama"])] = ""
    where: Where = ""
    k: K = 20
    half_life_days: Annotated[
        float, Meta(ge=0.1, le=36_500, description="Days in which popularity halves.")
    ] = 90.0


class SimilarQuery(msgspec.Struct, frozen=True):
    """Parameters of similar titles."""

    k: K = 10
    cursor: Cursor = ""


class AvailabilityQuery(msgspec.Struct, frozen=True):
    """Parameters of where to watch."""

    region: Annotated[Region | None, Meta(description="Else that of the settings.")] = None


class ProfileQuery(msgspec.Struct, frozen=True):
    """Parameters of recommendations by a profile."""

    profile: Annotated[
        str,
        Meta(
            pattern="^[a-z0-9_-]{1,64}$",
            description="A profile that ships or is stored.",
            examples=["action_fan"],
        ),
    ]
    k: K = 20
    where: Where = ""
    diversity: Annotated[float, Meta(ge=0, le=1, description="How varied.")] = 0.3
    explain: Annotated[bool, Meta(description="Say why.")] = False


class TitleQuery(msgspec.Struct, frozen=True):
    """Parameters of a title."""

    region: Annotated[
        Region | None, Meta(description="Country of offers; else that of the settings.")
    ] = None
