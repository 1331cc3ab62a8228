"""Buckets of all processes of one gateway, without Redis: a table in a file that each maps.

An entry is a client's digest and the time at which its bucket will be full, by the machine's
monotonic clock, which all processes share. A client's digest says in which set of entries it is;
the set is locked while a token is taken, for some microseconds, by a record lock (``fcntl``), which
the system releases with a process that dies. Where a set is full, the entry gives way whose bucket
is full or will be soonest: it says least.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

from tv5core.server.client_limits.buckets import judged
from tv5core.server.client_limits.quota import Quota, Verdict

__all__ = ["CLIENTS_FILE", "SharedBuckets"]

CLIENTS_FILE = "clients"
"""The table's name in the folder that the processes of a gateway share."""

_ENTRY = struct.Struct("<Qd")
_WAYS, _SETS = 8, 1 << 14  # 131,072 clients in 2 MiB
_SET = struct.Struct("<" + "Qd" * _WAYS)
_BYTES = _SET.size * _SETS


class SharedBuckets:
    """Buckets that processes share.

    Parameters
    ----------
    path : Path
        A file that :meth:`make` has made.
    clock : callable
        Seconds; the same in all processes.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._table = mmap.mmap(self._file, _BYTES)
        except BaseException:
            os.close(self._file)
            raise

    @staticmethod
    def make(path: Path) -> None:
        """Make the file, of full buckets; all of it is written, so that no page is missing later.

        Raises
        ------
        OSError
            There is no room.
        """
        path.touch(0o600)
        path.write_bytes(bytes(_BYTES))

    async def take(self, client: str, quota: Quota) -> Verdict:
        """Take a token of a client's bucket, where there is one."""
        digest = hashlib.blake2b(client.encode("utf-8", "surrogateescape"), digest_size=8).digest()
        number = int.from_bytes(digest, "little") or 1  # 0 is nobody's
        start = number % _SETS * _SET.size
        fcntl.lockf(self._file, fcntl.LOCK_EX, _SET.size, start)
        try:
            return self._take(number, start, quota)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, _SET.size, start)

    def _take(self, number: int, start: int, quota: Quota) -> Verdict:
        """Take a token; the set is locked."""
        now, entries = self._clock(), _SET.unpack_from(self._table, start)
        numbers, times = entries[::2], entries[1::2]
        if number in numbers:
            place = numbers.index(number)
            full_at = min(times[place], now + quota.window_s)  # the quota may have changed
        else:
            place, full_at = times.index(min(times)), now
        full_at, verdict = judged(full_at, now, quota)
        _ENTRY.pack_into(self._table, start + place * _ENTRY.size, number, full_at)
        return verdict

    async def close(self) -> None:
        """Let go of the file."""
        self._table.close()
        os.close(self._file)
