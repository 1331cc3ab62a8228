"""Memory of an index by what it is for: bytes in all, and resident bytes of mapped arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt

from tv5core.vectors.segment import Segment

__all__ = ["memory_usage"]

_MAPPED = "graph", "codes", "keys", "rescoring"


class _Mapping(NamedTuple):
    """A mapping of this process."""

    start: int
    stop: int
    resident_bytes: int


def memory_usage(segments: Sequence[Segment]) -> dict[str, dict[str, int]]:
    """Return total and resident bytes by what they are for; see :meth:`VectorIndex.memory`."""
    mappings = _read_mappings()
    usage = {name: _usage(_buffers(segments, name), mappings) for name in _MAPPED}
    live = sum(array.nbytes for array in _buffers(segments, "live"))
    scratch = sum(segment.scratch_bytes for segment in segments)
    usage["live"] = {"total": live, "resident": live}
    usage["scratch"] = {"total": scratch, "resident": scratch}
    return usage


def _buffers(segments: Sequence[Segment], name: str) -> list[npt.NDArray[Any]]:
    return [array for segment in segments for array in segment.buffers().get(name, [])]


def _usage(arrays: list[npt.NDArray[Any]], mappings: list[_Mapping]) -> dict[str, int]:
    total = sum(array.nbytes for array in arrays)
    return {"total": total, "resident": sum(_resident_bytes(array, mappings) for array in arrays)}


def _read_mappings() -> list[_Mapping]:
    """Read the mappings of this process; none where this is not Linux."""
    found: list[_Mapping] = []
    try:
        with Path("/proc/self/smaps").open(encoding="ascii", errors="replace") as file:
            for line in file:
                first = line.split(maxsplit=1)[0]
                if first == "Rss:":
                    found[-1] = found[-1]._replace(resident_bytes=int(line.split()[1]) * 1024)
                elif not first.endswith(":"):
                    start, stop = (int(end, 16) for end in first.split("-"))
                    found.append(_Mapping(start, stop, 0))
    except OSError:
        return []
    return found


def _resident_bytes(array: npt.NDArray[Any], mappings: list[_Mapping]) -> int:
    """Share a mapping's resident bytes by length: the kernel does not give them by page."""
    if not array.nbytes:
        return 0
    address = array.__array_interface__["data"][0]
    for start, stop, resident in mappings:
        if start <= address < stop:
            return int(resident * min(1.0, array.nbytes / (stop - start)))
    return array.nbytes
