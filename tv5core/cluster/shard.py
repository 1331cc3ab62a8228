"""Shard: answers a coordinator for the titles of one part.

It keeps nothing between two messages but what makes it faster, so any replica may answer the next.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Any

import numpy as np

from tv5core import bitmap
from tv5core.cluster import messages
from tv5core.cluster.answering import LocalAnswers
from tv5core.cluster.messages import (
    PROTOCOL,
    Asked,
    Matched,
    Narrowed,
    Reply,
    Weighed,
    decode,
    encode,
)
from tv5core.cluster.part import Part
from tv5core.cluster.planning import planned, request_of
from tv5core.cluster.questions import SharedStatistics, question_of
from tv5core.columns import count_facet
from tv5core.errors import ShardError, Tv5Error
from tv5core.lexical import Evidence
from tv5core.lexical.scoring import allowed_by
from tv5core.query.allowed import Allowed
from tv5core.query.evidence import Candidates, Neighbours, WordShares, gather
from tv5core.query.execution import by_words, evidence_for, matching_evidence, named, near_in
from tv5core.query.grammar import as_filter
from tv5core.query.knowledge import values_of
from tv5core.query.paging import MAX_KEPT, highest
from tv5core.query.planning import Context
from tv5core.query.request import SearchRequest, Sort
from tv5core.query.search import Search, WordSide
from tv5core.query.sorting import first_places, keys_at, values_at
from tv5core.query.title_text import first_phrases, phrases
from tv5core.query.view import View
from tv5core.query.weighing import priors_of
from tv5core.store import titles

__all__ = ["Shard"]

_KEPT = 32


class _Work:
    """One search, ready to be made of a part's titles."""

    def __init__(self, part: Part, asked: Asked) -> None:
        self.asked = asked
        request = SearchRequest("", None, asked.k, exact=asked.exact, allow=asked.allow)
        self.view, self.context = part.prepared(request)
        segments = self.view.documents.segments
        where = as_filter(asked.where, self.context.schema)
        self.allowed = self.context.allowed(where, request, asked.rows)
        self.search = _search(asked, self.view, self.context)
        words = self.search.words
        if words is not None and (words.query.phrases or words.query.excluded):
            full = zip(segments, self.allowed.full(segments), strict=True)
            self.allowed = self.allowed.intersect(
                [allowed_by(segment.words, words.query, some) for segment, some in full]
            )
        self.evidence: list[Evidence] = evidence_for(self.search, self.allowed, series=False)


def _search(asked: Asked, view: View, context: Context) -> Search:
    words = None
    if asked.words is not None:
        one = asked.words
        shares = WordShares(one.weights, one.known, one.totals, one.unfamiliar)
        statistics = SharedStatistics(lambda *given: asked.table[question_of(*given)])
        words = WordSide(one.query, statistics, shares)
    query: Any = asked.meaning if asked.vector is None else asked.vector
    nearest = None if query is None else context.meaning(query)
    readings = tuple(as_filter(one, context.schema) for one in asked.readings)
    soft = tuple(
        tuple(segment.columns.evaluate(one) for segment in view.documents.segments)
        for one in readings
    )
    return Search(
        view, words, nearest, asked.mode, asked.k, asked.pool, soft,
        reads_words_only=asked.reads_words_only, readings=readings,
    )  # fmt: skip


