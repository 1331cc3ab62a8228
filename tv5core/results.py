"""What a search answers besides its hits: counts, facets, how it read the query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, overload

import msgspec

from tv5core.arrow import load_library
from tv5core.notebook import hits_html
from tv5core.types import Hit, Kind, Title

__all__ = [
    "BrowseResult",
    "FacetValue",
    "Interpretation",
    "Reading",
    "SearchResult",
    "Suggestion",
    "Total",
]


_SHOWN = 3


class Total(msgspec.Struct, frozen=True):
    """How many titles a search matches.

    Attributes
    ----------
    count : int
    relation : {"exact", "at_least"}
        Whether there may be more: of what is near in meaning, only so many are looked at.
    """

    count: int
    relation: Literal["exact", "at_least"] = "exact"

    def __int__(self) -> int:
        return self.count

    def __str__(self) -> str:
        return f"{self.count:,}" if self.relation == "exact" else f"at least {self.count:,}"


class FacetValue(msgspec.Struct, frozen=True):
    """One value of a field, and how many matches have it.

    Attributes
    ----------
    value : str, int, float or bool
    count : int
    """

    value: str | int | float | bool
    count: int


class Reading(msgspec.Struct, frozen=True):
    """Words of a query that were read as a filter.

    Attributes
    ----------
    words : str
        As in the query: ``from the 80s``.
    kind : str
        ``genre``, ``provider``, ``kind``, ``year``, ``runtime``, ``place``, ``language`` or
        ``person``.
    where : str
        What they mean, in the grammar of filters: ``year:1980..1989``.
    """

    words: str
    kind: str
    where: str


class Suggestion(msgspec.Struct, frozen=True):
    """A title to suggest for what was typed so far.

    Attributes
    ----------
    text : str
        Its name.
    id : str
    kind : {"movie", "show"}
    year : int or None
    corrected : bool
        Whether what was typed had to be corrected.
    """

    text: str
    id: str
    kind: Kind
    year: int | None = None
    corrected: bool = False


class Interpretation(msgspec.Struct, frozen=True):
    """How a query was read.

    Attributes
    ----------
    text : str
        Words that were searched for.
    where : str
        Filters that were read from the others; empty for none.
    readings : tuple of Reading
        What was recognised, applied or not.
    applied : bool
        Whether the readings took part as filters.
    reason : str
        Why they did not, such as ``a title has this name``.
    """

    text: str
    where: str = ""
    readings: tuple[Reading, ...] = ()
    applied: bool = False
    reason: str = ""


class SearchResult(msgspec.Struct, frozen=True, eq=False):
    """The answer of a search: a sequence of hits, best first, and what is known about all matches.

    It is equal to any sequence of the same hits.

    Attributes
    ----------
    hits : tuple of Hit
    total : Total
        Titles that match, on all pages together.
    facets : dict of str to tuple of FacetValue
        Of each field asked for, its values among all matches, the most frequent first.
    did_you_mean : str
        The text as it was corrected before it was searched for; empty where it was not.
    interpretation : Interpretation or None
        How a text was read.
    took_ms : float
        Milliseconds the search took.
    cursor : str
        Continues after the last hit; empty where there is nothing more.
    explanation : dict
        Plan, estimates and true counts, where asked to explain.
    degraded : str
        Why meaning did not count though it should have: a vector database that is away; empty
        where nothing was missing.
    """

    hits: tuple[Hit, ...] = ()
    total: Total = Total(0)
    facets: dict[str, tuple[FacetValue, ...]] = {}
    did_you_mean: str = ""
    interpretation: Interpretation | None = None
    took_ms: float = 0.0
    cursor: str = ""
    explanation: dict[str, Any] = {}
    degraded: str = ""

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __contains__(self, hit: object) -> bool:
        return hit in self.hits

    def __reversed__(self) -> Iterator[Hit]:
        return reversed(self.hits)

    def index(self, hit: Hit, *bounds: int) -> int:
        """Return the place of a hit."""
        return self.hits.index(hit, *bounds)

    def count(self, hit: Hit) -> int:
        """Return how often a hit occurs."""
        return self.hits.count(hit)

    @overload
    def __getitem__(self, place: int) -> Hit: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, place: int | slice) -> Hit | tuple[Hit, ...]:
        return self.hits[place]

    def __repr__(self) -> str:
        """Say how many there are, and name the first."""
        shown = [f"{hit.title.title} ({hit.title.year or '?'})" for hit in self.hits[:_SHOWN]]
        more = ", ..." if len(self.hits) > _SHOWN else ""
        return f"<SearchResult: {self._summary()}: {', '.join(shown)}{more}>"

    def _repr_html_(self) -> str:
        return hits_html(self.hits, self._summary())

    def _summary(self) -> str:
        meant = f", did you mean {self.did_you_mean!r}" if self.did_you_mean else ""
        return f"{len(self.hits)} of {self.total} hits in {self.took_ms:.1f} ms{meant}"

    # -- as tables ------------------------------------------------------------------------

    def to_arrow(self) -> Any:
        """Return the hits as a ``pyarrow.Table``: score, relevance, and the fields of titles.

        Raises
        ------
        InvalidInputError
            pyarrow is missing.
        """
        load_library("pyarrow")
        from tv5core.arrow.writing import hits_table

        return hits_table(self.hits)

    def to_pandas(self) -> Any:
        """Return the hits as a ``pandas.DataFrame``; needs pandas beside pyarrow."""
        load_library("pandas")
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:
        """Return the hits as a ``polars.DataFrame``; needs polars beside pyarrow."""
        return load_library("polars").from_arrow(self.to_arrow())

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the hits by the Arrow PyCapsule interface, for libraries that take tables."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence) and not isinstance(other, str):
            return list(self.hits) == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]


class BrowseResult(msgspec.Struct, frozen=True, eq=False):
    """A page of a list: a sequence of titles in the order asked for, and what is known about all.

    It is equal to any sequence of the same titles.

    Attributes
    ----------
    titles : tuple of Title
    total : Total
        Titles of the list, on all pages together.
    facets : dict of str to tuple of FacetValue
        Of each field asked for, its values among all titles of the list.
    cursor : str
        Continues after the last title; empty where there is nothing more.
    explanation : dict
        The filter, what was estimated and what was true, where asked to explain.
    """

    titles: tuple[Title, ...] = ()
    total: Total = Total(0)
    facets: dict[str, tuple[FacetValue, ...]] = {}
    cursor: str = ""
    explanation: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.titles)

    def __iter__(self) -> Iterator[Title]:
        return iter(self.titles)

    def __contains__(self, title: object) -> bool:
        return title in self.titles

    def __reversed__(self) -> Iterator[Title]:
        return reversed(self.titles)

    def index(self, title: Title, *bounds: int) -> int:
        """Return the place of a title."""
        return self.titles.index(title, *bounds)

    def count(self, title: Title) -> int:
        """Return how often a title occurs."""
        return self.titles.count(title)

    @overload
    def __getitem__(self, place: int) -> Title: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Title, ...]: ...
    def __getitem__(self, place: int | slice) -> Title | tuple[Title, ...]:
        return self.titles[place]

    def __repr__(self) -> str:
        """Say how many there are, and name the first."""
        shown = [f"{title.title} ({title.year or '?'})" for title in self.titles[:_SHOWN]]
        more = ", ..." if len(self.titles) > _SHOWN else ""
        return f"<BrowseResult: {len(self.titles)} of {self.total}: {', '.join(shown)}{more}>"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence) and not isinstance(other, str):
            return list(self.titles) == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]


Sequence.register(SearchResult)
Sequence.register(BrowseResult)
