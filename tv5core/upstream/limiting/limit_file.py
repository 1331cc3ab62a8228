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
from dataclasses import dataclass, field
from pathlib import Path

from tv5core.upstream.limiting.in_flight import COUNTED_S, SECOND_S

__all__ = ["MAX_CAPACITY", "RUNTIME_VARIABLE", "LimitFile", "LimitState", "limit_path"]

RUNTIME_VARIABLE = "TV5_RUNTIME_DIR"
"""Environment variable that names the folder of the files, instead of a private one in memory."""

# magic; wall clock at the start of the monotonic one; when the next token is due; end of the
# pause; when the rate is raised; part of the rate in use. Then the places of requests, as many as
# the contract: when each becomes free, negative while the request is under way.
_HEADER = struct.Struct("<8sqqqqd")
_MAGIC = b"tv5lim2\0"
_TIME = struct.Struct("<q")
_NS = 1_000_000_000
MAX_CAPACITY = 10_000
"""Largest contract that a file holds the places for; all of them are read at each use."""
_MAX_BYTES = _HEADER.size + MAX_CAPACITY * _TIME.size
_SAME_BOOT_S = 5.0
_UNKNOWN_PAUSE_S = COUNTED_S  # what was sent before is unknown
_UNUSED_S = 86_400.0
_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder below it is private, and that is checked

_open_files: set[int] = set()


@dataclass
class LimitState:
    """The state of a limit; times are monotonic seconds.

    Attributes
    ----------
    due : float
        When the bucket is full again (the theoretical arrival time of GCRA).
    paused_until, raise_at : float
        The end of the pause, and when the reduced rate is doubled.
    factor : float
        Part of the full rate in use.
    places : list of int
        When each place becomes free, in nanoseconds; negative while its request is under way.
    """

    due: float = 0.0
    paused_until: float = 0.0
    raise_at: float = 0.0
    factor: float = 1.0
    places: list[int] = field(default_factory=list)

    def place_delay_s(self, now: float, contract: int) -> float:
        """Return the shortest time until one of ``contract`` places can be free, 0 for now."""
        now_ns = int(now * _NS)
        # A request under way is answered now at the earliest.
        soonest = now_ns + int(SECOND_S * _NS)
        held = (each for each in self.places if _is_held(each, now_ns))
        taken = sorted(each if each > 0 else min(-each, soonest) for each in held)
        missing = len(taken) + 1 - contract
        return 0.0 if missing <= 0 else (taken[missing - 1] - now_ns) / _NS


def limit_path(authority: str) -> Path:
    """Return the path of the file of a provider, by the host and port of its base URL.

    The folder depends on the user alone and on no variable but :data:`RUNTIME_VARIABLE`, since
    services, cron jobs and terminals of one user differ in all others.
    """
    # Another layout has another name, since processes of both versions may run.
    digest = hashlib.blake2b(authority.encode(), digest_size=6, person=_MAGIC).hexdigest()
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
    """

    def __init__(self, path: Path) -> None:
        self._path = path

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
                    with LimitFile(path).locked():
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
            limit = LockedLimit(descriptor)
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
            return _decode(os.pread(descriptor, _MAX_BYTES, 0))
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

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.state = _decode(os.pread(descriptor, _MAX_BYTES, 0))
        self._changed: set[int] = set()

    def take_place(self, now: float) -> tuple[int, int]:
        """Take a free place, or a new one; return its number and what tells it is still held."""
        now_ns, places = int(now * _NS), self.state.places
        free = (number for number, each in enumerate(places) if not _is_held(each, now_ns))
        number = next(free, len(places))
        held = -(now_ns + int(COUNTED_S * _NS))
        places[number : number + 1] = [held]
        self._changed.add(number)
        return number, held

    def free_place(self, number: int, held: int, at: float) -> None:
        """Free a place at a time, unless it was lost to another request."""
        if self.state.places[number : number + 1] == [held]:
            self.state.places[number] = int(at * _NS)
            self._changed.add(number)

    def store(self) -> None:
        """Write the state: the places first, since one that nobody holds is free in seconds."""
        state = self.state
        for number in self._changed:
            at = _HEADER.size + number * _TIME.size
            os.pwrite(self._descriptor, _TIME.pack(state.places[number]), at)
        times = (int(each * _NS) for each in (state.due, state.paused_until, state.raise_at))
        header = _HEADER.pack(_MAGIC, _boot_ns(), *times, state.factor)
        os.pwrite(self._descriptor, header, 0)


def _is_held(place: int, now_ns: int) -> bool:
    """Return whether a place is taken; a time beyond what is ever stored is of an earlier boot."""
    return now_ns < abs(place) <= now_ns + int((COUNTED_S + 0.1) * _NS)


def _decode(raw: bytes) -> LimitState:
    """Decode the file; of one that is damaged or of an earlier boot only a pause remains."""
    if not raw:
        return LimitState()
    if len(raw) >= _HEADER.size:
        magic, boot, due, paused, raise_at, factor = _HEADER.unpack_from(raw)
        is_usable = magic == _MAGIC and 0 < factor <= 1
        if is_usable and abs(boot - _boot_ns()) < _SAME_BOOT_S * _NS:
            end = len(raw) - (len(raw) - _HEADER.size) % _TIME.size
            places = [time for (time,) in _TIME.iter_unpack(raw[_HEADER.size : end])]
            return LimitState(due / _NS, paused / _NS, raise_at / _NS, factor, places)
    return LimitState(paused_until=time.monotonic() + _UNKNOWN_PAUSE_S)


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
