"""SQLite's FTS5: as it comes, and as strong as forty lines of Python make it.

The strong one weighs fields, puts an exact title first, takes all words before some, replaces
unknown words by the known ones with the most trigrams in common, and adds votes. Its weights were
chosen on the tuning half.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import astuple
from math import log1p

from benchmarks.relevance.engines.base import STOP, Corpus, Engine, Fields, fields_of
from benchmarks.relevance.names import folded, words
from tv5core import Title

__all__ = ["Plain", "Strong"]

_COLUMNS = tuple(Fields.__dataclass_fields__)
_WEIGHTS = "10, 8, 4, 3, 2, 1"
_POOL = 300
_LEAST_LIKE, _ALTERNATIVES = 0.4, 4
_EXACT, _VOTES = 60.0, 1.0
_STOP = frozenset(f'"{word}"' for word in STOP)


class Plain(Engine):
    """Default BM25 over all columns, any of the words."""

    name, label, module = "fts5-plain", "SQLite FTS5, plain", "sqlite3"

    @classmethod
    def version(cls) -> str:
        """Return SQLite's version."""
        return sqlite3.sqlite_version

    def build(self, corpus: Corpus) -> None:
        """Fill one table."""
        self._ids: list[str] = []
        self._votes: list[int] = []
        self._folded: list[str] = []
        self._names: defaultdict[str, list[int]] = defaultdict(list)
        self._db = sqlite3.connect(corpus.work / "fts5.sqlite")
        self._db.execute(
            f"CREATE VIRTUAL TABLE f USING fts5({', '.join(_COLUMNS)}, "
            "tokenize='unicode61 remove_diacritics 2')"
        )
        rows = map(self._row, enumerate(corpus.titles))
        self._db.executemany(
            f"INSERT INTO f(rowid, {', '.join(_COLUMNS)}) VALUES (?{',?' * 6})", rows
        )
        self._db.execute("INSERT INTO f(f) VALUES ('optimize')")
        self._db.commit()

    def _row(self, numbered: tuple[int, Title]) -> tuple[object, ...]:
        number, title = numbered
        self._ids.append(title.id)
        self._votes.append(title.votes)
        self._folded.append(folded(title.title))
        for name in {title.title, title.original_title or title.title}:
            self._names[folded(name)].append(number)
        return (number, *astuple(fields_of(title)))

    def search(self, text: str, k: int) -> list[str]:
        """Match any of the words."""
        found = self._match([f'"{word}"' for word in words(text)], " OR ", "bm25(f)", k)
        return [self._ids[number] for number, _ in found]

    def _match(
        self, parts: Iterable[str], joint: str, rank: str, limit: int
    ) -> list[tuple[int, float]]:
        expression = joint.join(parts)
        if not expression:
            return []
        query = f"SELECT rowid, {rank} AS s FROM f WHERE f MATCH ? ORDER BY s LIMIT ?"
        return [(row, -score) for row, score in self._db.execute(query, (expression, limit))]

    def close(self) -> None:
        """Close the database."""
        self._db.close()


class Strong(Plain):
    """Weighted BM25, exact titles, trigrams for unknown words, votes."""

    name, label = "fts5", "SQLite FTS5, weighted, exact titles, trigrams, votes"

    def build(self, corpus: Corpus) -> None:
        """Fill the table, and the dictionary by trigrams."""
        super().build(corpus)
        self._db.execute("CREATE VIRTUAL TABLE v USING fts5vocab('f', 'row')")
        self._count = dict(self._db.execute("SELECT term, doc FROM v"))
        self._by_trigram: defaultdict[str, list[str]] = defaultdict(list)
        for term in self._count:
            for trigram in _trigrams(term):
                self._by_trigram[trigram].append(term)

    def search(self, text: str, k: int) -> list[str]:
        """Match all words, else any; then rank again."""
        known = [found for word in words(text) if (found := self._known(word))]
        parts = [f"({' OR '.join(each)})" for each in known]
        rank = f"bm25(f, {_WEIGHTS})"
        scores = dict(self._match(parts, " AND ", rank, _POOL))
        if len(scores) < k:
            telling = [
                part for part, each in zip(parts, known, strict=True) if each[0] not in _STOP
            ] or parts
            for row, found in self._match(telling, " OR ", rank, _POOL):
                scores.setdefault(row, found * 0.5)
        for row in {*self._names.get(folded(text), ()), *self._spelt(scores, known)}:
            scores[row] = scores.get(row, 0.0) + _EXACT
        ranked = sorted(scores, key=lambda row: -self._with_votes(row, scores[row]))
        return [self._ids[row] for row in ranked[:k]]

    def _spelt(self, rows: Iterable[int], known: list[list[str]]) -> list[int]:
        """Return the rows whose whole title is made of the words as they may have been meant."""
        titles = ((row, self._folded[row].split()) for row in rows)
        return [
            row
            for row, title in titles
            if len(title) == len(known)
            and all(f'"{word}"' in each for word, each in zip(title, known, strict=True))
        ]

    def _with_votes(self, row: int, found: float) -> float:
        return found + _VOTES * log1p(self._votes[row])

    def _known(self, word: str) -> list[str]:
        """Return the word, or else the known ones most like it, quoted."""
        if word in self._count or len(word) < 3:
            return [f'"{word}"'] if word in self._count else []
        mine = _trigrams(word)
        shared = Counter(term for part in mine for term in self._by_trigram.get(part, ()))
        likes = [
            (2 * count / (len(mine) + len(_trigrams(term))), self._count[term], term)
            for term, count in shared.most_common(50)
        ]
        best = sorted((each for each in likes if each[0] >= _LEAST_LIKE), reverse=True)
        return [f'"{term}"' for _, _, term in best[:_ALTERNATIVES]]


def _trigrams(word: str) -> set[str]:
    padded = f"  {word} "
    return {padded[at : at + 3] for at in range(len(padded) - 2)}
