"""Questions that planning asks of all titles, wherever they are.

Planning a text needs document frequencies, terms near a misspelt word, whether a title is called
so. Each is a *question*; every shard answers it for its titles, and :func:`merged` makes one answer
of theirs, the one that a single catalogue of all titles would give.

Asking them one by one would take a round each. So a shard plans the text itself, with its own
answers where it does not know those of all, and returns every answer it needed. Most texts need no
question besides; then planning takes one round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from tv5core.columns import Expression
from tv5core.columns.wording import to_text
from tv5core.lexical import NearName, NearTerm, Statistics, TitleMatch
from tv5core.lexical.fields import FIELDS
from tv5core.query.allowed import Allowed
from tv5core.query.documents import DocumentSnapshot
from tv5core.query.knowledge import Knowledge
from tv5core.query.names import Names
from tv5core.query.planning import Context
from tv5core.query.request import SearchRequest
from tv5core.query.vocabulary import Vocabulary

__all__ = ["Ask", "Elsewhere", "MissingAnswer", "SharedContext", "SharedStatistics", "merged"]

Ask = Callable[..., Any]
"""Takes an operation's name and its arguments; returns the answer of all shards."""


class MissingAnswer(Exception):  # noqa: N818 - no error: the next round asks it
    """A question whose answer of all shards is not known yet."""

    def __init__(self, question: bytes) -> None:
        super().__init__(question)
        self.question = question


def question_of(operation: str, *given: Any) -> bytes:
    """Return a question as the key of its answer."""
    return msgspec.msgpack.encode((operation, *given))


# -- one answer of several ----------------------------------------------------------------


def merged(question: bytes, found: Sequence[Any]) -> Any:
    """Return the answer of all titles, made of those of shards."""
    operation = msgspec.msgpack.decode(question)[0]
    return _MERGES[operation](found)


def _sizes(found: Sequence[Any]) -> Any:
    counts, lengths, rows, words_only = zip(*found, strict=True)
    totals = np.sum(np.array(lengths, np.int64), axis=0).tolist()
    return [sum(counts), totals, max(rows), all(words_only)]


def _all_terms(found: Sequence[Any]) -> Any:
    return sorted(set().union(*found))


def _nearest_terms(found: Sequence[Any]) -> Any:
    """Keep the terms of the smallest distance; add up how often they occur."""
    least = min((one[1] for some in found for one in some), default=0)
    counts: Counter[str] = Counter()
    for some in found:
        for term, distance, frequency in some:
            if distance == least:
                counts[term] += frequency
    return [[term, least, count] for term, count in counts.items()]


def _title_terms(found: Sequence[Any]) -> Any:
    together: dict[str, list[int]] = {}
    for some in found:
        for term, distance, count in some:
            known = together.setdefault(term, [distance, 0])
            known[1] += count
    return [[term, *rest] for term, rest in together.items()]


def _highest(found: Sequence[Any]) -> Any:
    return max((one for one in found if one is not None), default=None)


def _first(found: Sequence[Any]) -> Any:
    return next((one for one in found if one is not None), None)


def _chained(found: Sequence[Any]) -> Any:
    return [one for some in found for one in some]


_MERGES: dict[str, Callable[[Sequence[Any]], Any]] = {
    "sizes": _sizes,
    "frequency": sum,
    "stem": _all_terms,
    "prefix": _all_terms,
    "edits": _nearest_terms,
    "title terms": _title_terms,
    "title word": any,
    "title phrase": any,
    "top": _chained,
    "is title": any,
    "title popularity": _highest,
    "credits": sum,
    "spelled": _first,
    "near names": _chained,
    "has phrase": any,
    "count": sum,
    "called": max,
    "meaning": any,
}


# -- what planning sees -------------------------------------------------------------------


