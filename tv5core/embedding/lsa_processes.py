"""Embed blocks of titles with a saved model, in several processes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Self, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.embedding.lsa import LsaEmbedder
from tv5core.embedding.lsa_model import WIDTH
from tv5core.types import Title
from tv5core.worker_pool import Task, WorkerPool

__all__ = ["LsaProcesses", "embedding_task"]

F32 = npt.NDArray[np.float32]
C = TypeVar("C")


class LsaProcesses:
    """Processes that embed titles; their vectors are the embedder's own to the bit.

    Parameters
    ----------
    embedder : LsaEmbedder
    path : path-like
        Where its model was saved; each process maps that file.
    count : int
        Processes, from 1.
    behind : bool
        Whether they give way to other processes.

    Attributes
    ----------
    embedder : LsaEmbedder
    """

    def __init__(
        self,
        embedder: LsaEmbedder,
        path: str | os.PathLike[str],
        count: int,
        *,
        behind: bool = False,
    ) -> None:
        task = f"{__name__}:{embedding_task.__name__}"
        self.embedder, self._count = embedder, count
        self._pool = WorkerPool(task, os.fsencode(path), _task(embedder), count, behind=behind)

    def blocks(self, some: Iterable[tuple[C, Sequence[Title]]]) -> Iterator[tuple[C, F32]]:
        """Embed blocks of titles, in their order: each with what it came with, float32[n, 768].

        Blocks are taken as they are needed, a few ahead.
        """
        encode = msgspec.msgpack.Encoder().encode
        for context, answer in self._pool.map((key, encode(titles)) for key, titles in some):
            yield context, np.frombuffer(answer, "<f4").reshape(-1, WIDTH)

    def embed(self, titles: Sequence[Title]) -> F32:
        """Embed titles, a share in each process: float32[n, 768]."""
        size = -(-len(titles) // self._count)
        starts = range(0, len(titles), max(size, 1))
        shares = self.blocks((None, titles[start : start + size]) for start in starts)
        return np.concatenate([np.empty((0, WIDTH), np.float32), *(found for _, found in shares)])

    def close(self) -> None:
        """End the processes."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def embedding_task(path: bytes) -> Task:
    """Map a model; return what embeds a msgpack list of titles with it."""
    return _task(LsaEmbedder.load(os.fsdecode(path)))


def _task(embedder: LsaEmbedder) -> Task:
    decode = msgspec.msgpack.Decoder(list[Title]).decode

    def embed(part: bytes) -> bytes:
        return np.ascontiguousarray(embedder.embed_titles(decode(part)), "<f4").tobytes()

    return embed
