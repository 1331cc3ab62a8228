"""The control page of a cache on disk: who uses it, and whether its content may be trusted.

A page of its own beside LMDB's file, because it must be writable when LMDB is not: changing
bytes that a file already has takes no room on the disk. It holds

- the *epoch*, a random number which every entry carries: entries of another epoch do not
  exist. Drawing a new one empties the cache at once, in every process, on a full disk too;
- whether the last user closed LMDB's file properly, and in which boot of the machine. LMDB is
  not told to wait for the disk, so a file that was open when the power failed cannot be
  trusted (one whose process was killed can: its pages are the system's).

Every user holds a shared lock on it, so that who opens it alone may put a bad file aside.
"""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path

__all__ = ["ControlPage", "UnusableError", "aside"]

_MAGIC = b"tv5cache"
_FORMAT = 1
_HEAD = struct.Struct("<8sIIQ16s")  # magic, format, clean, epoch, boot
_EPOCH = struct.Struct("<Q")
_CLEAN = struct.Struct("<I")
_CLEAN_AT, _EPOCH_AT = 12, 16
_PAGE_BYTES = 4096
_MAX_ASIDE = 100


class UnusableError(Exception):
    """The cache on disk cannot be used; the message says why. Never reaches a caller."""


def aside(path: Path) -> Path:
    """Rename a file that is not for us to use, so that nothing of it is lost.

    Raises
    ------
    UnusableError
        There are a hundred already, or the folder does not allow it.
    """
    for number in range(1, _MAX_ASIDE):
        other = path.with_name(f"{path.name}.aside-{number}")
        if not os.path.lexists(other):
            try:
                return path.rename(other)
            except OSError as error:
                raise UnusableError(f"{path}: expected to rename it, got {error}") from error
    raise UnusableError(f"{path}: expected a free name to put it aside, got {_MAX_ASIDE} taken")


class ControlPage:
    """The control page, opened and locked.

    Parameters
    ----------
    path : Path
        Made where it is missing; what is there and is none of ours is put aside.

    Attributes
    ----------
    alone : bool
        Whether nobody else uses the cache; true from opening until :meth:`share`, at most.
    trusted : bool
        Whether LMDB's file was closed properly, or opened in this boot of the machine.
    found_foreign : Path or None
        Where a foreign file of this name was put.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found_foreign: Path | None = None
        self._descriptor = self._open()
        try:
            self.alone = self._lock()
            if not self._is_ours():
                self._replace_foreign()
            self.trusted = self._read_trust()
            if self.alone:
                self._write_clean(clean=False)
        except BaseException:
            self.forget()
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
            # Others are in; where one is just opening it alone, this waits for the end of that.
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)
            return False
        return True

    def _is_ours(self) -> bool:
        raw = os.pread(self._descriptor, _PAGE_BYTES, 0)
        if self.alone and not raw.rstrip(b"\0"):  # new, or cut short while it was made
            self._initialise()
            return True
        if len(raw) != _PAGE_BYTES or raw[:8] != _MAGIC:
            return False
        if (version := _HEAD.unpack_from(raw)[1]) != _FORMAT:
            raise UnusableError(f"{self.path}: expected a cache of format {_FORMAT}, got {version}")
        return True

    def _initialise(self) -> None:
        page = _HEAD.pack(_MAGIC, _FORMAT, 0, _random(), _boot()).ljust(_PAGE_BYTES, b"\0")
        try:
            os.ftruncate(self._descriptor, 0)
            # The magic comes last: a page without it is made anew.
            written = os.pwrite(self._descriptor, page[8:], 8)
            written += os.pwrite(self._descriptor, page[:8], 0)
        except OSError as error:
            raise UnusableError(f"{self.path}: expected room for a page, got {error}") from error
        if written != _PAGE_BYTES:
            raise UnusableError(f"{self.path}: expected room for a page, got {written} bytes")

    def _replace_foreign(self) -> None:
        if not self.alone:
            raise UnusableError(f"{self.path}: expected a cache's control page, got another file")
        self.found_foreign = aside(self.path)
        os.close(self._descriptor)
        self._descriptor = self._open()
        self.alone = self._lock()
        if not self._is_ours():
            raise UnusableError(f"{self.path}: expected a new control page, got another file")

    def _read_trust(self) -> bool:
        _, _, clean, _, boot = _HEAD.unpack(os.pread(self._descriptor, _HEAD.size, 0))
        return bool(clean) or boot == _boot()

    def _write_clean(self, *, clean: bool) -> None:
        with suppress(OSError):
            os.pwrite(self._descriptor, _boot(), _EPOCH_AT + 8)
            os.pwrite(self._descriptor, _CLEAN.pack(clean), _CLEAN_AT)

    @property
    def epoch(self) -> int:
        """The present epoch; 0, which no entry has, where it cannot be read."""
        # Read each time rather than mapped: a file cut short under a map kills its readers.
        try:
            raw = os.pread(self._descriptor, 8, _EPOCH_AT)
        except OSError:
            return 0
        return int(_EPOCH.unpack(raw)[0]) if len(raw) == 8 else 0

    def renew(self) -> bool:
        """Empty the cache by drawing a new epoch; say whether that could be written."""
        try:
            return os.pwrite(self._descriptor, _EPOCH.pack(_random()), _EPOCH_AT) == 8
        except OSError:
            return False

    def share(self) -> None:
        """Let others in."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        self.alone = False

    def take_alone(self) -> bool:
        """Say whether there are no other users, and keep them out if so."""
        with suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.alone = True
        return self.alone

    def close(self, *, clean: bool) -> None:
        """Leave; the last user tells whether LMDB's file is wholly on the disk."""
        if clean and self.alone:
            self._write_clean(clean=True)
            with suppress(OSError):
                os.fsync(self._descriptor)
        with suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self.forget()

    def forget(self) -> None:
        """Close the file without unlocking it for a process that shares it."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _random() -> int:
    return int.from_bytes(os.urandom(8), "little") or 1


def _boot() -> bytes:
    """Name this boot of the machine in 16 bytes; zeros where the system does not."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text("ascii")
        return bytes.fromhex(text.strip().replace("-", ""))[:16].ljust(16, b"\0")
    except (OSError, ValueError):
        return bytes(16)