class SharedStatistics(Statistics):
    """The statistics of all shards.

    Parameters
    ----------
    ask : Ask
    """

    def __init__(self, ask: Ask) -> None:
        super().__init__(())
        self._ask = ask
        self.documents, lengths, self.rows, self.reads_words_only = ask("sizes")
        self.norms = self._norms(np.array(lengths, np.int64))

    def document_frequency(
        self, terms: Iterable[str], fields: tuple[int, ...] | None = None
    ) -> int:
        """Count the documents that have any of some terms."""
        numbers = range(len(FIELDS)) if fields is None else fields
        return int(self._ask("frequency", list(terms), list(numbers)))

    def with_stem(self, stem: str) -> list[str]:
        """Return the terms that have a stem, in order."""
        return list(self._ask("stem", stem))

    def with_prefix(self, prefix: str) -> list[str]:
        """Return the terms that begin so, in order."""
        return list(self._ask("prefix", prefix))

    def within_edits(self, word: str, edits: int) -> list[NearTerm]:
        """Return the terms nearest to a word."""
        found = [NearTerm(*one) for one in self._ask("edits", word, edits)]
        return sorted(found, key=lambda n: (-n.frequency, n.term))

    def title_terms_near(
        self, word: str, edits: int, most: int, *, prefix: bool = True
    ) -> list[str]:
        """Return terms of titles near a word, or that begin so."""
        found = self._ask("title terms", word, edits, prefix)
        return [one[0] for one in sorted(found, key=lambda one: (one[1], -one[2], one[0]))][:most]

    def top(self, phrase: str, k: int) -> list[tuple[int, int, float]]:
        """Return the most popular titles with a name that goes on so, by their rows."""
        return [(0, row, popularity) for row, popularity in self._ask("top", phrase, k)]

    def has_title_word(self, term: str) -> bool:
        """Tell whether a title has a term."""
        return bool(self._ask("title word", term))

    def has_title_phrase(self, words: Sequence[str]) -> bool:
        """Tell whether a title has some words side by side."""
        return bool(self._ask("title phrase", list(words)))


class SharedNames(Names):
    """The names in all shards.

    Parameters
    ----------
    ask : Ask
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def is_title(self, text: str) -> bool:
        """Tell whether a document is called like a text."""
        return bool(self._ask("is title", text))

    def title_popularity(self, text: str, level: int = TitleMatch.OTHER_NEAR) -> float | None:
        """Return how well known the best known title of a name is."""
        found: float | None = self._ask("title popularity", text, int(level))
        return found

    def credits(self, name: str) -> int:
        """Count the titles that credit someone of a name."""
        return int(self._ask("credits", name))

    def spelled(self, name: str) -> str | None:
        """Return how the name of someone whom a title credits is spelled."""
        found: str | None = self._ask("spelled", name)
        return found

    def near(self, text: str, guess: str) -> list[NearName]:
        """Return the names near a text of several words."""
        return [NearName(*one) for one in self._ask("near names", text, guess)]

    def has_phrase(self, text: str) -> bool:
        """Tell whether somebody's or a character's name has a text in it."""
        return bool(self._ask("has phrase", text))


class SharedKnowledge(Knowledge):
    """Statistics, names and vocabulary of all shards, whatever documents are named.

    Parameters
    ----------
    ask : Ask
    vocabulary : Vocabulary
    """

    def __init__(self, ask: Ask, vocabulary: Vocabulary) -> None:
        super().__init__()
        self._ask, self._shared = ask, vocabulary
        self._all = SharedStatistics(ask)

    def statistics(self, documents: DocumentSnapshot) -> SharedStatistics:
        """Return the statistics of all."""
        del documents
        return self._all

    def names(self, documents: DocumentSnapshot) -> SharedNames:
        """Return the names of all."""
        del documents
        return SharedNames(self._ask)

    def vocabulary(self, documents: DocumentSnapshot) -> Vocabulary:
        """Return the words that the titles of all give a meaning to."""
        del documents
        return self._shared


class Elsewhere:
    """Stands for a search of neighbours that shards make.

    Attributes
    ----------
    query : str or array
    """

    def __init__(self, query: Any) -> None:
        self.query = query

    def __call__(self, allowed: object, k: int) -> Any:
        """Refuse: planning does not search."""
        raise NotImplementedError("expected a shard to search, got a plan")


@dataclass(frozen=True, eq=False)
class SharedContext(Context):
    """What a search over all shards is planned with; it has no documents of its own.

    Attributes
    ----------
    ask : Ask
    """

    ask: Ask = question_of

    def allowed(
        self, where: Expression, request: SearchRequest, rows: int | None = None
    ) -> Allowed:
        """Return how many documents a filter and a request allow."""
        return _Counting(self.ask, to_text(where), request.allow, rows)

    def called(self, text: str, where: Expression, may: Allowed) -> int:
        """Return the best ``TitleMatch`` of a text among documents that are allowed."""
        del where  # which the other has as text
        given = may.given if isinstance(may, _Counting) else ()
        return int(self.ask("called", text, *given))


class _Counting(Allowed):
    """Documents that a filter allows, counted where that is asked for."""

    def __init__(self, ask: Ask, where: str, allow: list[str] | None, rows: int | None) -> None:
        super().__init__((), (), restricts=where != "*" or allow is not None)
        object.__setattr__(self, "given", (where, allow, rows))
        object.__setattr__(self, "_ask", ask)

    given: tuple[str, list[str] | None, int | None]
    _ask: Ask

    @property
    def count(self) -> int:
        """Documents of all shards."""
        return int(self._ask("count", *self.given))
