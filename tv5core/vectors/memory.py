"""How many bytes an index takes, and how many of the mapped ones are resident."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.live_rows import HeadView

__all__ = ["measure"]


def measure(sealed: SealedGraph | None, head: HeadView | None) -> dict[str, dict[str, int]]:
    """Return total and resident bytes by part."""
    arrays: dict[str, list[npt.NDArray[Any]]] = {
        name: [] for name in ("graph", "codes", "keys", "rescoring")
    }
    marks = 0
    if sealed is not None:
        arrays["graph"] = [sealed.links, sealed.centroids, sealed.lists]
        arrays["codes"] = [sealed.records]
        arrays["keys"] = [sealed.keys, sealed.by_key]
        scales = sealed.rows.scales
        arrays["rescoring"] = [sealed.rows.values, *([] if scales is None else [scales])]
        marks = sealed.walker.scratch_bytes
    mappings = _resident_mappings()
    parts = {name: _sizes(some, mappings) for name, some in arrays.items()}
    own = 0 if head is None else head.nbytes
    parts["head"] = {"total": own, "resident": own}
    parts["marks"] = {"total": marks, "resident": marks}
    return parts


def _sizes(arrays: list[npt.NDArray[Any]], mappings: list[tuple[int, int, int]]) -> dict[str, int]:
    total = sum(array.nbytes for array in arrays)
    return {"total": total, "resident": sum(_resident(array, mappings) for array in arrays)}


def _resident_mappings() -> list[tuple[int, int, int]]:
    """Read (start, stop, resident bytes) of this process's mappings; empty where not Linux."""
    found: list[tuple[int, int, int]] = []
    try:
        with Path("/proc/self/smaps").open(encoding="ascii", errors="replace") as file:
            for line in file:
                head = line.split(maxsplit=1)[0]
                if head == "Rss:":
                    start, stop, _ = found[-1]
                    found[-1] = (start, stop, int(line.split()[1]) * 1024)
                elif not head.endswith(":"):
                    start, stop = (int(part, 16) for part in head.split("-"))
                    found.append((start, stop, 0))
    except OSError:
        return []
    return found


def _resident(array: npt.NDArray[Any], mappings: list[tuple[int, int, int]]) -> int:
    """Share a mapping's resident bytes out by length: the kernel does not tell them by page."""
    if not array.nbytes:
        return 0
    at = array.__array_interface__["data"][0]
    for start, stop, resident in mappings:
        if start <= at < stop:
            return int(resident * min(1.0, array.nbytes / (stop - start)))
    return array.nbytes
