"""What a library must be able to do to be measured.

No module here imports its library at the top: the process that directs a run must stay small, and
a library that is not installed must not keep others from being measured.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

__all__ = ["CONNECTIVITY", "EXPANSION_ADD", "F32", "I64", "Mask", "Peer", "Setting", "Shape"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Setting = dict[str, float]

CONNECTIVITY = 16
"""M of every graph here, so that graphs differ in how they are walked and not in their degree."""
EXPANSION_ADD = 200
"""efConstruction of the peers' graphs."""


@dataclass(frozen=True)
class Shape:
    """Size of the vectors to index. Of unit length where the metric is "cosine"."""

    rows: int
    dim: int
    metric: str


class Peer(ABC):
    """One library with its parameters.

    Keys are row numbers: key ``i`` is ``vectors[i]``. Search knobs come as a dictionary, a
    "setting"; :meth:`settings` gives ladders of them, each in ascending cost.
    """

    label: str
    library: ClassVar[str]
    """The name of its distribution."""
    module: ClassVar[str]
    """The name it is imported by."""
    own_threads: ClassVar[bool] = True
    """Whether one call of the library splits its queries over threads."""
    filters: ClassVar[bool] = False
    filter_queries: ClassVar[int] = 500
    """How many queries to ask with a filter; fewer where a filter is called for each row."""
    adds: ClassVar[bool] = False
    """Whether rows may be added while other threads search."""
    remarks: ClassVar[tuple[str, ...]] = ()
    """Printed beside the results."""

    def __init__(self, name: str, shape: Shape) -> None:
        self.name, self.shape = name, shape
        self.threads = 1

    def version(self) -> str:
        """Return the library's version."""
        return version(self.library)

    @property
    @abstractmethod
    def parameters(self) -> dict[str, str | int | float]:
        """What the index is built with."""

    @property
    def index_bytes(self) -> int:
        """Roughly what the saved index takes, to check for disk space before building."""
        return self.shape.rows * (4 * self.shape.dim + 400)

    @property
    def build_bytes(self) -> int:
        """Roughly the memory that building takes, the given vectors aside."""
        return self.index_bytes

    @property
    def serve_bytes(self) -> int:
        """Roughly the memory that serving takes."""
        return self.index_bytes

    @abstractmethod
    def load_library(self) -> None:
        """Import the library, so that its own memory counts as there before the index."""

    @abstractmethod
    def build(self, vectors: F32, folder: Path, threads: int) -> None:
        """Build over float32[n, dim], which may be mapped, and save into an empty folder."""

    @abstractmethod
    def open(self, folder: Path) -> None:
        """Open what :meth:`build` saved, ready to search."""

    @abstractmethod
    def settings(self, k: int) -> list[list[Setting]]:
        """Return ladders of search knobs, each in ascending cost."""

    @abstractmethod
    def search(self, queries: F32, k: int, setting: Setting) -> I64:
        """Return the keys of the k nearest rows of each query: int64[m, k], -1 where fewer."""

    def set_threads(self, count: int) -> None:
        """Let one call use this many threads, where the library has its own."""
        self.threads = count

    def prepare_filter(self, allowed: Mask) -> Any:
        """Turn a mask over the rows into what :meth:`search_filtered` takes; not timed."""
        raise NotImplementedError(f"{self.library} has no filter here")

    def search_filtered(self, queries: F32, k: int, setting: Setting, allowed: Any) -> I64:
        """Search among the allowed rows only."""
        raise NotImplementedError(f"{self.library} has no filter here")

    def open_for_adding(self, folder: Path, more: int) -> None:
        """Open with room for more rows; what is added is never saved."""
        raise NotImplementedError(f"{self.library} does not add while searching")

    def add(self, vectors: F32, keys: I64) -> None:
        """Add rows, found by the next search."""
        raise NotImplementedError(f"{self.library} does not add while searching")

    def parts(self, folder: Path) -> dict[str, int]:
        """Return bytes by structure, of the open index or of its files."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {"index": sum(path.stat().st_size for path in files)}

    def close(self) -> None:  # noqa: B027  # most have nothing to close
        """Close the index."""


def ladder(name: str, values: tuple[float, ...]) -> list[list[Setting]]:
    """Return the settings of a library with one knob."""
    return [[{name: float(value)} for value in values]]


def filled(found: list[list[int]], k: int) -> I64:
    """Return lists of keys as a matrix, -1 where a list is short."""
    ids = np.full((len(found), k), -1, np.int64)
    for row, some in zip(ids, found, strict=True):
        row[: len(some)] = some[:k]
    return ids
