"""One search over all shards, round by round: planned, matched, ranked, counted, decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from msgspec import structs

from tv5core.cluster import messages
from tv5core.cluster.merging import Chosen, chosen_of, listed, narrowing, sorted_matches
from tv5core.cluster.messages import Asked
from tv5core.cluster.planning import planned, request_of
from tv5core.cluster.questions import MissingAnswer, merged, question_of
from tv5core.cluster.rounds import Rounds
from tv5core.columns import drop_field
from tv5core.columns.wording import to_text
from tv5core.errors import ShardError
from tv5core.query.grammar import as_filter
from tv5core.query.paging import Ranking
from tv5core.query.planning import Plan
from tv5core.query.request import SearchRequest
from tv5core.query.search import Search
from tv5core.query.vocabulary import Vocabulary
from tv5core.query.weighing import best, last_of, ranked, weigh
from tv5core.results import FacetValue
from tv5core.store import titles
from tv5core.types import Title

__all__ = ["Fetched", "Matches", "count_facets", "match", "plan_text", "planned_by_all", "rank"]

I64 = npt.NDArray[np.int64]
T = TypeVar("T")

_ROUNDS = 64
"""Rounds of questions after which a plan is given up; none was seen to take ten."""


# -- planning -----------------------------------------------------------------------------


async def planned_by_all(
    rounds: Rounds,
    given: dict[str, Any],
    made: Callable[[Callable[..., Any]], T],
) -> tuple[T, dict[bytes, Any]]:
    """Plan with the answers of all shards; return what ``made`` does, and the answers.

    Parameters
    ----------
    rounds : Rounds
    given : dict
        What shards plan; see ``planning.sent``.
    made : callable
        Plans, with a function that answers questions.
    """
    table: dict[bytes, Any] = {}
    wanted: list[bytes] = []
    for _ in range(_ROUNDS):
        try:
            return made(_asking(table)), table
        except MissingAnswer as missing:
            asked = messages.Prepare(given, table, list({*wanted, missing.question}))
        answers = [one.found for one in await rounds.ask("prepare", asked, messages.Answers)]
        everything = set().union(*answers)
        known = set(answers[0]).intersection(*answers[1:])
        table = table | {one: merged(one, [some[one] for some in answers]) for one in known}
        wanted = sorted(everything - known)
    raise ShardError(f"expected a plan after {_ROUNDS} rounds, got more questions")


def _asking(table: Mapping[bytes, Any]) -> Callable[..., Any]:
    def ask(operation: str, *given: Any) -> Any:
        question = question_of(operation, *given)
        if question not in table:
            raise MissingAnswer(question)
        return table[question]

    return ask


async def plan_text(
    rounds: Rounds, given: dict[str, Any], vocabulary: Vocabulary, schema: Mapping[str, str]
) -> tuple[Plan, dict[bytes, Any]]:
    """Plan a search for all shards."""
    request = request_of(given)

    def made(ask: Callable[..., Any]) -> Plan:
        plan = planned(given, request, ask, vocabulary, schema)
        if plan is None:
            raise ShardError("expected a plan of a search, got none")
        return plan

    return await planned_by_all(rounds, given, made)


# -- matching -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Matches:
    """What matches a search.

    Attributes
    ----------
    asked : Asked
    search : Search
    chosen : Chosen or None
        None where everything that is allowed matches.
    ranking : Ranking or None
        Its order there.
    count : int
    """

    asked: Asked
    search: Search
    chosen: Chosen | None
    ranking: Ranking | None
    count: int

    @property
    def complete(self) -> bool:
        """Whether there are no more."""
        return self.chosen is None or self.chosen.complete


async def match(rounds: Rounds, asked: Asked, search: Search) -> Matches:
    """Find what matches in all shards."""
    looked_for = search.words is not None and search.words.query.text
    if not looked_for and search.nearest is None:
        found = await rounds.ask("list", asked, messages.Listed)
        ranking = listed(asked, found)
        return Matches(asked, search, None, ranking, sum(one.count for one in found))
    narrow, least = False, None
    if search.nearest is not None and search.mode == "hybrid" and search.reads_words_only:
        weighed = await rounds.ask("weigh", asked, messages.Weighed)
        narrow, least = narrowing(search, weighed)
    message = messages.Narrowed(asked, narrow, least)
    matched = await rounds.ask("match", message, messages.Matched)
    chosen = chosen_of(search, asked, matched, narrow=narrow)
    return Matches(asked, search, chosen, None, chosen.count)


async def rank(fetched: Fetched, found: Matches, request: SearchRequest) -> Ranking:
    """Order what matches."""
    if found.ranking is not None:
        return found.ranking
    chosen, search = found.chosen, found.search
    if chosen is None:
        raise ShardError("expected matches, got none")
    if request.sort.by != "relevance":
        return sorted_matches(chosen, found.asked.first)
    some, words = chosen.candidates, search.words
    if words is None or search.mode == "semantic":
        cosine = some.cosine
        near = np.clip(cosine, 0, 1)
        return Ranking.of(some.keys, cosine.astype(np.float64), cosine, near, {})
    some = best(some, words.shares)
    at = np.flatnonzero(np.isin(chosen.candidates.keys, some.keys))
    priors = chosen.priors
    if len(at) < len(chosen.candidates):
        order = {key: place for place, key in enumerate(chosen.candidates.keys.tolist())}
        at = np.array([order[key] for key in some.keys.tolist()], np.int64)
        priors = replace(
            priors, votes=priors.votes[at], year=priors.year[at], readings=priors.readings[at]
        )
    keys, last = some.keys, last_of(some)

    def weighing() -> Any:
        return weigh(
            words, some, priors, last, lambda first: fetched.names(keys[first]), second=False
        )

    table = await fetched.have(weighing)
    return ranked(words, some, table, second=False, explain=request.explain)


# -- counting -----------------------------------------------------------------------------


async def count_facets(
    rounds: Rounds,
    request: SearchRequest,
    asked: Asked,
    found: Matches | None,
    schema: Mapping[str, str],
) -> dict[str, tuple[FacetValue, ...]]:
    """Count values of fields among all matches; see ``answering.facets_of``."""
    counted: dict[str, tuple[FacetValue, ...]] = {}
    whole = as_filter(asked.where, schema)
    for name, limit in request.facets:
        some, where = found, drop_field(whole, name)
        if found is not None and where != whole:
            wider = structs.replace(asked, where=to_text(where))
            some = await match(rounds, wider, found.search)
        counted[name] = await _counted(rounds, name, limit, asked, some)
    return counted


async def _counted(
    rounds: Rounds, name: str, limit: int, asked: Asked, found: Matches | None
) -> tuple[FacetValue, ...]:
    keys: list[int] = []
    everything = by_words = False
    if found is not None:
        asked, chosen = found.asked, found.chosen
        everything = chosen is None
        if chosen is not None:
            keys, by_words = chosen.near.tolist(), chosen.by_words
    message = messages.Count(asked, name, everything, by_words, keys)
    total: Counter[Any] = Counter()
    for one in await rounds.ask("count", message, messages.Counted):
        for value, count in one.values:
            total[value] += count
    first = sorted(total.items(), key=lambda item: (-item[1], _place(item[0])))[:limit]
    return tuple(FacetValue(value, count) for value, count in first)


def _place(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


# -- titles -------------------------------------------------------------------------------


class _MissingError(Exception):
    """Rows of which something is not here yet."""

    def __init__(self, method: str, keys: list[int]) -> None:
        super().__init__(method)
        self.method, self.keys = method, keys


class Fetched:
    """Titles and names of shards, fetched when they are asked for.

    Parameters
    ----------
    rounds : Rounds
    """

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds
        self._titles: dict[int, Title | None] = {}
        self._names: dict[int, list[str]] = {}

    async def have(self, work: Callable[[], T]) -> T:
        """Do some work again until all that it asks for is here."""
        while True:
            try:
                return work()
            except _MissingError as missing:
                await getattr(self, f"_fetch_{missing.method}")(missing.keys)

    def titles(self, rows: Iterable[int]) -> list[Title | None]:
        """Return the titles in some rows, None where there is none."""
        keys = list(rows)
        if missing := [key for key in keys if key not in self._titles]:
            raise _MissingError("titles", missing)
        return [self._titles[key] for key in keys]

    def names(self, keys: I64) -> list[list[str]]:
        """Return the folded names of titles."""
        if missing := [key for key in keys.tolist() if key not in self._names]:
            raise _MissingError("names", missing)
        return [self._names[key] for key in keys.tolist()]

    async def _fetch_titles(self, keys: list[int]) -> None:
        self._titles.update(dict.fromkeys(keys))
        message = messages.Keys(keys)
        for one in await self._rounds.ask("titles", message, messages.Titles):
            self._titles.update({key: titles.decode(data) for key, data in one.found.items()})

    async def _fetch_names(self, keys: list[int]) -> None:
        self._names.update({key: [] for key in keys})
        for one in await self._rounds.ask("names", messages.Keys(keys), messages.Names):
            self._names.update(one.found)
