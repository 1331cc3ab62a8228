"""How long opening takes after damage, at a size that matters."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.crash.model import title
from tv5core.catalog import Catalog

_BLOCK = 5_000
_LATE = 1_000  # titles added after the last sealing, to be replayed


def _open(folder: Path, *, read_only: bool = False) -> Catalog:
    return Catalog.open(folder, embedder=None, read_only=read_only, auto_seal=False)


def _fill(catalog: Catalog, start: int, stop: int, dim: int) -> None:
    for at in range(start, stop, _BLOCK):
        names = [f"t:{n}:a" for n in range(at, min(at + _BLOCK, stop))]
        rows = np.random.default_rng(at).standard_normal((len(names), dim), dtype=np.float32)
        catalog.add([title(name, 0) for name in names], rows)


def _timed(folder: Path, count: int) -> float:
    start = time.perf_counter()
    with _open(folder, read_only=True) as catalog:
        seconds = time.perf_counter() - start
        if len(catalog.search(np.ones(catalog.info()["dim"]), 10)) != 10:
            raise RuntimeError("expected a search to find ten titles")
        if catalog.info()["vectors"] != count:
            raise RuntimeError(f"expected {count} vectors, got {catalog.info()['vectors']}")
    return round(seconds, 2)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def measure(folder: Path, count: int, dim: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Build a catalogue of two generations; open it sound, and with one and both damaged."""
    tell("adding")
    with _open(folder) as catalog:
        _fill(catalog, 0, count - 2 * _LATE, dim)
        tell("sealing")
        catalog.seal()
        _fill(catalog, count - 2 * _LATE, count - _LATE, dim)
        catalog.seal()
        _fill(catalog, count - _LATE, count, dim)
    found: dict[str, Any] = {"titles": count, "dimensions": dim}
    found["opening, s"] = _timed(folder, count)
    _flip(folder / "graph.000002.tv5")
    found["opening with the newest generation damaged, s"] = _timed(folder, count)
    _flip(folder / "rows.000001.tv5")
    found["opening with both damaged (rebuilt from the vectors), s"] = _timed(folder, count)
    return found
