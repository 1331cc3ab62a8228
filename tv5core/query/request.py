"""SearchRequest: everything a search is asked for, checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from tv5core.arguments import (
    as_array,
    as_list,
    check_callable,
    check_flag,
    check_int,
    check_type,
    shown,
)
from tv5core.errors import InvalidInputError
from tv5core.query.parsing import check_query
from tv5core.types import Title

__all__ = ["FACET_VALUES", "GROUPS", "MAX_K", "MODES", "SORTS", "Reranker", "SearchRequest", "Sort"]

Mode = Literal["hybrid", "keyword", "semantic"]
MODES = ("hybrid", "keyword", "semantic")
SORTS = ("relevance", "popularity", "rating", "votes", "date", "title")
GROUPS = ("collection", "title")
MAX_K = 10_000
"""Hits of one page of a text's or a filter's matches; cursors lead further."""
FACET_VALUES = 1_000
"""Values of a field that are counted out, where a facet does not say otherwise."""

Reranker: TypeAlias = Callable[[str, Sequence[Title]], Sequence[float]]
"""Takes the query's text and titles; returns a score for each, higher is better."""


@dataclass(frozen=True)
class Sort:
    """An order of matches.

    Attributes
    ----------
    by : str
        One of ``SORTS``.
    descending : bool
    """

    by: str = "relevance"
    descending: bool = True

    @classmethod
    def of(cls, given: object) -> Sort:
        """Read ``"rating"`` or ``"date:asc"``.

        Titles ascend where nothing else is said, everything else descends.

        Raises
        ------
        InvalidInputError
        """
        name, _, way = given.partition(":") if isinstance(given, str) else ("", "", "")
        known = name in SORTS and way in {"", "asc", "desc"} and (name, way) != ("relevance", "asc")
        if not known:
            raise InvalidInputError(
                f"expected sort to be one of {', '.join(SORTS)}, perhaps with :asc or :desc, "
                f"got {shown(given)}"
            )
        return cls(name, way == "desc" if way else name != "title")

    def __str__(self) -> str:
        return f"{self.by}:{'desc' if self.descending else 'asc'}"


@dataclass(frozen=True)
class SearchRequest:
    """What a search is asked for; see ``Catalog.search``.

    Attributes
    ----------
    text : str
        Empty where a vector is given.
    vector : ndarray or None
    where : Expression or str or None
        Not parsed yet.
    facets : tuple of (str, int)
        Fields and how many values of each.
    allow : list of str or None
    paged : bool
        Whether a vector alone is answered with a cursor, as everything else is anyway.
    """

    text: str
    vector: npt.NDArray[Any] | None
    k: int
    mode: str = "hybrid"
    where: Any = None
    sort: Sort = Sort()
    facets: tuple[tuple[str, int], ...] = ()
    group: str | None = None
    cursor: str | None = None
    understand: bool = True
    explain: bool = False
    highlight: bool = False
    reranker: Reranker | None = None
    allow: list[str] | None = None
    exact: bool = False
    paged: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether no more is asked for than some hits in the order of relevance."""
        more = self.facets or self.explain or self.group or self.paged or self.reranker
        return self.sort.by == "relevance" and not more

    @property
    def lists(self) -> bool:
        """Whether titles are asked for that need not match a text."""
        given = self.where is not None or self.allow is not None
        return given or bool(self.facets) or self.sort.by != "relevance"

    def asked(self, where: str | None = None) -> tuple[Any, ...]:
        """Return what makes this another search of the same text, whatever the page.

        Parameters
        ----------
        where : str, optional
            The filter in its normal form.
        """
        vector = None if self.vector is None else np.ascontiguousarray(self.vector).tobytes()
        given = self.where if isinstance(self.where, str) else repr(self.where)
        return (
            vector,
            self.mode,
            given if where is None else where,
            str(self.sort),
            self.group,
            self.understand,
            self.allow,
            self.exact,
        )

    def key(self, where: str) -> tuple[Any, ...]:
        """Return what makes this another answer for the same text or vector."""
        shown = self.k, self.facets, self.cursor, self.paged, self.explain, self.highlight
        return (*self.asked(where)[1:], *shown)

    @classmethod
    def of(
        cls,
        query: object,
        k: object,
        *,
        mode: object = "hybrid",
        where: object = None,
        sort: object = "relevance",
        facets: object = (),
        group: object = None,
        cursor: object = None,
        understand: object = True,
        explain: object = False,
        highlight: object = False,
        reranker: Reranker | None = None,
        allow: object = None,
        exact: object = False,
    ) -> SearchRequest:
        """Check arguments.

        Raises
        ------
        InvalidInputError
        """
        check_callable("reranker", reranker)
        check_type("cursor", cursor, (str, type(None)))
        text = query if isinstance(query, str) else ""
        check_query(text)
        vector = None if isinstance(query, str) else _one_vector(query)
        return cls(
            text,
            vector,
            check_int("k", k, 1, MAX_K),
            _one_of("mode", mode, MODES),
            where,
            Sort.of(sort),
            _facets(facets),
            None if group is None else _one_of("group", group, GROUPS),
            cursor or None,  # type: ignore[arg-type]
            check_flag("understand", understand),
            check_flag("explain", explain),
            check_flag("highlight", highlight),
            reranker,
            None if allow is None else as_list("allow", allow),
            check_flag("exact", exact),
            cursor is not None,
        )


def _one_of(name: str, value: object, known: Sequence[str]) -> str:
    if isinstance(value, str) and value in known:
        return value
    raise InvalidInputError(f"expected {name} to be one of {', '.join(known)}, got {shown(value)}")


def _facets(given: object) -> tuple[tuple[str, int], ...]:
    """Read names of fields, or a mapping from them to how many values are wanted."""
    if isinstance(given, Mapping):
        pairs: Iterable[tuple[object, object]] = given.items()
    else:
        pairs = [(name, FACET_VALUES) for name in as_list("facets", given)]
    found: dict[str, int] = {}
    for name, count in pairs:
        if not isinstance(name, str):
            raise InvalidInputError(f"expected facets to be names of fields, got {shown(name)}")
        found[name] = check_int(f"the number of values of {name}", count, 1)
    return tuple(found.items())


def _one_vector(query: object) -> npt.NDArray[Any]:
    """Return one vector of numbers, whose width and values the index validates."""
    vector = as_array("a text or a vector", query)
    if vector.ndim == 2:
        raise InvalidInputError("expected one query, got several: use search_many")
    if vector.ndim != 1 or vector.dtype.kind not in "fiu":
        raise InvalidInputError(f"expected a text or a vector, got {shown(query)}")
    return np.asarray(vector)