class Shard:
    """Answers messages.

    Parameters
    ----------
    part : Part
    """

    def __init__(self, part: Part) -> None:
        self.part = part
        self._works: OrderedDict[bytes, _Work] = OrderedDict()

    # -- planning -------------------------------------------------------------------------

    def prepare(self, message: bytes) -> object:
        """Plan a text; return what had to be asked of these titles."""
        asked = decode(message, messages.Prepare)
        request = request_of(asked.request)
        view, context = self.part.prepared(request)
        answers = LocalAnswers(context, self.part.next_row, asked.table)
        for question in asked.questions:
            answers.answer(question)
        vocabulary = context.knowledge.vocabulary(view.documents)
        planned(asked.request, request, answers.ask, vocabulary, context.schema)
        return messages.Answers(answers.own)

    def vocabulary(self, message: bytes) -> object:
        """Return the values that texts may name."""
        del message
        view, _ = self.part.prepared(_ANYTHING)
        return messages.Vocabulary(view.documents.alive_count, values_of(view.documents))

    # -- matching -------------------------------------------------------------------------

    def _work(self, asked: Asked) -> _Work:
        """Return a search, which is begun once even where it takes two messages."""
        name = encode(asked)
        known = self._works.pop(name, None)
        view = self.part.prepared(_ANYTHING)[0]
        work = known if known is not None and known.view is view else _Work(self.part, asked)
        self._works[name] = work
        while len(self._works) > _KEPT:
            self._works.popitem(last=False)
        return work

    def weigh(self, message: bytes) -> object:
        """Say how many titles share words with a query."""
        work = self._work(decode(message, Asked))
        totals = [some.scores.sum(axis=0) for some in work.evidence]
        sums = np.concatenate([np.empty(0, np.float32), *totals])
        most = max(4_096, 2 * max(work.search.pool, work.search.k))
        if len(sums) > most:
            sums = -np.partition(-sums, most - 1)[:most]
        found = sum(map(len, work.evidence))
        return Weighed(found, named(work.evidence), work.allowed.count, sums)

    def match(self, message: bytes) -> object:
        """Return candidates, and the neighbours among them."""
        asked = decode(message, Narrowed)
        work = self._work(asked.asked)
        near = _neighbours(work, asked)
        return _matched(work, near)

    def list(self, message: bytes) -> object:
        """Return the first of all that is allowed, in an order."""
        work = self._work(decode(message, Asked))
        documents, knowledge = work.view.documents, work.context.knowledge
        segments, sort = documents.segments, Sort.of(work.asked.sort)
        alphabet = partial(knowledge.title_order, documents)
        order_of = partial(knowledge.order, documents, sort)
        places = first_places(work.allowed.full(segments), segments, work.asked.first, order_of)
        keys, values = keys_at(segments, places), values_at(segments, sort, places, alphabet)
        if work.asked.first is not None:
            some = highest(values, keys, work.asked.first)
            places = places[0][some], places[1][some]
            keys, values = keys[some], values[some]
        texts = _texts(work.view, *places) if sort.by == "title" else []
        return messages.Listed(work.allowed.count, keys, values, texts)

    def count(self, message: bytes) -> object:
        """Count the values of a field among the matches of this shard."""
        asked = decode(message, messages.Count)
        work = self._work(asked.asked)
        bitmaps = _counted(work, asked)
        segments = work.view.documents.segments
        pairs = [(one.columns, some) for one, some in zip(segments, bitmaps, strict=True)]
        return messages.Counted(list(count_facet(pairs, asked.field).items()))

    # -- titles ---------------------------------------------------------------------------

    def titles(self, message: bytes) -> object:
        """Return the titles in some rows, those that are here."""
        keys = decode(message, messages.Keys).keys
        found = zip(keys, self.part.reader.titles(keys), strict=True)
        return messages.Titles({key: titles.encode(one) for key, one in found if one is not None})

    def names(self, message: bytes) -> object:
        """Return the folded names of the titles in some rows."""
        keys = np.array(decode(message, messages.Keys).keys, np.int64)
        view, _ = self.part.prepared(_ANYTHING)
        place, document = view.documents.locate(keys)
        found: dict[int, list[str]] = {}
        for number, segment in enumerate(view.documents.segments):
            here = np.flatnonzero(place == number)
            several = phrases(segment.words.suggestions, document[here].tolist())
            found.update(zip(keys[here].tolist(), several, strict=True))
        return messages.Names(found)

    def get(self, message: bytes) -> object:
        """Return the titles of some ids, by row, those that are here."""
        ids = decode(message, list[str])
        rows = [row for one in ids if (row := self.part.row_of(one)) is not None]
        return self.titles(encode(messages.Keys(rows)))

    def vectors(self, message: bytes) -> object:
        """Return the vectors of some ids, those that are here and have one."""
        ids = decode(message, list[str])
        pairs = zip(ids, self.part.get_vectors(ids), strict=True)
        found = [(name, vector) for name, vector in pairs if vector is not None]
        return messages.Vectors([name for name, _ in found], [vector for _, vector in found])

    def size(self, message: bytes) -> object:
        """Return how many titles there are."""
        del message
        return messages.Size(self.part.count())

    # -- answering ------------------------------------------------------------------------

    def handle(self, method: str, message: bytes) -> bytes:
        """Answer a message; errors are replies, too."""
        part = self.part
        try:
            if method not in _METHODS:
                raise ShardError(f"expected one of {', '.join(sorted(_METHODS))}, got {method}")
            body = encode(getattr(self, method)(message))
        except Tv5Error as error:
            failure = messages.Failure(type(error).__name__, str(error))
            return encode(Reply(PROTOCOL, part.space, part.seq, failure=failure))
        return encode(Reply(PROTOCOL, part.space, part.seq, body))


_METHODS = {
    "count", "get", "list", "match", "names", "prepare", "size", "titles", "vectors",
    "vocabulary", "weigh",
}  # fmt: skip
_ANYTHING = SearchRequest("", None, 1)
_BY_RELEVANCE = str(Sort())


