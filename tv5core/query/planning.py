"""From a request to a search: parse the text, read it, decide what is a filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import structs

from tv5core import bitmap
from tv5core.columns import Expression
from tv5core.columns.expressions import all_of
from tv5core.columns.wording import to_text
from tv5core.errors import InvalidFilterError
from tv5core.lexical import TitleMatch, Typed
from tv5core.query.allowed import Allowed, allowed
from tv5core.query.conditions import filter_of, reading_of
from tv5core.query.grammar import as_filter, field_names
from tv5core.query.interpretation import Found, Understood, understand
from tv5core.query.knowledge import Knowledge
from tv5core.query.parsing import ParsedQuery, parse
from tv5core.query.request import SearchRequest
from tv5core.query.search import LEAST_CORRECTED, LEAST_KNOWN, POOL, Search, WordSide
from tv5core.query.second import NearestSearch, SecondMeaning
from tv5core.query.view import View
from tv5core.results import Interpretation

__all__ = ["Context", "Plan", "plan"]

I64 = npt.NDArray[np.int64]

MeaningSearch = Callable[[str | npt.NDArray[Any]], NearestSearch | None]
SecondSearch = Callable[[str, str], SecondMeaning | None]


def _without_second(_: str, __: str) -> None:
    """Say that there is no second space."""


@dataclass(frozen=True, eq=False)
class Context:
    """What searches are made with.

    Attributes
    ----------
    view : View
    knowledge : Knowledge
        Of the view's documents.
    schema : mapping of str to str
        Types of the catalogue's own fields.
    meaning : callable
        Embeds a text, or takes a vector; returns how its neighbours are found, None where there
        are none.
    keys_of : callable
        From ids to the keys of those that exist.
    reads_words_only : bool
        Whether the embedder knows no more words than the catalogue has, so that a text without any
        of these has no meaning.
    second : callable
        Takes a text, and the text for exact scores in the first space (none where empty); returns
        what the second space says of it, None where there is none.
    """

    view: View
    knowledge: Knowledge
    schema: Mapping[str, str]
    meaning: MeaningSearch
    keys_of: Callable[[Sequence[str]], I64]
    reads_words_only: bool = True
    second: SecondSearch = _without_second

    def allowed(
        self, where: Expression, request: SearchRequest, rows: int | None = None
    ) -> Allowed:
        """Return the documents that a filter and a request allow."""
        keys = None if request.allow is None else self.keys_of(request.allow)
        return allowed(self.view.documents.segments, where, keys, rows, self.keys_of)

    def called(self, text: str, where: Expression, may: Allowed) -> int:
        """Return the best ``TitleMatch`` of a text among documents that are allowed.

        Parameters
        ----------
        text : str
        where : Expression
        may : Allowed
            What the filter leaves.
        """
        del where  # for those who have no bitmaps
        best = 0
        segments = self.view.documents.segments
        for segment, some in zip(segments, may.full(segments), strict=True):
            documents, levels = segment.words.titles.matches(text)
            here = levels[bitmap.test(some, documents)] if len(documents) else levels
            best = max(best, int(here.max(initial=0)))
        return best


@dataclass(frozen=True, eq=False)
class Plan:
    """A search that is ready to be made, and how its text was read.

    Attributes
    ----------
    search : Search or None
        None where nothing can be found.
    where : Expression
        All filters.
    allowed : Allowed
        What they leave.
    interpretation : Interpretation or None
        None where there was no text.
    """

    search: Search | None
    where: Expression
    allowed: Allowed
    interpretation: Interpretation | None = None


def plan(
    context: Context, request: SearchRequest, rows: int | None = None, pool: int = POOL
) -> Plan:
    """Prepare a search by text or vector, or of what filters leave.

    Parameters
    ----------
    context : Context
    request : SearchRequest
    rows : int or None
        Only titles in rows below it.
    pool : int
        Neighbours in meaning to look at.

    Raises
    ------
    InvalidInputError
        A filter is wrong, or the text is.
    """
    parsed = parse(request.text, field_names(context.schema))
    where = _where(request.where, parsed, context.schema)
    may = context.allowed(where, request, rows)
    if request.vector is not None:
        nearest = context.meaning(request.vector)
        found = nearest and Search(context.view, None, nearest, "semantic", request.k, pool)
        return Plan(found, where, may)
    if not any(map(str.isalnum, parsed.text)):
        return _browse(context, request, parsed, where, may)
    nothing = Understood(parsed.text, parsed.text)
    read = _understood(context, parsed) if request.understand else nothing
    text, where, may, interpretation = _chosen(context, request, read, where, may, rows)
    if not any(map(str.isalnum, text)):
        listed = _listed(context, request, parsed, where, may)
        return replace(listed, interpretation=interpretation)
    soft = () if interpretation.applied else read.found
    search = _search(context, request, Typed(text, parsed.phrases, parsed.excluded), soft, pool)
    return Plan(search, where, may, interpretation)


def _where(given: object, parsed: ParsedQuery, schema: Mapping[str, str]) -> Expression:
    """Join the filters of a request and of its text."""
    parts = [as_filter(given, schema)]
    for at, clause in parsed.clauses:
        try:
            parts.append(as_filter(clause, schema))
        except InvalidFilterError as error:
            raise InvalidFilterError(f"{error}, in {clause!r} at {at} of the query", at) from error
    return all_of(parts)


def _understood(context: Context, parsed: ParsedQuery) -> Understood:
    documents = context.view.documents
    vocabulary = context.knowledge.vocabulary(documents)
    return understand(parsed.text, vocabulary, context.knowledge.names(documents).spelled)


def _browse(
    context: Context, request: SearchRequest, parsed: ParsedQuery, where: Expression, may: Allowed
) -> Plan:
    """Plan to list what filters leave, without words and phrases that are not wanted.

    Signs alone are a text of which nothing is known; and no text at all finds something only where
    something else is asked for.
    """
    if parsed.text:
        return Plan(None, where, may, Interpretation(parsed.text))
    if not (parsed.clauses or parsed.excluded or request.lists):
        return Plan(None, where, may)
    return _listed(context, request, parsed, where, may)


def _listed(
    context: Context, request: SearchRequest, parsed: ParsedQuery, where: Expression, may: Allowed
) -> Plan:
    """Plan to list what filters leave."""
    words = None
    if parsed.excluded:
        statistics = context.knowledge.statistics(context.view.documents)
        words = WordSide.of(Typed("", (), parsed.excluded), statistics)
    return Plan(Search(context.view, words, None, "keyword", request.k), where, may)


def _chosen(
    context: Context,
    request: SearchRequest,
    read: Understood,
    where: Expression,
    may: Allowed,
    rows: int | None,
) -> tuple[str, Expression, Allowed, Interpretation]:
    """Decide whether readings become filters; return what is left to search for, and in what."""
    found = [one for one in read.found if not one.alone]
    readings = tuple(map(reading_of, found))
    as_words = Interpretation(read.text, "", readings)
    if not found or not read.describes:
        return read.text, where, may, as_words
    if context.called(read.text, where, may) >= TitleMatch.OTHER_NEAR:
        reason = "a title has this name"
        return read.text, where, may, structs.replace(as_words, reason=reason)
    found = _without_series(context, read, found, where, request, rows)
    narrowed = all_of([where, filter_of(found)])
    left = context.allowed(narrowed, request, rows)
    if not left.count:
        reason = "no title passes these filters"
        return read.text, where, may, structs.replace(as_words, reason=reason)
    readings = tuple(map(reading_of, found))
    shown_where = to_text(filter_of(found)) if found else ""
    applied = Interpretation(read.rest, shown_where, readings, applied=True)
    return read.rest, narrowed, left, applied


def _without_series(
    context: Context,
    read: Understood,
    found: list[Found],
    where: Expression,
    request: SearchRequest,
    rows: int | None,
) -> list[Found]:
    """Drop "series" where the rest is the name of films only: "die hard series"."""
    others = [one for one in found if one.kind != "kind"]
    if len(others) == len(found) or not read.rest:
        return found
    wide, narrow = (
        context.called(read.rest, some, context.allowed(some, request, rows))
        for some in (all_of([where, filter_of(kinds)]) for kinds in (others, found))
    )
    return others if wide > narrow else found


def _search(
    context: Context,
    request: SearchRequest,
    typed: Typed,
    soft: Sequence[Found],
    pool: int,
) -> Search | None:
    """Look the words up; None where nothing is known of the text."""
    documents = context.view.documents
    names = context.knowledge.names(documents)
    words = WordSide.of(typed, context.knowledge.statistics(documents), names)
    known = _is_known(context, words)
    second = None
    if request.mode != "keyword":
        second = context.second(typed.text, words.query.text if known else "")
    if request.mode == "semantic":
        has_words = any(words.query.known) or not context.reads_words_only
        nearest = context.meaning(typed.text) if has_words else None
        if nearest is None and second is None:
            return None
        return Search(context.view, words, nearest, "semantic", request.k, pool, (), second)
    if not known:
        if second is None:
            return None
        return Search(
            context.view, words, None, request.mode, request.k, pool, (), second, foreign=True
        )
    nearest = None
    if request.mode == "hybrid":
        nearest = context.meaning(words.query.text)
    readings = tuple(filter_of([one]) for one in soft)
    bitmaps = tuple(
        tuple(segment.columns.evaluate(one) for segment in documents.segments) for one in readings
    )
    return Search(
        context.view, words, nearest, request.mode, request.k, pool, bitmaps, second,
        reads_words_only=context.reads_words_only, readings=readings,
    )  # fmt: skip


def _is_known(context: Context, words: WordSide) -> bool:
    as_typed = any(word.known and not word.corrections for word in words.query.words)
    least = LEAST_KNOWN if as_typed else LEAST_CORRECTED
    if words.shares.known >= least or not context.reads_words_only:
        return any(words.query.known)
    return context.knowledge.names(context.view.documents).is_title(words.query.text)
