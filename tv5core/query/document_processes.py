"""Make document segments of blocks of titles in several processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.query.documents import DocumentSegment, Schema
from tv5core.query.parts import PARTS
from tv5core.types import Title
from tv5core.worker_pool import Task, WorkerPool

__all__ = ["document_task", "made_in_processes"]

I64 = npt.NDArray[np.int64]
Sections: TypeAlias = dict[str, npt.NDArray[Any]]
Block: TypeAlias = tuple[I64, list[Title]]


class _Array(msgspec.Struct, array_like=True):
    """An array in a frame."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


class _Asked(msgspec.Struct, array_like=True):
    """A block of titles in a frame, and the types of the catalogue's own fields."""

    schema: dict[str, str]
    titles: list[Title]


_encoder = msgspec.msgpack.Encoder()
_asked = msgspec.msgpack.Decoder(_Asked)
_made = msgspec.msgpack.Decoder(tuple[dict[str, _Array], dict[str, _Array]])


def made_in_processes(
    blocks: Iterable[Block], schema: Schema, count: int, *, behind: bool
) -> Iterator[DocumentSegment]:
    """Make segments of the kind :data:`PARTS`, one of each block, in their order.

    Parameters
    ----------
    blocks : iterable of (int64[n], list of Title)
        Keys and titles; taken as they are needed, a few ahead.
    schema : mapping of str to str
        Types of the catalogue's own fields.
    count : int
        Processes, from 1.
    behind : bool
        Whether they give way to other processes.
    """
    task = f"{__name__}:{document_task.__name__}"
    declared = dict(schema)
    with WorkerPool(task, b"", document_task(b""), count, behind=behind) as pool:
        parts = ((keys, _encoder.encode(_Asked(declared, titles))) for keys, titles in blocks)
        for keys, answer in pool.map(parts):
            columns, words = map(_sections, _made.decode(answer))
            yield DocumentSegment.of(
                keys, PARTS.columns.from_sections(columns), PARTS.words.from_sections(words)
            )


def document_task(_: bytes) -> Task:
    """Return what makes the sections of a block of titles: columns, and words."""

    def make(part: bytes) -> bytes:
        asked = _asked.decode(part)
        columns = PARTS.columns.build(asked.titles, asked.schema)
        words = PARTS.words.build(asked.titles, asked.schema)
        return _encoder.encode((_arrays(columns.sections()), _arrays(words.sections())))

    return make


def _arrays(sections: Sections) -> dict[str, _Array]:
    return {
        name: _Array(array.dtype.str, array.shape, array.tobytes())
        for name, array in sections.items()
    }


def _sections(arrays: dict[str, _Array]) -> Sections:
    return {
        name: np.frombuffer(array.data, array.dtype).reshape(array.shape)
        for name, array in arrays.items()
    }
