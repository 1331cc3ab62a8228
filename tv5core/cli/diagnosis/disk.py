"""Facts of the file system under a folder; some are only known by trying."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Clock", "Disk", "look_at_disk"]

_MOUNTS = Path("/proc/self/mountinfo")
_FICLONE = 0x40049409
"""The ioctl of Linux that lets two files share their blocks."""
_SYNCS = 5


@dataclass(frozen=True)
class Clock:
    """The clock.

    Attributes
    ----------
    time_s : float
        Seconds since 1970.
    skew_s : float or None
        How far the file system's clock is ahead; None where nothing could be written.
    counts_sleep : bool
        Whether there is a clock that goes on while the machine sleeps.
    """

    time_s: float
    skew_s: float | None
    counts_sleep: bool


@dataclass(frozen=True)
class Disk:
    """The file system under a folder.

    Attributes
    ----------
    folder : str
        The folder that was looked at: the one asked for, or the nearest above that exists.
    mount, kind : str
        Where it is mounted and what it is, such as ``ext4``; empty where unknown.
    total_bytes, free_bytes, free_files : int
        ``free_files`` is -1 where the file system makes room for them as needed.
    can_write, can_map, can_lock : bool
        Tried with a temporary file; the last two are False where nothing could be written.
    shares_blocks : bool
        Whether a copy can share blocks with its original (reflink).
    sync_s : float or None
        Median time of ``fsync`` after a write of 4 KiB.
    clock : Clock
    """

    folder: str
    mount: str
    kind: str
    total_bytes: int
    free_bytes: int
    free_files: int
    can_write: bool
    can_map: bool
    can_lock: bool
    shares_blocks: bool
    sync_s: float | None
    clock: Clock


def look_at_disk(
    folder: Path, mounts: Path = _MOUNTS, now: Callable[[], float] = time.time
) -> Disk:
    """Return the facts of the file system under a folder, which need not exist yet.

    It writes a temporary file of 4 KiB beside what is there, and removes it.
    """
    here = _nearest(folder)
    room = os.statvfs(here)
    mount, kind = _mount(here, mounts)
    tried = _try(here, now)
    return Disk(
        str(here),
        mount,
        kind,
        room.f_blocks * room.f_frsize,
        room.f_bavail * room.f_frsize,
        room.f_favail if room.f_files else -1,
        tried is not None,
        tried is not None and tried.can_map,
        tried is not None and tried.can_lock,
        tried is not None and tried.shares_blocks,
        None if tried is None else tried.sync_s,
        Clock(now(), None if tried is None else tried.skew_s, hasattr(time, "CLOCK_BOOTTIME")),
    )


def _nearest(folder: Path) -> Path:
    path = folder.absolute()
    while not path.is_dir():
        path = path.parent
    return path


def _mount(folder: Path, mounts: Path) -> tuple[str, str]:
    """Return mount point and type of the file system that a folder is on."""
    found, real = ("", ""), os.path.realpath(folder)
    with contextlib.suppress(OSError):
        for line in mounts.read_text("utf-8", errors="surrogateescape").splitlines():
            before, _, after = line.partition(" - ")
            point = _unescaped(before.split()[4])
            is_above = Path(real).is_relative_to(point)
            if is_above and len(point) >= len(found[0]):  # what is mounted later hides the earlier
                found = point, after.split()[0]
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), text)


@dataclass(frozen=True)
class _Tried:
    can_map: bool
    can_lock: bool
    shares_blocks: bool
    sync_s: float
    skew_s: float


def _try(folder: Path, now: Callable[[], float]) -> _Tried | None:
    """Try what a catalogue does with its files; None where none can be written."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".tv5-doctor-") as file:
            started = now()
            times = sorted(_sync(file.fileno(), round_) for round_ in range(_SYNCS))
            skew = _outside(os.fstat(file.fileno()).st_mtime, started, now())
            return _Tried(
                _can_map(file.fileno()),
                _can_lock(file.fileno()),
                _shares_blocks(file.fileno(), folder),
                times[_SYNCS // 2],
                round(skew, 3),
            )
    except OSError:
        return None


def _sync(file: int, round_: int) -> float:
    os.pwrite(file, bytes([round_]) * 4096, 0)
    started = time.perf_counter()
    os.fsync(file)
    return time.perf_counter() - started


def _outside(moment: float, first: float, last: float) -> float:
    """Return how far a moment is before the first (negative) or after the last."""
    return min(0.0, moment - first) + max(0.0, moment - last)


def _can_map(file: int) -> bool:
    """Write through a shared mapping and read it back, as LMDB does."""
    try:
        with mmap.mmap(file, 4096) as mapped:
            mapped[:4] = b"tv5\n"
            mapped.flush()
        return os.pread(file, 4, 0) == b"tv5\n"
    except (OSError, ValueError):
        return False


def _can_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _shares_blocks(file: int, folder: Path) -> bool:
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".tv5-doctor-") as copy:
            fcntl.ioctl(copy.fileno(), _FICLONE, file)
    except OSError:
        return False
    return True
