"""The columns of one segment: built, merged, stored, filtered and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.bitmap import Bitmap
from tv5core.columns import evaluation, facets, storage
from tv5core.columns.contents import keyword_sources, number_sources
from tv5core.columns.evaluation import Columns, IdLookup
from tv5core.columns.expressions import Expression
from tv5core.columns.fields import EXTRA, FIELDS
from tv5core.columns.keywords import KeywordColumn
from tv5core.columns.numbers import NumberColumn
from tv5core.types import Title

__all__ = ["ColumnSegment"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


class ColumnSegment:
    """Typed values of titles, by document and by value; immutable.

    Made by :meth:`build`, :meth:`merge` or :meth:`from_sections`. All documents are looked at,
    deleted ones too, which are nobody's business here.

    Attributes
    ----------
    schema : dict of str to str
        Types of the catalogue's own fields by name.
    """

    def __init__(
        self,
        count: int,
        schema: Mapping[str, str],
        numbers: dict[str, NumberColumn],
        keywords: dict[str, KeywordColumn],
    ) -> None:
        self.schema = dict(schema)
        types = {name: field.type for name, field in FIELDS.items()}
        types |= {EXTRA + name: kind for name, kind in schema.items()}
        self.columns = Columns(count, numbers, keywords, types)

    # -- making ---------------------------------------------------------------------------

    @classmethod
    def build(cls, titles: Sequence[Title], schema: Mapping[str, str]) -> ColumnSegment:
        """Make the columns of titles, which become documents 0, 1, ... in that order.

        Parameters
        ----------
        titles : sequence of Title
        schema : mapping of str to str
            Types of the catalogue's own fields by name.
        """
        numbers = {
            source.name: NumberColumn.build(list(map(source.get, titles)), whole=source.whole)
            for source in number_sources(schema)
        }
        keywords = {
            source.name: KeywordColumn.build(
                map(source.get, titles),
                source.entries,
                None if source.roles is None else map(source.roles, titles),
            )
            for source in keyword_sources(schema)
        }
        return cls(len(titles), schema, numbers, keywords)

    @classmethod
    def merge(cls, parts: Sequence[ColumnSegment], part: I32, document: I64) -> ColumnSegment:
        """Make the columns of documents of several segments, without looking at titles.

        Parameters
        ----------
        parts : sequence of ColumnSegment
        part : int32[n]
        document : int64[n]
            New document ``i`` is ``document[i]`` of ``parts[part[i]]``.
        """
        schema: dict[str, str] = {}
        for one in parts:
            schema |= one.schema
        # A segment from before a field was declared has no values in it.
        whole = [one if one.schema == schema else one.declaring(schema) for one in parts]
        numbers = {
            source.name: NumberColumn.merge(
                [one.columns.numbers[source.name] for one in whole], part, document
            )
            for source in number_sources(schema)
        }
        keywords = {
            source.name: KeywordColumn.merge(
                [one.columns.keywords[source.name] for one in whole], part, document
            )
            for source in keyword_sources(schema)
        }
        return cls(len(part), schema, numbers, keywords)

    def declaring(self, schema: Mapping[str, str]) -> ColumnSegment:
        """Return the same columns, and empty ones for the fields of a later schema."""
        count = len(self)
        numbers = {
            source.name: self.columns.numbers.get(source.name)
            or NumberColumn.build([None] * count, whole=source.whole)
            for source in number_sources(schema)
        }
        keywords = {
            source.name: self.columns.keywords.get(source.name)
            or KeywordColumn.build([()] * count, source.entries)
            for source in keyword_sources(schema)
        }
        return ColumnSegment(count, schema, numbers, keywords)

    # -- storing --------------------------------------------------------------------------

    def sections(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that a file stores."""
        schema = np.frombuffer(msgspec.json.encode(self.schema), np.uint8)
        return {"schema": schema} | storage.sections_of(self.columns)

    @classmethod
    def from_sections(cls, sections: Mapping[str, npt.NDArray[Any]]) -> ColumnSegment:
        """Restore what :meth:`sections` returned, without a copy.

        Raises
        ------
        CorruptFileError
            Arrays are missing, or have other types or sizes than they could have.
        """
        schema = storage.schema_of(sections)
        numbers = {s.name: storage.number_column(sections, s) for s in number_sources(schema)}
        keywords = {s.name: storage.keyword_column(sections, s) for s in keyword_sources(schema)}
        return cls(
            storage.count_of([*numbers.values(), *keywords.values()]), schema, numbers, keywords
        )

    def __len__(self) -> int:
        return self.columns.count

    @cached_property
    def memory_bytes(self) -> int:
        """Bytes of the arrays, mapped ones included."""
        words = sum(column.nbytes for column in self.columns.keywords.values())
        return words + sum(column.nbytes for column in self.columns.numbers.values())

    # -- filtering ------------------------------------------------------------------------

    def evaluate(self, expression: Expression, ids: IdLookup | None = None) -> Bitmap:
        """Return the documents for which an expression is true.

        Parameters
        ----------
        expression : Expression
        ids : callable, optional
            Takes ids and returns int64[m], the documents here that have them. Ids are not in
            columns, so a filter by id needs it.

        Returns
        -------
        uint8[ceil(n / 8)]
            In little bit order.

        Raises
        ------
        InvalidInputError
            A value is none of its field's type. A field that this segment lacks has no values;
            :func:`check_filter` says whether the catalogue has it.
        """
        return evaluation.evaluate(expression, self.columns, ids)

    def estimate(self, expression: Expression) -> int:
        """Return how many documents an expression is true of at most, in microseconds."""
        return evaluation.estimate(expression, self.columns)

    # -- values ---------------------------------------------------------------------------

    def facet(
        self,
        field: str,
        matches: Bitmap,
        limit: int | None = None,
        *,
        region: str = "",
        offer: str = "",
    ) -> dict[Any, int]:
        """Count the documents of a bitmap by the values of a field; see :func:`count_facet`."""
        return facets.count_facet([(self, matches)], field, limit, region=region, offer=offer)

    def values(
        self, field: str, prefix: str = "", limit: int | None = None
    ) -> list[tuple[str, int]]:
        """Return the names in a field of words, and how many documents have each.

        Parameters
        ----------
        field : str
        prefix : str
            Names that begin so, without regard to case and accents.
        limit : int, optional
            At most so many, the most frequent.

        Returns
        -------
        list of (str, int)
            By descending count, then by name, without regard to case and accents.
        """
        return facets.known_values(self.columns, field, prefix, limit)

    def find_value(self, field: str, text: str) -> tuple[str, int] | None:
        """Return how a value is spelled and how many documents have it; None for an unknown one."""
        return facets.find_value(self.columns, field, text)

    def numeric(self, field: str) -> npt.NDArray[np.float32] | npt.NDArray[np.int32]:
        """Return a number for every document, for ranking and sorting.

        Parameters
        ----------
        field : str
            ``rating`` or ``popularity`` give float32[n] with NaN for no value; ``year``,
            ``runtime``, ``votes``, ``seasons``, ``adult`` and ``date`` (days since 1970) give
            int32[n] with :data:`MISSING`.
        """
        return self.columns.numbers[field].dense
