"""bm25s: BM25 over all of a title's text, with English stems."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np

from benchmarks.relevance.engines.base import Corpus, Engine, fields_of
from benchmarks.relevance.names import folded

__all__ = ["Bm25s"]


class Bm25s(Engine):
    """Scores worked out when indexing, summed at a query."""

    name, label, module = "bm25s", "bm25s, all text, stems", "bm25s"

    def build(self, corpus: Corpus) -> None:
        """Index every title's text as one document."""
        import bm25s
        import Stemmer

        self._bm25s, self._stemmer = bm25s, Stemmer.Stemmer("english")
        self._ids = [title.id for title in corpus.titles]
        texts = [folded(" ".join(astuple(fields_of(title)))) for title in corpus.titles]
        self._index = bm25s.BM25()
        self._index.index(self._tokens(texts), show_progress=False)

    def _tokens(self, texts: list[str]) -> object:
        return self._bm25s.tokenize(
            texts, stopwords=None, stemmer=self._stemmer, token_pattern=r"\w+", show_progress=False
        )

    def search(self, text: str, k: int) -> list[str]:
        """Return titles that have any of the words."""
        tokens = self._tokens([folded(text)])
        rows, scores = self._index.retrieve(tokens, k=k, show_progress=False)
        return [self._ids[row] for row in rows[0][np.asarray(scores[0]) > 0]]
