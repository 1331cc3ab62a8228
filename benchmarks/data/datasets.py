"""Vectors to measure with: generated or converted once into a folder, mapped into memory after.

A prepared folder holds ``vectors.npy``, ``queries-title.npy`` (and ``queries-text.npy``), the true
neighbours once they were asked for, and ``dataset.json``. It appears under its final name when it
is whole, and is found again by what it was made from.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from benchmarks.data.generator import Shape, TitleLike, title_like
from benchmarks.machine.limits import require_disk

__all__ = [
    "Dataset",
    "Generated",
    "Source",
    "default_cache",
    "disk_needed",
    "is_prepared",
    "load",
    "prepare",
    "title_like",
]

F32 = npt.NDArray[np.float32]
Progress = Callable[[str], None]

_DESCRIPTION = "dataset.json"
_HASHED_BYTES = 1 << 19


@dataclass(frozen=True)
class Dataset:
    """Rows to index and queries, mapped read-only.

    Rows and queries are of unit length where the metric is "cosine", as given where it is "ip".
    ``content_hash`` covers rows and queries to the bit.
    """

    name: str
    folder: Path
    metric: str
    vectors: F32
    queries: dict[str, F32]
    content_hash: str
    hashes: dict[str, str]
    """Content hash of each file by its name."""


class Source(Protocol):
    """Where a dataset comes from."""

    @property
    def name(self) -> str:
        """Say what it is, for people."""

    @property
    def metric(self) -> str:
        """Return "cosine" or "ip"."""

    def key(self) -> dict[str, object]:
        """Return everything the prepared bytes depend on."""

    def shape(self) -> tuple[int, int]:
        """Return how many rows there will be, and how wide."""

    def blocks(self) -> Iterator[F32]:
        """Read or draw the rows, a block at a time."""

    def queries(self) -> dict[str, F32]:
        """Read or draw the queries; asked for after :meth:`blocks` is through."""


class Generated:
    """Title-like vectors with "title" and "text" queries."""

    metric = "cosine"

    def __init__(
        self,
        rows: int,
        dim: int = 768,
        queries: int = 1_000,
        seed: int = 0,
        shape: Shape | None = None,
    ) -> None:
        self._drawn = TitleLike(rows, dim, queries, seed, shape)
        self.name = self._drawn.name

    def key(self) -> dict[str, object]:
        """Return the generator's parameters."""
        return {"generator": "title-like 2", **self._drawn.parameters()}

    def shape(self) -> tuple[int, int]:
        """Return how many rows there are, and how wide."""
        return self._drawn.rows, self._drawn.dim

    def blocks(self) -> Iterator[F32]:
        """Draw the rows."""
        return self._drawn.blocks()

    def queries(self) -> dict[str, F32]:
        """Draw queries of both kinds."""
        return {"title": self._drawn.title_queries(), "text": self._drawn.text_queries()}


class _File(msgspec.Struct, frozen=True):
    """A prepared file: its content, and by what to see that it was not touched since."""

    content: str
    size_bytes: int
    modified_ns: int


class _Description(msgspec.Struct, frozen=True):
    name: str
    metric: str
    files: dict[str, _File]


