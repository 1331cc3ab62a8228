"""Open a saved index in a fresh process, with its files in the page cache and without."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.peers.base import Setting
from benchmarks.process.client import Client
from benchmarks.results import Memory, Opening

__all__ = ["cached_share", "drop_cached", "measure_opening"]

_MOST_KEPT = 0.01
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_LIBC.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
_FAILED = ctypes.c_void_p(-1).value


def measure_opening(
    start: Callable[[], Client], files: Path, setting: Setting
) -> tuple[Opening, Memory, list[str]]:
    """Open cold, open warm, and weigh the second process after it has searched.

    ``start`` gives a worker whose library is loaded already: only the index comes from the disk.
    """
    with start() as client:
        drop_cached(files)
        kept = cached_share(files)
        cold = client.ask("open")
    with start() as client:
        warm = client.ask("open")
        memory = Memory(**client.ask("memory", setting=setting))
    notes = []
    if kept > _MOST_KEPT:
        notes.append(f"opened cold with {kept:.0%} of the index still in the page cache")
    opening = Opening(
        warm["open_s"], warm["first_answer_s"], cold["open_s"], cold["first_answer_s"]
    )
    return opening, memory, notes


def drop_cached(folder: Path) -> None:
    """Drop a folder's files from the page cache; dirty pages are written first, else they stay."""
    for path in _files(folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def cached_share(folder: Path) -> float:
    """Return which share of a folder's pages is in the page cache, by mincore(2)."""
    pages = [_cached_pages(path) for path in _files(folder)]
    return sum(cached for cached, _ in pages) / max(1, sum(total for _, total in pages))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]


def _cached_pages(path: Path) -> tuple[int, int]:
    size = path.stat().st_size
    count = -(-size // mmap.PAGESIZE)
    present = np.zeros(count, np.uint8)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        at = _LIBC.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
        if at == _FAILED:
            raise OSError(ctypes.get_errno(), f"mmap of {path} failed")
        try:
            if _LIBC.mincore(at, size, present.ctypes.data) != 0:
                raise OSError(ctypes.get_errno(), f"mincore of {path} failed")
        finally:
            _LIBC.munmap(at, size)
    finally:
        os.close(descriptor)
    return int((present & 1).sum()), count
