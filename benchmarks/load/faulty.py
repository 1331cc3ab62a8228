"""A clock that jumps, and a disk that is full: for the processes of one gateway alone."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Clock", "SmallDisk", "clock", "small_disk"]

_SOURCE = Path(__file__).with_name("clock.c")
_PIECE = 1 << 20


class Clock:
    """A time of day that can be set, of the processes started with ``environment``.

    Parameters
    ----------
    folder : Path
        Where the library is compiled.

    Raises
    ------
    SystemExit
        There is no C compiler.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise SystemExit("expected a C compiler on the PATH, got none")
        library, self._offset = folder / "clock.so", folder / "offset"
        self.jump(0.0)
        command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE), "-ldl"]
        subprocess.run(command, check=True)
        self.environment = {"LD_PRELOAD": str(library), "TV5_CLOCK": str(self._offset)}

    def jump(self, seconds: float) -> None:
        """Set the time of day this far ahead of the machine's; negative for behind."""
        data = struct.pack("d", seconds)
        if not self._offset.exists():
            self._offset.write_bytes(data)
        with self._offset.open("r+b") as file:  # in place: it is mapped
            file.write(data)


@contextlib.contextmanager
def clock() -> Iterator[Clock]:
    """Yield a clock."""
    with tempfile.TemporaryDirectory(prefix="tv5-clock-") as made:
        yield Clock(Path(made))


class SmallDisk:
    """A file system of its own that can be filled.

    Attributes
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._filler = folder, folder / "filler"

    def fill(self) -> int:
        """Write until nothing is left; return how many bytes that took."""
        written = 0
        with self._filler.open("wb", buffering=0) as file:
            for size in (_PIECE, 4_096):
                try:
                    while True:
                        written += file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
        return written

    def free(self) -> None:
        """Make room again."""
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(size_bytes: int) -> Iterator[SmallDisk | None]:
    """Mount a file system in memory; None where this process may not."""
    with tempfile.TemporaryDirectory(prefix="tv5-disk-") as made:
        options = f"size={size_bytes},mode=700"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", made]
        if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
            yield None
            return
        try:
            yield SmallDisk(Path(made))
        finally:
            subprocess.run(["umount", "--lazy", made], check=False)
