"""Search by words: postings, a dictionary of terms, scores.

It holds what a segment needs to answer words, prefixes, phrases and misspelt words. It imports the
ground layers, ``kernels`` and ``analysis`` only; ``query`` joins it with the other engines.

How it is used, for a snapshot of segments::

    statistics = Statistics([SegmentStatistics(segment, alive), ...])  # kept while alive is
    query = expand(Typed("rocky two", excluded=("balboa",)), statistics)  # .did_you_mean, .words
    evidence = score(segment, query, statistics, alive, allowed)  # of every segment

The modules, in reading order:

``fields``
    The fields of a title that are searched, and the groups of evidence they form.
``tokens``
    From titles to tokens: which term stands where.
``blocks``
    How posting lists and positions are encoded.
``postings``
    The posting lists of a segment: made of tokens, merged, checked.
``terms``
    The dictionary: exact terms, prefixes, terms of one stem, terms within edits.
``title_keys``
    Whole titles, for queries that are one: exact, near, up to the subtitle.
``suggestions``
    What to suggest while a title is typed.
``suggesting``
    ``suggest``: the same over all segments, with typos.
``near_names``
    Names that differ from a text by a few letters.
``phrases``
    Words side by side.
``segment``
    ``WordSegment``: all of these for the documents of one segment; ``build``, ``merge``,
    ``sections``, ``from_sections``.
``statistics``
    ``SegmentStatistics``, ``Statistics``: document frequencies and lengths over all segments.
``queries``
    ``expand``: from a text to a ``WordQuery``, corrected where it is misspelt.
``scoring``
    ``score``: a segment's ``Evidence`` for a query.
``highlight``
    ``highlight``: the words of a title that a query matched, in their context.
"""

from __future__ import annotations

from tv5core.lexical.fields import FIELDS, GROUPS
from tv5core.lexical.highlight import highlight
from tv5core.lexical.near_names import NearName, near_names
from tv5core.lexical.queries import QueryWord, Typed, WordQuery, expand
from tv5core.lexical.scoring import Evidence, score
from tv5core.lexical.segment import SECTIONS_VERSION, WordSegment
from tv5core.lexical.statistics import NearTerm, SegmentStatistics, Statistics, Weights
from tv5core.lexical.suggesting import Suggestion, suggest
from tv5core.lexical.title_keys import TitleMatch

__all__ = [
    "FIELDS",
    "GROUPS",
    "SECTIONS_VERSION",
    "Evidence",
    "NearName",
    "NearTerm",
    "QueryWord",
    "SegmentStatistics",
    "Statistics",
    "Suggestion",
    "TitleMatch",
    "Typed",
    "Weights",
    "WordQuery",
    "WordSegment",
    "expand",
    "highlight",
    "near_names",
    "score",
    "suggest",
]
