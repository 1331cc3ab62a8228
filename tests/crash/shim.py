"""The preloaded library that makes file operations fail (``shim.c``): built, and steered."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple, NoReturn

WRITE, FSYNC, TRUNCATE, RENAME, UNLINK, CREATE, MKDIR = (1 << n for n in range(7))
ALL = 0x7F
NEEDS_ROOM = WRITE | TRUNCATE | CREATE | MKDIR
NAMES = {
    WRITE: "write",
    FSYNC: "fsync",
    TRUNCATE: "truncate",
    RENAME: "rename",
    UNLINK: "unlink",
    CREATE: "create",
    MKDIR: "mkdir",
}
COUNT, FAIL, SHORT, KILL_BEFORE, KILL_AFTER, KILL_TORN = range(6)
EIO, ENOSPC = errno.EIO, errno.ENOSPC

_SOURCE = Path(__file__).with_name("shim.c")


class Step(NamedTuple):
    """One operation on a file."""

    op: str
    path: str


def missing() -> str:
    """Say why the shim cannot be used here; empty where it can."""
    if not sys.platform.startswith("linux"):
        return "needs Linux's LD_PRELOAD"
    return "" if _compiler() else "needs a C compiler (cc, gcc or clang)"


def _compiler() -> str | None:
    return next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)


def build() -> Path:
    """Compile the shim once for each of its versions; return the library."""
    digest = hashlib.blake2b(_SOURCE.read_bytes(), digest_size=8).hexdigest()
    library = Path(tempfile.gettempdir()) / f"tv5-shim-{os.getuid()}-{digest}.so"
    if not library.exists():
        fresh = library.with_suffix(f".{os.getpid()}")
        command = [_compiler() or "cc", "-O1", "-shared", "-fPIC", "-o", fresh, _SOURCE, "-ldl"]
        subprocess.run(command, check=True)
        fresh.rename(library)
    return library


def environment() -> dict[str, str]:
    """Return the environment of a process under the shim, with one thread for every library."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**os.environ, "LD_PRELOAD": str(build()), **threads}


def preload(module: str, arguments: list[str]) -> NoReturn:
    """Replace this process by ``python -m module`` under the shim."""
    root = str(Path(__file__).parents[2])
    # The checkout goes last: what is installed is what is tested.
    code = (
        f"import sys, runpy; sys.path.append({root!r}); "
        f"sys.argv[0] = {module!r}; runpy.run_module({module!r}, run_name='__main__')"
    )
    os.execve(sys.executable, [sys.executable, "-c", code, *arguments], environment())


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None)
    library.shim_arm.argtypes = [
        ctypes.c_char_p,
        ctypes.c_uint,
        ctypes.c_long,
        *[ctypes.c_int] * 3,
    ]
    library.shim_log.argtypes = [ctypes.c_char_p] * 2
    library.shim_note.argtypes = [ctypes.c_char_p]
    library.shim_count.restype = library.shim_fired.restype = ctypes.c_long
    library.shim_trace_path.restype = ctypes.c_char_p
    library.shim_trace_op.argtypes = library.shim_trace_path.argtypes = [ctypes.c_long]
    return library


def active() -> bool:
    """Say whether this process runs under the shim."""
    return hasattr(ctypes.CDLL(None), "shim_arm")


def arm(
    path: str,
    nth: int = 0,
    action: int = COUNT,
    *,
    ops: int = ALL,
    error: int = EIO,
    on: bool = False,
) -> None:
    """Count this process's operations on paths that contain ``path``, and act on the n-th.

    ``on`` makes every later one fail, too. Children are not affected.
    """
    _library().shim_arm(path.encode(), ops, nth, action, error, int(on))


def log(path: str, to: Path) -> None:
    """Let everything pass, and append this process's operations on ``path`` to a file."""
    _library().shim_log(path.encode(), os.fsencode(to))


def note(text: str) -> None:
    """Append a text to the log, if there is one."""
    _library().shim_note(text.encode())


def disarm() -> None:
    """Let every operation succeed again."""
    _library().shim_disarm()


def count() -> int:
    """Return how many operations were counted, in the process that was last armed."""
    return int(_library().shim_count())


def fired() -> int:
    """Return how many operations were made to fail."""
    return int(_library().shim_fired())


def trace() -> list[Step]:
    """Return the operations counted, in order."""
    library = _library()
    return [
        Step(NAMES.get(library.shim_trace_op(i), "?"), library.shim_trace_path(i).decode())
        for i in range(min(count(), 20_000))
    ]