def _neighbours(work: _Work, asked: Narrowed) -> Neighbours | None:
    """Return the nearest of what is compared by meaning."""
    search, some = work.search, work.allowed
    if search.nearest is None:
        return None
    if asked.narrow:
        segments = work.view.documents.segments
        chosen = [
            one.documents
            if asked.least is None
            else one.documents[one.scores.sum(axis=0) >= np.float32(asked.least)]
            for one in work.evidence
        ]
        pairs = zip(chosen, segments, strict=True)
        bitmaps = tuple(bitmap.from_rows(rows, len(one)) for rows, one in pairs)
        some = Allowed(bitmaps, tuple(map(len, chosen)), restricts=True)
    keys, cosines, _ = near_in(search, search.nearest, some)
    segment, document = work.view.locate(keys)
    here = segment >= 0
    return Neighbours(segment[here], document[here], cosines[here], bool((~here).any()))


def _matched(work: _Work, near: Neighbours | None) -> Matched:
    search, view = work.search, work.view
    segments = view.documents.segments
    found = gather(segments, matching_evidence(search, work.evidence, near), near)
    chosen = np.zeros(len(found), bool)
    if search.words is not None and search.mode != "semantic":
        chosen = by_words(search.words, found)
    total = int(np.count_nonzero(chosen))
    if work.asked.sort == _BY_RELEVANCE:
        found, chosen = _likely(search, found, chosen)
    priors = priors_of(search, found)
    places, sort = (found.segment, found.document), Sort.of(work.asked.sort)
    own = sort.by not in {"relevance", "title"}
    near = near or _NO_NEIGHBOURS
    return Matched(
        total,
        work.allowed.count,
        work.allowed.restricts,
        not total and _elsewhere(work),
        keys_at(segments, (near.segment, near.document)),
        near.cosine,
        near.complete,
        found.keys,
        found.scores,
        found.words,
        found.title_match,
        found.title_length,
        chosen,
        priors.votes,
        priors.year,
        priors.readings,
        values_at(segments, sort, places, list) if own else np.empty(0),
        _texts(view, *places) if sort.by == "title" else [],
    )


_NO_NEIGHBOURS = Neighbours(
    np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float32), complete=False
)


def _likely(search: Search, found: Candidates, chosen: Any) -> tuple[Candidates, Any]:
    """Keep what may be among the first of all shards, as ``best`` does, where there is much more.

    Neighbours look better here than they may be among those of all shards, so as many more are
    kept.
    """
    near = int(np.isfinite(found.cosine).sum())
    if len(found) <= MAX_KEPT + near or search.words is None:
        return found, chosen
    rough = search.words.shares.of(np.bitwise_or.reduce(found.words, axis=0)) + found.title_match
    rough = rough + np.nan_to_num(found.cosine, nan=0) + 0.01 * found.scores.sum(axis=0)
    some = highest(rough, found.keys, MAX_KEPT + near)
    some = np.union1d(some, np.flatnonzero(np.isfinite(found.cosine)))
    return found.take(some), chosen[some]


def _elsewhere(work: _Work) -> bool:
    """Tell whether titles that filters leave out hold half of a query's words."""
    search = work.search
    if search.words is None or search.mode == "semantic" or not work.allowed.restricts:
        return False
    counts = work.allowed.counts
    everything = Allowed((None,) * len(counts), counts, restricts=False)
    segments = work.view.documents.segments
    found = gather(segments, evidence_for(search, everything, series=False), None)
    return bool(by_words(search.words, found).any())


def _counted(work: _Work, asked: messages.Count) -> list[bitmap.Bitmap]:
    """Return the matches of this shard."""
    view = work.view
    segments = view.documents.segments
    if asked.everything:
        return work.allowed.full(segments)
    place, document = view.locate(np.array(asked.keys, np.int64))
    found = []
    for number, (segment, some) in enumerate(zip(segments, work.evidence, strict=True)):
        rows = [document[place == number]]
        if asked.by_words and work.search.words is not None:
            rows.append(some.documents[by_words(work.search.words, some)].astype(np.int64))
        found.append(bitmap.from_rows(np.unique(np.concatenate(rows)), len(segment)))
    return found


def _texts(view: View, segment: Any, document: Any) -> list[str]:
    """Return the folded titles of documents."""
    found = [""] * len(document)
    for number, one in enumerate(view.documents.segments):
        here = np.flatnonzero(segment == number)
        some = document[here]
        order = np.argsort(some, kind="stable")
        texts = first_phrases(one.words.suggestions, some[order].tolist())
        for at, text in zip(here[order].tolist(), texts, strict=True):
            found[at] = text
    return found