def default_cache() -> Path:
    """Return where prepared datasets are kept by default."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tv5core-benchmarks"


def prepare(source: Source, folder: Path, progress: Progress = lambda _: None) -> Dataset:
    """Make a dataset in a folder of its own under ``folder``, unless it is there already.

    Parameters
    ----------
    source
        What to make it from.
    folder
        The cache; made where it is missing.
    progress
        Called with each step.

    Raises
    ------
    InsufficientError
        The disk has no room for it.
    ValueError
        The source is malformed, or the prepared files were changed.
    """
    home = _home(source, folder)
    if not is_prepared(source, folder):
        require_disk(folder, *disk_needed(source))
        _make(source, home, progress)
    return load(home)


def is_prepared(source: Source, folder: Path) -> bool:
    """Return whether a source was prepared in this cache before."""
    return (_home(source, folder) / _DESCRIPTION).is_file()


def disk_needed(source: Source) -> tuple[int, str]:
    """Return the bytes that a prepared source takes, and what for."""
    rows, dim = source.shape()
    return rows * dim * 4, f"{rows:,} vectors of {dim} float32"


def load(folder: Path) -> Dataset:
    """Map a prepared dataset; nothing of it is read yet.

    Raises
    ------
    ValueError
        The folder holds no whole dataset, or its files were changed since they were made.
    """
    path = folder / _DESCRIPTION
    if not path.is_file():
        raise ValueError(f"expected a prepared dataset, got no {path}")
    description = msgspec.json.decode(path.read_bytes(), type=_Description)
    for name, file in description.files.items():
        _require_untouched(folder / name, file)
    hashes = {name: file.content for name, file in description.files.items()}
    mapped = {name: np.load(folder / name, "r", allow_pickle=False) for name in hashes}
    return Dataset(
        name=description.name,
        folder=folder,
        metric=description.metric,
        vectors=mapped.pop("vectors.npy"),
        queries={name[len("queries-") : -len(".npy")]: rows for name, rows in mapped.items()},
        content_hash=_joined(hashes),
        hashes=hashes,
    )


def content_hash(path: Path) -> str:
    """Hash a file's bytes."""
    content = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_HASHED_BYTES):
            content.update(block)
    return content.hexdigest()


def _make(source: Source, home: Path, progress: Progress) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{home.name}-", dir=home.parent))
    try:
        files = {"vectors.npy": _write_rows(work / "vectors.npy", source, progress)}
        for kind, rows in source.queries().items():
            np.save(work / f"queries-{kind}.npy", rows)
            files[f"queries-{kind}.npy"] = _file(work / f"queries-{kind}.npy")
        description = _Description(source.name, source.metric, files)
        (work / _DESCRIPTION).write_bytes(msgspec.json.format(msgspec.json.encode(description)))
        work.chmod(0o755)  # mkdtemp's folders are the owner's alone
        if not (home / _DESCRIPTION).is_file():  # another process may have been faster
            work.rename(home)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_rows(path: Path, source: Source, progress: Progress) -> _File:
    expected, dim = source.shape()
    rows, twentieths = 0, 0
    with path.open("wb") as file:
        _write_header(file, expected, dim)
        for block in source.blocks():
            file.write(np.ascontiguousarray(block, np.float32).data)
            rows += len(block)
            if rows * 20 // expected > twentieths:
                twentieths = rows * 20 // expected
                progress(f"{source.name}: {rows:,} of {expected:,} rows")
    if rows != expected:
        raise ValueError(f"expected {expected:,} rows from {source.name}, got {rows:,}")
    return _file(path)


def _write_header(file: object, rows: int, dim: int) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows, dim)}
    np.lib.format.write_array_header_1_0(file, header)  # type: ignore[arg-type]


def _file(path: Path) -> _File:
    status = path.stat()
    return _File(content_hash(path), status.st_size, status.st_mtime_ns)


def _require_untouched(path: Path, expected: _File) -> None:
    """Raise unless a file is as it was made: by size and time, or else by its content."""
    if path.is_file():
        status = path.stat()
        if (status.st_size, status.st_mtime_ns) == (expected.size_bytes, expected.modified_ns):
            return
        if status.st_size == expected.size_bytes and content_hash(path) == expected.content:
            return
    raise ValueError(f"expected {path} as it was prepared, got it changed: remove {path.parent}")


def _joined(hashes: dict[str, str]) -> str:
    listing = "".join(f"{name} {hashes[name]}\n" for name in sorted(hashes))
    return hashlib.blake2b(listing.encode(), digest_size=16).hexdigest()


def _home(source: Source, folder: Path) -> Path:
    key = msgspec.json.encode(source.key(), order="deterministic")
    return folder / f"{_slug(source.name)}-{hashlib.blake2b(key, digest_size=6).hexdigest()}"


def _slug(name: str) -> str:
    letters = "".join(c if c.isalnum() else "-" for c in name.lower().replace(",", ""))
    return "-".join(part for part in letters.split("-") if part)[:60]
