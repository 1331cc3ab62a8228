"""Refuse up front what the machine has no room for, with the figure needed."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["InsufficientError", "free_memory_bytes", "gigabytes", "require_disk", "require_memory"]

_SPARE = 1.05  # filesystems keep some blocks back, and allocations round up


class InsufficientError(ValueError):
    """The machine lacks the disk or memory that a step needs."""


def require_disk(folder: Path, bytes_needed: int, what: str) -> None:
    """Raise unless the filesystem of ``folder``, which need not exist yet, has room.

    Raises
    ------
    InsufficientError
        Naming what needs the room, how much, and how much is free.
    """
    existing = next(
        path for path in (folder.absolute(), *folder.absolute().parents) if path.exists()
    )
    _require(bytes_needed, shutil.disk_usage(existing).free, f"of free disk at {existing}", what)


def require_memory(bytes_needed: int, what: str) -> None:
    """Raise unless the machine can give this much memory without swapping.

    Raises
    ------
    InsufficientError
        Naming what needs the memory, how much, and how much is available.
    """
    _require(bytes_needed, free_memory_bytes(), "of available memory", what)


def free_memory_bytes() -> int:
    """Return Linux's own estimate of what new allocations can have without swapping."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return int(rest.split()[0]) * 1024
    raise OSError("expected a line MemAvailable in /proc/meminfo, got none")


def gigabytes(count: float) -> str:
    """Format bytes for people."""
    return f"{count / 1e9:.2f} GB"


def _require(needed: int, free: int, where: str, what: str) -> None:
    needed = int(needed * _SPARE)
    if free < needed:
        raise InsufficientError(
            f"expected {gigabytes(needed)} {where} for {what}, got {gigabytes(free)}"
        )
