"""Planning a text for all shards: the same code in each of them and in the coordinator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from tv5core.cluster.messages import Asked, Words
from tv5core.cluster.questions import Ask, Elsewhere, SharedContext, SharedKnowledge
from tv5core.columns.wording import to_text
from tv5core.lexical.suggesting import Suggestion, suggest
from tv5core.query.documents import DocumentSnapshot
from tv5core.query.grammar import as_filter
from tv5core.query.planning import Plan, plan
from tv5core.query.request import SearchRequest
from tv5core.query.view import View
from tv5core.query.vocabulary import Vocabulary

__all__ = ["asked_of", "planned", "request_of", "sent", "suggested"]

_NO_KEYS = np.empty(0, np.int64)
_NOTHING = View(None, DocumentSnapshot(), 0)
_SENT = ("text", "k", "mode", "understand", "allow", "exact")
_SCORED = {"sizes", "frequency"}


def sent(
    request: SearchRequest, schema: Mapping[str, str], rows: int | None, pool: int
) -> dict[str, Any]:
    """Return what shards need of a request to plan it."""
    where = None if request.where is None else to_text(as_filter(request.where, schema))
    more = {"where": where, "sort": str(request.sort), "facets": list(request.facets)}
    kept = {name: getattr(request, name) for name in _SENT}
    return {"kind": "search", "rows": rows, "pool": pool, **kept, **more}


def request_of(given: dict[str, Any]) -> SearchRequest:
    """Return a request as it was sent."""
    if given["kind"] == "suggest":
        return SearchRequest(given["text"], None, given["k"])
    kept = {name: given[name] for name in ("mode", "where", "understand", "allow", "exact")}
    facets = dict(given["facets"])
    return SearchRequest.of(given["text"], given["k"], sort=given["sort"], facets=facets, **kept)


def planned(
    given: dict[str, Any],
    request: SearchRequest,
    ask: Ask,
    vocabulary: Vocabulary,
    schema: Mapping[str, str],
) -> Plan | None:
    """Plan what was sent, with the answers that ``ask`` gives; of suggestions nothing is left.

    Raises
    ------
    MissingAnswer
        ``ask`` does.
    """
    knowledge = SharedKnowledge(ask, vocabulary)
    if given["kind"] == "suggest":
        suggested(given, knowledge)
        return None
    context = SharedContext(
        _NOTHING,
        knowledge,
        schema,
        lambda query: Elsewhere(query) if ask("meaning", query) else None,
        lambda _: _NO_KEYS,
        knowledge.statistics(_NOTHING.documents).reads_words_only,
        ask=ask,
    )
    return plan(context, request, given["rows"], given["pool"])


def suggested(given: dict[str, Any], knowledge: SharedKnowledge) -> list[Suggestion]:
    """Return what to suggest; the numbers of documents are rows."""
    return suggest(knowledge.statistics(_NOTHING.documents), given["text"], given["k"])


def asked_of(
    made: Plan, request: SearchRequest, table: dict[bytes, Any], rows: int | None, first: int | None
) -> Asked:
    """Return a plan as shards are asked to carry it out."""
    search = made.search
    words = nearest = None
    if search is not None:
        nearest = search.nearest
        if (one := search.words) is not None:
            shares = one.shares
            words = Words(one.query, shares.weights, shares.known, shares.totals, shares.unfamiliar)
    return Asked(
        words,
        {name: found for name, found in table.items() if _is_scored(name)},
        "keyword" if search is None else search.mode,
        request.k,
        0 if search is None else search.pool,
        to_text(made.where),
        meaning=nearest.query if isinstance(nearest, Elsewhere) else None,
        allow=request.allow,
        rows=rows,
        readings=() if search is None else tuple(map(to_text, search.readings)),
        exact=request.exact,
        reads_words_only=search is None or search.reads_words_only,
        sort=str(request.sort),
        first=first,
    )


def _is_scored(question: bytes) -> bool:
    return msgspec.msgpack.decode(question)[0] in _SCORED
