"""What processes of one user on one machine share of a provider's limit: a small file.

The file is opened for each use and locked with ``flock`` meanwhile, for some microseconds. So
nothing is inherited by a forked process, a process that dies leaves no lock behind, and a file
that was deleted is replaced by the same one for all. Times are nanoseconds of the machine's
monotonic clock, which all processes share.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import stat
import struct
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MAX_CAPACITY", "RUNTIME_VARIABLE", "LimitFile", "LimitState", "limit_path"]

RUNTIME_VARIABLE = "TV5_RUNTIME_DIR"
"""Environment variable that names the folder of the files, instead of a private one in memory."""

# magic; wall clock at the start of the monotonic one; when the next token is due; end of the
# pause; when the rate is raised; part of the rate in use; number of sends so far; capacity.
_HEADER = struct.Struct("<8sqqqqdQQ")
_MAGIC = b"tv5lim1\0"
_TIME = struct.Struct("<q")
_NS = 1_000_000_000
MAX_CAPACITY = 10**6
"""Largest contract that a file can hold the times for."""
_SAME_BOOT_S = 5.0
_UNKNOWN_PAUSE_S = 1.2  # what was sent before is unknown; longer than a provider's second
_UNUSED_S = 86_400.0
_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder below it is private, and that is checked

_open_files: set[int] = set()


@dataclass
class LimitState:
    """The state of a limit but for the times of its sends; times are monotonic seconds.

    Attributes
    ----------
    due : float
        When the bucket is full again (the theoretical arrival time of GCRA).
    paused_until, raise_at : float
        The end of the pause, and when the reduced rate is doubled.
    factor : float
        Part of the full rate in use.
    sends : int
        Number of requests sent so far.
    """

    due: float = 0.0
    paused_until: float = 0.0
    raise_at: float = 0.0
    factor: float = 1.0
    sends: int = 0


def limit_path(authority: str) -> Path:
    """Return the path of the file of a provider, by the host and port of its base URL.

    The folder depends on the user alone and on no variable but :data:`RUNTIME_VARIABLE`, since
    services, cron jobs and terminals of one user differ in all others.
    """
    digest = hashlib.blake2b(authority.encode(), digest_size=6).hexdigest()
    return _folder() / f"{re.sub(r'[^a-z0-9.-]', '_', authority.lower())[:60]}-{digest}.limit"


def _folder() -> Path:
    if named := os.environ.get(RUNTIME_VARIABLE):
        return Path(named)
    base = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    return base / f"tv5core-{os.getuid()}"


class LimitFile:
    """The file of one provider.

    Parameters
    ----------
    path : Path
        See :func:`limit_path`.
    capacity : int
        Times of sends to keep: the contract.
    """

    def __init__(self, path: Path, capacity: int) -> None:
        self._path, self._capacity = path, capacity

    def prepare(self) -> None:
        """Make the folder, and remove files in it that were not used for a day.

        Raises
        ------
        OSError
            The folder cannot be made, or another user may change it.
        """
        self._path.parent.mkdir(0o700, parents=True, exist_ok=True)
        _check_private(self._path.parent)
        for path in self._path.parent.glob("*.limit"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _UNUSED_S:
                    with LimitFile(path, 1).locked():
                        path.unlink()

    @contextlib.contextmanager
    def locked(self) -> Iterator[LockedLimit]:
        """Lock the file; what is changed in the state is stored where the block ends well.

        Raises
        ------
        BlockingIOError
            Another process is in its block; try again in a moment.
        OSError
            The file cannot be used.
        """
        descriptor = self._open()
        try:
            limit = LockedLimit(descriptor, self._capacity)
            yield limit
            limit.store()
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            _close(descriptor)

    def peek(self) -> LimitState:
        """Return the state without waiting for a lock; for predictions.

        Raises
        ------
        OSError
            The file cannot be used.
        """
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return _decode(os.pread(descriptor, _HEADER.size, 0))[0]
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        """Open and lock the file, and make it if it is missing."""
        while True:
            descriptor = self._open_anyhow()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_current(descriptor):
                    return descriptor
            except BaseException:
                _close(descriptor)
                raise
            _close(descriptor)  # it was deleted in between

    def _open_anyhow(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(self._path, flags, 0o600)
        except FileNotFoundError:
            self._path.parent.mkdir(0o700, parents=True, exist_ok=True)
            _check_private(self._path.parent)
            descriptor = os.open(self._path, flags, 0o600)
        _open_files.add(descriptor)
        return descriptor

    def _is_current(self, descriptor: int) -> bool:
        mine = os.fstat(descriptor)
        if mine.st_uid != os.getuid():
            raise PermissionError(errno.EPERM, "expected a file of this user", str(self._path))
        try:
            return os.path.samestat(mine, self._path.stat())
        except FileNotFoundError:
            return False


class LockedLimit:
    """The limit while its file is locked.

    Attributes
    ----------
    state : LimitState
        Changes are stored with :meth:`store`.
    """

    def __init__(self, descriptor: int, capacity: int) -> None:
        self._descriptor = descriptor
        self.state, self._capacity = _decode(os.pread(descriptor, _HEADER.size, 0))
        if self._capacity < capacity:
            self._grow(capacity)

    def sent_at(self, back: int) -> float:
        """Return when the latest request but ``back - 1`` was sent; 0 where there is none."""
        if not 0 < back <= min(self.state.sends, self._capacity):
            return 0.0
        raw = os.pread(self._descriptor, _TIME.size, self._offset(self.state.sends - back))
        return _TIME.unpack(raw)[0] / _NS if len(raw) == _TIME.size else time.monotonic()

    def add_send(self, now: float) -> None:
        """Count a request as sent."""
        # The time first: after a crash between the two writes, the next send overwrites it.
        at = self._offset(self.state.sends)
        os.pwrite(self._descriptor, _TIME.pack(int(now * _NS)), at)
        self.state.sends += 1

    def store(self) -> None:
        """Write the state."""
        state = self.state
        times = (state.due, state.paused_until, state.raise_at)
        header = _HEADER.pack(
            _MAGIC, _boot_ns(), *(int(each * _NS) for each in times), state.factor, state.sends,
            self._capacity,
        )  # fmt: skip
        os.pwrite(self._descriptor, header, 0)

    def _offset(self, index: int) -> int:
        return _HEADER.size + index % self._capacity * _TIME.size

    def _grow(self, capacity: int) -> None:
        kept = min(self.state.sends, self._capacity)
        times = [self.sent_at(back) for back in range(kept, 0, -1)]
        self._capacity, self.state.sends = capacity, 0
        for each in times:
            self.add_send(each)
        self.store()


def _decode(raw: bytes) -> tuple[LimitState, int]:
    """Decode a header; of one that is damaged or of an earlier boot only a pause remains."""
    if not raw:
        return LimitState(), 0
    if len(raw) == _HEADER.size:
        magic, boot, due, paused, raise_at, factor, sends, capacity = _HEADER.unpack(raw)
        is_usable = magic == _MAGIC and 0 < factor <= 1 and 0 < capacity <= MAX_CAPACITY
        if is_usable and abs(boot - _boot_ns()) < _SAME_BOOT_S * _NS:
            return LimitState(due / _NS, paused / _NS, raise_at / _NS, factor, sends), capacity
    return LimitState(paused_until=time.monotonic() + _UNKNOWN_PAUSE_S), 0


def _boot_ns() -> int:
    return time.time_ns() - time.monotonic_ns()


def _check_private(folder: Path) -> None:
    """Refuse a folder that another user made or may change, unless it was named."""
    found = folder.lstat()
    is_private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if os.environ.get(RUNTIME_VARIABLE) or (is_private and not found.st_mode & 0o022):
        return
    raise PermissionError(errno.EPERM, "expected a folder of this user", str(folder))


def _close(descriptor: int) -> None:
    _open_files.discard(descriptor)
    os.close(descriptor)


def _close_inherited() -> None:
    """Close what another thread had open during a fork: with it, a lock would be inherited."""
    for descriptor in tuple(_open_files):
        _close(descriptor)


os.register_at_fork(after_in_child=_close_inherited)
