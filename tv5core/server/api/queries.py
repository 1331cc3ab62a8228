"""Types of parameters; their bounds are checked, and ``/openapi.json`` is made of them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["NoQuery", "SearchQuery", "TitleQuery"]

_Text = Annotated[str, Meta(max_length=1_000)]
K = Annotated[int, Meta(ge=1, le=100, description="How many answers.")]
Where = Annotated[
    str,
    Meta(max_length=4_000, description="A filter.", examples=["genre:Drama year:1990..1999"]),
]
Region = Annotated[
    str, Meta(pattern="^[A-Z]{2}$", description="A country, ISO 3166-1.", examples=["US"])
]


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
            pattern="^(relevance(:desc)?|(popularity|rating|date|title)(:(asc|desc))?)$",
            description="An order.",
            examples=["rating:desc"],
        ),
    ] = "relevance"
    facets: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...],
        Meta(max_length=20, description="Fields to count values of.", examples=[["genre"]]),
    ] = ()
    group: Annotated[
        Literal["collection", "title"] | None, Meta(description="One hit for several titles.")
    ] = None
    cursor: Annotated[
        str, Meta(max_length=4_000, description="Of the page before, to continue.")
    ] = ""
    understand: Annotated[bool, Meta(description="Read words as filters.")] = True
    explain: Annotated[bool, Meta(description="Say what scores are sums of.")] = False
    highlight: Annotated[bool, Meta(description="Give matched words in context.")] = False


class TitleQuery(msgspec.Struct, frozen=True):
    """Parameters of a title."""

    region: Annotated[
        Region | None, Meta(description="Country of offers; else that of the settings.")
    ] = None
