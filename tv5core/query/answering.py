"""Answers: the matches of a search in order, counted, and the same on every page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from tv5core.columns import Expression, count_facet, drop_field
from tv5core.columns.expressions import And
from tv5core.columns.wording import to_text
from tv5core.lexical import WordQuery
from tv5core.observing import stage
from tv5core.query.allowed import allowed
from tv5core.query.documents import DocumentSegment
from tv5core.query.execution import Matches, matches_of
from tv5core.query.paging import Cursor, Ranking
from tv5core.query.planning import Context, Plan, plan
from tv5core.query.request import SearchRequest
from tv5core.query.search import POOL, Search
from tv5core.query.second import ExplainedSearch
from tv5core.query.sorting import first_places, keys_at, values_at
from tv5core.query.weighing import by_relevance
from tv5core.results import FacetValue, Interpretation, Total

__all__ = ["Answer", "answer", "facets_of"]


@dataclass(frozen=True, eq=False)
class Answer:
    """What is the same on every page of a search.

    Attributes
    ----------
    ranking : Ranking
        All matches in order.
    total : Total
    facets : dict of str to tuple of FacetValue
    did_you_mean : str
    interpretation : Interpretation or None
    words : WordQuery or None
        The words that were looked up.
    explanation : dict
    """

    ranking: Ranking
    total: Total
    facets: dict[str, tuple[FacetValue, ...]] = field(default_factory=dict)
    did_you_mean: str = ""
    interpretation: Interpretation | None = None
    words: WordQuery | None = None
    explanation: dict[str, Any] = field(default_factory=dict)


NOTHING = Ranking(
    np.empty(0, np.int64),
    np.empty(0, np.float64),
    np.empty(0, np.float32),
    np.empty(0, np.float32),
)


def answer(
    context: Context,
    request: SearchRequest,
    cursor: Cursor | None = None,
    first: int | None = None,
) -> Answer:
    """Make a search by text, or list what filters leave.

    Parameters
    ----------
    context : Context
    request : SearchRequest
    cursor : Cursor or None
        Leaves out titles that are newer than its first page.
    first : int or None
        How many matches need be in order; None: all.
    """
    rows, pool = (None, POOL) if cursor is None else (cursor.rows, cursor.pool)
    with stage("plan"):
        made = plan(context, request, rows, max(pool, request.k))
    if made.search is None:
        empty = facets_of(context, request, made, None, rows)
        return Answer(
            NOTHING,
            Total(0),
            empty,
            interpretation=made.interpretation,
            explanation=explain(context, made, None) if request.explain else {},
        )
    with stage("match"):
        found = matches_of(made.search, made.allowed)
    explanation = explain(context, made, found) if request.explain else {}
    with stage("rank"):
        ranking = _ordered(context, made.search, found, request, first)
    search = made.search
    words = None if search.words is None or search.foreign else search.words.query
    return Answer(
        ranking,
        Total(found.count, "exact" if found.complete else "at_least"),
        facets_of(context, request, made, found, rows),
        (words and words.did_you_mean) or "",
        made.interpretation,
        words,
        explanation,
    )


def _ordered(
    context: Context, search: Search, found: Matches, request: SearchRequest, first: int | None
) -> Ranking:
    """Order matches as asked for."""
    by_votes = request.sort.by == "relevance"
    if by_votes and not found.everything:
        return by_relevance(search, found, explain=request.explain)
    documents, knowledge = search.view.documents, context.knowledge
    segments, titles = documents.segments, partial(knowledge.title_order, documents)
    places = found.candidates.segment, found.candidates.document
    if found.everything:
        order_of = partial(knowledge.order, documents, request.sort)
        places = first_places(found.bitmaps(search.view), segments, first, order_of)
    values = values_at(segments, request.sort, places, titles)
    scores = values.astype(np.float32) if by_votes else np.ones(len(values), np.float32)
    return Ranking.listed(keys_at(segments, places), values, scores, found.count, first)


def facets_of(
    context: Context,
    request: SearchRequest,
    made: Plan,
    found: Matches | None,
    rows: int | None = None,
) -> dict[str, tuple[FacetValue, ...]]:
    """Count the values of fields among all matches.

    A field's own clause does not count for it, so that its other values can be chosen, too: what
    is counted are the matches without that clause.
    """
    counted: dict[str, tuple[FacetValue, ...]] = {}
    for name, limit in request.facets:
        where = drop_field(made.where, name)
        matches = found
        if where != made.where and made.search is not None:
            matches = matches_of(made.search, context.allowed(where, request, rows))
        counted[name] = _counted(context, name, limit, matches)
    return counted


def _counted(
    context: Context, name: str, limit: int, found: Matches | None
) -> tuple[FacetValue, ...]:
    view = context.view
    segments = view.documents.segments
    none = [np.zeros(-(-len(segment) // 8), np.uint8) for segment in segments]
    bitmaps = none if found is None else found.bitmaps(view)
    pairs = [(segment.columns, some) for segment, some in zip(segments, bitmaps, strict=True)]
    counts = count_facet(pairs, name, limit)
    return tuple(FacetValue(value, count) for value, count in counts.items())


def explain(context: Context, made: Plan, found: Matches | None) -> dict[str, Any]:
    """Say how a search is made: what was estimated and what is true of the filter, and the plans.

    Estimates are those of the columns: what a filter leaves at most, without looking at documents.
    """
    segments = context.view.documents.segments
    search = made.search
    words = None if search is None else search.words
    parts = made.where.parts if isinstance(made.where, And) else (made.where,)
    return {
        "where": to_text(made.where),
        "clauses": [
            {
                "where": to_text(part),
                "estimated": _estimated(segments, part),
                "matches": allowed(segments, part, keys_of=context.keys_of).count,
            }
            for part in parts
        ],
        "titles": context.view.documents.alive_count,
        "estimated": _estimated(segments, made.where),
        "allowed": made.allowed.count,
        "matches": 0 if found is None else found.count,
        "mode": "none" if found is None or search is None else _mode(search, found),
        "neighbours": 0 if found is None else int(np.isfinite(found.candidates.cosine).sum()),
        "plans": [] if search is None else _plans(search),
        "segments": [len(segment) for segment in segments],
        "words": [] if words is None else _words(words),
    }


def _mode(search: Search, found: Matches) -> str:
    return "browse" if found.everything else search.mode


def _estimated(segments: Sequence[DocumentSegment], where: Expression) -> int:
    return sum(segment.columns.estimate(where) for segment in segments)


def _plans(search: Search) -> list[dict[str, Any]]:
    """Return how each space was searched, segment by segment."""
    spaces = search.nearest, search.second and search.second.nearest
    return [plan for one in spaces if isinstance(one, ExplainedSearch) for plan in one.plans]


def _words(side: Any) -> list[dict[str, Any]]:
    return [
        {
            "word": word.surface,
            "terms": sorted({term.term for group in word.groups for term in group}),
            "share": round(float(share), 4),
            "known": word.known,
        }
        for word, share in zip(side.query.words, side.shares.weights.tolist(), strict=True)
    ]
