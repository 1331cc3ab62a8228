"""What one shard answers to the questions of planning, for its own titles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from tv5core.cluster.questions import merged, question_of
from tv5core.lexical.fields import FIELDS
from tv5core.query.grammar import as_filter
from tv5core.query.planning import Context
from tv5core.query.request import SearchRequest

__all__ = ["LocalAnswers"]

_MOST_TERMS = 1_000
"""Terms of titles near a word, of which all shards together are asked for a few dozen at most."""


class LocalAnswers:
    """Answers questions: with those of all shards where they are known, else for itself.

    Parameters
    ----------
    context : Context
        Of the shard's titles.
    next_row : int
    table : dict of bytes to Any
        Answers of all shards.

    Attributes
    ----------
    own : dict of bytes to Any
        What was answered for these titles alone.
    """

    def __init__(self, context: Context, next_row: int, table: dict[bytes, Any]) -> None:
        self._context, self._next_row, self._table = context, next_row, table
        documents = context.view.documents
        self._statistics = context.knowledge.statistics(documents)
        self._names = context.knowledge.names(documents)
        self.own: dict[bytes, Any] = {}

    def ask(self, operation: str, *given: Any) -> Any:
        """Answer as all shards do, as far as is known."""
        question = question_of(operation, *given)
        if question in self._table:
            return self._table[question]
        return merged(question, [self.answer(question)])

    def answer(self, question: bytes) -> Any:
        """Answer for these titles."""
        if question not in self.own:
            operation, *given = msgspec.msgpack.decode(question)
            self.own[question] = getattr(self, _METHODS[operation])(*given)
        return self.own[question]

    # -- statistics -----------------------------------------------------------------------

    def _on_sizes(self) -> Any:
        parts = self._statistics.parts
        lengths = sum((part.length_totals for part in parts), np.zeros(len(FIELDS), np.int64))
        return [
            self._statistics.documents,
            lengths.tolist(),
            self._next_row,
            self._context.reads_words_only,
        ]

    def _on_frequency(self, terms: list[str], fields: list[int]) -> int:
        return self._statistics.document_frequency(terms, tuple(fields))

    def _on_stem(self, stem: str) -> list[str]:
        return self._statistics.with_stem(stem)

    def _on_prefix(self, prefix: str) -> list[str]:
        return self._statistics.with_prefix(prefix)

    def _on_edits(self, word: str, edits: int) -> list[Any]:
        return [list(one) for one in self._statistics.within_edits(word, edits)]

    def _on_title_terms(self, word: str, edits: int, prefix: bool) -> list[Any]:
        return [
            [part.segment.terms.term(number), distance, count]
            for part in self._statistics.parts
            for number, distance, count in part.title_terms_near(word, edits, _MOST_TERMS, prefix)
        ]

    def _on_title_word(self, term: str) -> bool:
        return self._statistics.has_title_word(term)

    def _on_title_phrase(self, words: Sequence[str]) -> bool:
        return self._statistics.has_title_phrase(words)

    def _on_top(self, phrase: str, k: int) -> list[Any]:
        segments = self._context.view.documents.segments
        return [
            [int(segments[part].keys[document]), popularity]
            for part, document, popularity in self._statistics.top(phrase, k)
        ]

    # -- names ----------------------------------------------------------------------------

    def _on_is_title(self, text: str) -> bool:
        return self._names.is_title(text)

    def _on_title_popularity(self, text: str, level: int) -> float | None:
        return self._names.title_popularity(text, level)

    def _on_credits(self, name: str) -> int:
        return self._names.credits(name)

    def _on_spelled(self, name: str) -> str | None:
        return self._names.spelled(name)

    def _on_near_names(self, text: str, guess: str) -> list[Any]:
        return [list(one) for one in self._names.near(text, guess)]

    def _on_has_phrase(self, text: str) -> bool:
        return self._names.has_phrase(text)

    # -- filters and meaning --------------------------------------------------------------

    def _on_count(self, where: str, allow: list[str] | None, rows: int | None) -> int:
        return int(self._allowed(where, allow, rows)[1].count)

    def _on_called(self, text: str, where: str, allow: list[str] | None, rows: int | None) -> int:
        return self._context.called(text, *self._allowed(where, allow, rows))

    def _allowed(self, where: str, allow: list[str] | None, rows: int | None) -> Any:
        expression = as_filter(where, self._context.schema)
        request = SearchRequest("", None, 1, allow=allow)
        return expression, self._context.allowed(expression, request, rows)

    def _on_meaning(self, text: str) -> bool:
        return self._context.meaning(text) is not None


_METHODS = {
    name.removeprefix("_on_").replace("_", " "): name
    for name in vars(LocalAnswers)
    if name.startswith("_on_")
}
