"""The open catalogues of this process, shared by folder.

A pipeline of a framework may make several stores of one folder, and a catalogue has one writer. So
the stores of a process share it, and the last that is closed closes it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tv5core.catalog import Catalog
from tv5core.types import ExtraType, Title

__all__ = ["Shared", "acquire", "release"]

F32 = npt.NDArray[np.float32]
Key = tuple[str, bool]


class GivenVectors:
    """The embedder of a catalogue of documents: their vectors are given, never made."""

    fingerprint = "documents"
    dim = None

    def embed_titles(self, titles: Sequence[Title]) -> F32:
        """Return no vectors: zero rows."""
        return np.zeros((len(titles), 0), np.float32)

    def embed_queries(self, texts: Sequence[str]) -> F32:
        """Return no vectors: zero rows."""
        return np.zeros((len(texts), 0), np.float32)


@dataclass
class Shared:
    """An open catalogue, and how many stores use it.

    Attributes
    ----------
    catalog : Catalog
    changing : RLock
        Held while something is looked up to be changed.
    """

    catalog: Catalog
    key: Key
    users: int = 0
    changing: threading.RLock = field(default_factory=threading.RLock)


_open: dict[Key, Shared] = {}
_lock = threading.Lock()


def acquire(
    path: Path, fields: Mapping[str, ExtraType], metric: str | None, *, read_only: bool
) -> Shared:
    """Return the catalogue of a folder, opened where it is not yet.

    Raises
    ------
    NotACatalogError, CatalogLockedError, EmbedderMismatchError, InvalidInputError
        As ``Catalog.open``.
    """
    key = (os.path.realpath(path), read_only)
    with _lock:
        shared = _open.get(key)
        if shared is None:
            shared = _open[key] = Shared(_opened(path, fields, metric, read_only), key)
        elif not read_only:
            shared.catalog.declare(fields)
        shared.users += 1
        return shared


def release(shared: Shared) -> None:
    """Give a catalogue back; the last one closes it."""
    with _lock:
        shared.users -= 1
        if shared.users == 0:
            _open.pop(shared.key, None)
            shared.catalog.close()


def _opened(
    path: Path, fields: Mapping[str, ExtraType], metric: str | None, read_only: bool
) -> Catalog:
    return Catalog.open(
        path,
        read_only=read_only,
        embedder=None if read_only else GivenVectors(),
        metric=metric or "cosine",
        extra_fields=None if read_only else fields,
    )


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.Lock()
    for shared in _open.values():
        shared.changing = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)
