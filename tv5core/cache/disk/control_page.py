"""The control page of a cache on disk: its epoch, its users, and whether its file is trusted.

It is a file beside LMDB's, because it must be writable when LMDB is not: overwriting bytes that
a file already has takes no room on the disk. It holds

- the *epoch*, a random number that every entry carries: entries of another epoch are invalid.
  Drawing a new one empties the cache at once, in every process, on a full disk too;
- whether the last user closed LMDB's file cleanly, and in which boot of the machine. Commits do
  not wait for the disk, so a file that was open when the power failed cannot be trusted (one
  whose process was killed can: the system still writes its pages).

Every user holds a shared lock on it; a process that gets the exclusive lock may replace a bad
file.
"""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path

__all__ = ["ControlPage", "UnusableError", "quarantine"]

_MAGIC = b"tv5cache"
_FORMAT = 1
_HEADER = struct.Struct("<8sIIQ16s")  # magic, format, clean, epoch, boot
_EPOCH = struct.Struct("<Q")
_CLEAN = struct.Struct("<I")
_CLEAN_AT, _EPOCH_AT = 12, 16
_PAGE_BYTES = 4096
_MAX_QUARANTINED = 100


class UnusableError(Exception):
    """The cache on disk cannot be used; the message says why. It never reaches a caller."""


def quarantine(path: Path) -> Path:
    """Rename a file that cannot be used, so that its content is not lost.

    Raises
    ------
    UnusableError
        A hundred are there already, or the folder does not allow it.
    """
    for number in range(1, _MAX_QUARANTINED):
        other = path.with_name(f"{path.name}.aside-{number}")
        if not os.path.lexists(other):
            try:
                return path.rename(other)
            except OSError as error:
                raise UnusableError(f"{path}: expected to rename it, got {error}") from error
    raise UnusableError(
        f"{path}: expected a free name to put it aside, got {_MAX_QUARANTINED} taken"
    )


class ControlPage:
    """The control page, opened and locked.

    Parameters
    ----------
    path : Path
        Created where it is missing; a foreign file of this name is renamed.

    Attributes
    ----------
    exclusive : bool
        Whether this process has the exclusive lock: at most from opening to
        :meth:`lock_shared`.
    trusted : bool
        Whether LMDB's file was closed cleanly, or opened in this boot of the machine.
    quarantined : Path or None
        The new name of a foreign file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.quarantined: Path | None = None
        self._descriptor = self._open()
        try:
            self.exclusive = self._lock()
            if not self._is_ours():
                self._replace_foreign()
            self.trusted = self._read_trust()
            if self.exclusive:
                self._write_clean(clean=False)
        except BaseException:
            self.close_file()
            raise

    def _open(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise UnusableError(f"{self.path}: expected a file to write, got {error}") from error

    def _lock(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Others use it; where one is opening it exclusively, this waits for the end of that.
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)
            return False
        return True

    def _is_ours(self) -> bool:
        raw = os.pread(self._descriptor, _PAGE_BYTES, 0)
        if self.exclusive and not raw.rstrip(b"\0"):  # new, or truncated while it was created
            self._initialise()
            return True
        if len(raw) != _PAGE_BYTES or raw[:8] != _MAGIC:
            return False
        if (version := _HEADER.unpack_from(raw)[1]) != _FORMAT:
            raise UnusableError(f"{self.path}: expected a cache of format {_FORMAT}, got {version}")
        return True

    def _initialise(self) -> None:
        page = _HEADER.pack(_MAGIC, _FORMAT, 0, _random(), _boot()).ljust(_PAGE_BYTES, b"\0")
        try:
            os.ftruncate(self._descriptor, 0)
            # The magic is written last: a page without it is initialised again.
            written = os.pwrite(self._descriptor, page[8:], 8)
            written += os.pwrite(self._descriptor, page[:8], 0)
        except OSError as error:
            raise UnusableError(f"{self.path}: expected room for a page, got {error}") from error
        if written != _PAGE_BYTES:
            raise UnusableError(f"{self.path}: expected room for a page, got {written} bytes")

    def _replace_foreign(self) -> None:
        if not self.exclusive:
            raise UnusableError(f"{self.path}: expected a cache's control page, got another file")
        self.quarantined = quarantine(self.path)
        os.close(self._descriptor)
        self._descriptor = self._open()
        self.exclusive = self._lock()
        if not self._is_ours():
            raise UnusableError(f"{self.path}: expected a new control page, got another file")

    def _read_trust(self) -> bool:
        _, _, clean, _, boot = _HEADER.unpack(os.pread(self._descriptor, _HEADER.size, 0))
        return bool(clean) or boot == _boot()

    def _write_clean(self, *, clean: bool) -> None:
        with suppress(OSError):
            os.pwrite(self._descriptor, _boot(), _EPOCH_AT + 8)
            os.pwrite(self._descriptor, _CLEAN.pack(clean), _CLEAN_AT)

    @property
    def epoch(self) -> int:
        """The current epoch; 0, which no entry has, where it cannot be read."""
        # Read each time rather than mapped: truncating a mapped file kills its readers.
        try:
            raw = os.pread(self._descriptor, 8, _EPOCH_AT)
        except OSError:
            return 0
        return int(_EPOCH.unpack(raw)[0]) if len(raw) == 8 else 0

    def renew_epoch(self) -> bool:
        """Empty the cache by drawing a new epoch; return whether that could be written."""
        try:
            return os.pwrite(self._descriptor, _EPOCH.pack(_random()), _EPOCH_AT) == 8
        except OSError:
            return False

    def lock_shared(self) -> None:
        """Change to the shared lock, so that others can open the cache."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        self.exclusive = False

    def try_exclusive(self) -> bool:
        """Try to get the exclusive lock; return whether there are no other users."""
        with suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.exclusive = True
        return self.exclusive

    def close(self, *, clean: bool) -> None:
        """Unlock and close; ``clean`` records that LMDB's file is completely on the disk."""
        if clean and self.exclusive:
            self._write_clean(clean=True)
            with suppress(OSError):
                os.fsync(self._descriptor)
        with suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self.close_file()

    def close_file(self) -> None:
        """Close the file without unlocking it, for a process that shares it after a fork."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _random() -> int:
    return int.from_bytes(os.urandom(8), "little") or 1


def _boot() -> bytes:
    """Return 16 bytes that identify this boot of the machine; zeros where unknown."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text("ascii")
        return bytes.fromhex(text.strip().replace("-", ""))[:16].ljust(16, b"\0")
    except (OSError, ValueError):
        return bytes(16)
