"""Columns of a segment's values, and the filters and counts that are made of them.

::

    columns = ColumnSegment.build(titles, schema={"studio": "keyword"})
    matches = columns.evaluate(F.genre("Drama") & (F.year >= 1990) & ~F.adult)
    columns.facet("country", matches)

Modules, in reading order:

``fields``
    The fields there are, and the keys by which their values are compared.
``expressions``
    Filters as values, in a normal form.
``filters``
    ``F``, with which filters are written in Python.
``typed``
    What a filter means in a column of a type, and whether a catalogue can answer it.
``wording``
    Filters as text, which ``query.grammar`` reads.
``contents``
    Which columns there are, and what a title has in each.
``strings``, ``numbers``, ``keywords``
    A sorted table of texts; a column of numbers; a column of words, in both directions.
``evaluation``, ``facets``
    Filters to bitmaps and estimates; documents counted by value.
``storage``
    Columns as the arrays of a file.
``segment``
    :class:`ColumnSegment`, which joins them.

It imports the ground layers and ``kernels`` only; ``query`` joins it with the other engines.
"""

from __future__ import annotations

from tv5core.columns.expressions import EVERYTHING, NOTHING, Expression, drop_field, fields_of
from tv5core.columns.facets import count_facet
from tv5core.columns.filters import F
from tv5core.columns.numbers import MISSING, weighted_rating
from tv5core.columns.segment import ColumnSegment
from tv5core.columns.typed import check_filter
from tv5core.columns.wording import to_text

__all__ = [
    "EVERYTHING",
    "MISSING",
    "NOTHING",
    "ColumnSegment",
    "Expression",
    "F",
    "check_filter",
    "count_facet",
    "drop_field",
    "fields_of",
    "to_text",
    "weighted_rating",
]
